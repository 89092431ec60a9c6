/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What is protected leaves no event: of any texts in it, and of any arguments of a tool,
 * well-formed or not. What becomes of the line is JSON as before, has as many marks as were
 * counted, and in no text of it, nor in what the arguments stand for, is left what was to be
 * masked.
 */

#include "tests/support/fuzz.h"

#include <string.h>

#include "common/cleanup.h"
#include "common/json.h"
#include "common/json_write.h"
#include "common/limits.h"
#include "monitor/evidence/mask.h"

#define SECRET	  "tok"
#define MARK	  "[#]"
#define MOST	  (4u << 10)
#define MAX_TEXTS 16u

static const unsigned char key[RECORD_MASK_KEY_BYTES];

/* Each SECRET that begins before @most is a mark. */
static size_t redact(void *ctx, const unsigned char *with, struct str text, size_t most,
		     struct buf *out)
{
	const size_t len = sizeof(SECRET) - 1;
	const char *end = text.at + text.len;
	const char *at = text.at;
	size_t marks = 0;
	const char *hit;

	(void)ctx;
	fuzz_expect(with == key);
	while ((hit = memmem(at, (size_t)(end - at), SECRET, len)) &&
	       (size_t)(hit - text.at) < most) {
		buf_put(out, at, (size_t)(hit - at));
		buf_puts(out, MARK);
		at = hit + len;
		marks++;
	}
	if (most < text.len)
		end = text.at + most;
	if (marks && at < end)
		buf_put(out, at, (size_t)(end - at));
	return marks;
}

static bool has_secret(const char *text)
{
	return text && strstr(text, SECRET);
}

/* Of all values in it, which the gate lets lie no deeper than that. */
static void expect_clean(const struct json *value)
{
	const struct json *todo[MAX_JSON_DEPTH + 2] = {value};
	unsigned depth = 1;

	while (depth) {
		const struct json *at = todo[depth - 1];

		if (!at) {
			depth--;
			continue;
		}
		fuzz_expect(!has_secret(json_key(at)) && !has_secret(json_string(at)));
		todo[depth - 1] = depth > 1 ? json_next(at) : NULL;
		todo[depth++] = json_first(at);
	}
}

/* The same once more in what the arguments say, if they are JSON. */
static void check_arguments(const struct json *fields)
{
	const char *args = json_get_string(fields, "args");
	_cleanup_(json_freep) struct json *inside = NULL;

	if (args && json_parse("args", args, strlen(args), &inside, NULL) == 0)
		expect_clean(inside);
}

static void put_event(const char *data, size_t size, size_t filling, struct buf *out)
{
	struct json_writer w = {.out = out};
	const char *end = data + size;
	_cleanup_buf_ struct buf args = BUF_INIT(0);

	json_begin_object(&w, NULL);
	json_put_string(&w, "kind", "tool.call");
	json_begin_object(&w, "fields");
	json_begin_array(&w, "argv");
	for (unsigned i = 0; i < MAX_TEXTS && data < end; i++) {
		const char *nul = memchr(data, 0, (size_t)(end - data));
		const size_t len = (size_t)((nul ? nul : end) - data);

		json_put_bytes(&w, NULL, data, len);
		data += len + (nul != NULL);
		if (nul && data < end && *data == 1) {
			data++;
			break;
		}
	}
	json_end_array(&w);
	for (size_t i = 0; i < filling; i++)
		buf_putc(&args, ' ');
	buf_put(&args, data, (size_t)(end - data));
	json_put_bytes(&w, "args", args.len ? args.data : "", args.len);
	json_end_object(&w);
	json_end_object(&w);
}

static size_t count(const struct buf *text, const char *what)
{
	const char *at = text->data;
	size_t n = 0;

	while ((at = memmem(at, (size_t)(text->data + text->len - at), what, strlen(what)))) {
		at += strlen(what);
		n++;
	}
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct masker masker = {redact, NULL, key};
	_cleanup_buf_ struct buf line = BUF_INIT(0);
	_cleanup_buf_ struct buf masked = BUF_INIT(0);
	_cleanup_(json_freep) struct json *event = NULL;
	bool is_long;
	size_t marks;

	if (!size || size > MOST)
		return 0;
	is_long = data[0] == 'L';
	/* Also where no more than the beginning is looked at. */
	put_event((const char *)data + 1, size - 1, is_long ? MASK_LOOK_BYTES - 64 : 0, &line);
	marks = mask_line(&masker, line.data, line.len, &masked);
	if (!marks)
		buf_clear(&masked);
	if (!marks)
		buf_put(&masked, line.data, line.len);
	/* Of what is not shown whole, marks may be behind what is. */
	fuzz_expect(is_long || marks <= count(&masked, MARK) + count(&masked, MASK_UNSEEN));
	fuzz_expect(json_parse("event", masked.data, masked.len, &event, NULL) == 0);
	expect_clean(event);
	check_arguments(json_get(event, "fields"));
	return 0;
}
