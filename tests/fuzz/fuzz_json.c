/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The JSON gate against another strict reader, and everything behind the gate: what it lets pass
 * must parse, print, be found again by its path, and read the same when read anew.
 */

#include "tests/support/fuzz.h"

#include <string.h>

#include "common/cleanup.h"
#include "common/json.h"
#include "tests/support/json_oracle.h"

/* Reasons for which only we refuse; the oracle allows these. */
static const char *const stricter[] = {"nested too deeply", "too many digits", "too many values"};

static bool is_stricter(const char *reason)
{
	for (size_t i = 0; i < sizeof(stricter) / sizeof(stricter[0]); i++) {
		if (strstr(reason, stricter[i]))
			return true;
	}
	return false;
}

static void use_tree(const struct json *doc, const char *text, size_t size)
{
	_cleanup_free_ char *printed = json_print(doc);
	_cleanup_free_ char *again_printed = NULL;
	_cleanup_(json_freep) struct json *again = NULL;

	fuzz_expect(json_parse("printed", printed, strlen(printed), &again, NULL) == 0);
	again_printed = json_print(again);
	fuzz_expect(strcmp(printed, again_printed) == 0);
	if (json_type(doc) != JSON_OBJECT)
		return;
	for (const struct json *m = json_first(doc); m; m = json_next(m)) {
		_cleanup_(json_freep) struct json *part = NULL;
		_cleanup_free_ char *a = json_print(m);
		_cleanup_free_ char *b = NULL;
		const char *at = NULL;
		size_t len = 0;

		fuzz_expect(json_member_raw(text, size, json_key(m), &at, &len) == 0);
		fuzz_expect(at >= text && at + len <= text + size);
		fuzz_expect(json_parse("member", at, len, &part, NULL) == 0);
		b = json_print(part);
		fuzz_expect(strcmp(a, b) == 0);
		fuzz_expect(json_get(doc, json_key(m)) == m);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(json_freep) struct json *doc = NULL;
	const char *text = (const char *)data;
	struct error err = {0};
	size_t offset = 0;
	const int r = json_parse("input", text, size, &doc, &err);

	if (size && memchr(data, '\0', size)) {
		fuzz_expect(r < 0); /* the oracle swallows the byte after a number */
	} else if (r == 0) {
		fuzz_expect(json_oracle_accepts(text, size));
		use_tree(doc, text, size);
	} else {
		fuzz_expect(is_stricter(err.text) || !json_oracle_accepts(text, size));
	}
	/* On text that is no JSON these must stay inside the bytes, nothing more. */
	(void)json_locate(text, size, "$.a[1].b[0][\"\\u0063\"]", &offset);
	offset = json_string_offset(text, size, offset, 3);
	fuzz_expect(offset <= size);
	return 0;
}
