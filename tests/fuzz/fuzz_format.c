/* SPDX-License-Identifier: Apache-2.0 */

/* A document that is brought into the form has the same values, and is in the form. */

#include "tests/support/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "monitor/policy/format.h"

/* NOLINTNEXTLINE(misc-no-recursion): JSON is nested no deeper than MAX_JSON_DEPTH */
static void same(const struct json *a, const struct json *b)
{
	const struct json *j = json_first(b);

	fuzz_expect(a && b && json_type(a) == json_type(b));
	fuzz_expect(json_length(a) == json_length(b));
	fuzz_expect(json_bool(a) == json_bool(b) && json_number(a) == json_number(b));
	if (json_type(a) == JSON_STRING)
		fuzz_expect(strcmp(json_string(a), json_string(b)) == 0);
	for (const struct json *i = json_first(a); i; i = json_next(i)) {
		if (json_type(a) == JSON_OBJECT) {
			same(i, json_get(b, json_key(i)));
			continue;
		}
		same(i, j);
		j = json_next(j);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sources sources = {0};
	struct buf once = BUF_INIT(0);
	struct buf twice = BUF_INIT(0);
	struct error err = {0};

	if (sources_add_text(&sources, "a", (const char *)data, size, &err) == 0 &&
	    policy_format(&sources.items[0], &once, &err) == 0) {
		fuzz_expect(sources_add_text(&sources, "b", once.data, once.len, &err) == 0);
		same(sources.items[0].doc, sources.items[1].doc);
		fuzz_expect(policy_format(&sources.items[1], &twice, &err) == 0);
		fuzz_expect(once.len == twice.len && memcmp(once.data, twice.data, once.len) == 0);
	}
	buf_done(&once);
	buf_done(&twice);
	sources_done(&sources);
	return 0;
}
