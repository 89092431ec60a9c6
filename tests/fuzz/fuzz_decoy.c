/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The decoy's readers: HTTP, whose pieces must not depend on how the bytes were divided, and the
 * commands of a git push, which every body is tried as.
 */

#include "tests/support/fuzz.h"

#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "monitor/net/decoy/git_push.h"
#include "monitor/net/decoy/http.h"

static void use_request(const struct http_request *request, struct buf *out)
{
	const struct str path = http_path(request);
	const struct str parameter = http_parameter(request, "service");

	buf_printf(out, "[%s %s %s %s]", request->method, request->target, request->version,
		   request->host);
	buf_put(out, path.at, path.len);
	buf_put(out, request->head.at, request->head.len);
	if (parameter.at)
		buf_put(out, parameter.at, parameter.len);
	for (size_t i = 0; i < request->field_count; i++)
		fuzz_expect(http_field(request, request->fields[i].name) != NULL);
}

/* Fed in pieces of that size; what came of it in @out. */
static void read_all(const char *bytes, size_t len, size_t piece, struct buf *out)
{
	struct http_reader reader = {0};
	_cleanup_buf_ struct buf in = BUF_INIT(0);
	enum http_part part = HTTP_MORE;
	size_t taken;

	for (size_t at = 0; at < len && part != HTTP_BROKEN; at += piece) {
		buf_put(&in, bytes + at, len - at < piece ? len - at : piece);
		do {
			part = http_reader_feed(&reader, in.data, in.len, &taken);
			fuzz_expect(taken <= in.len);
			if (part == HTTP_HEAD)
				use_request(&reader.request, out);
			if (part == HTTP_BODY)
				buf_put(out, in.data, taken);
			if (part == HTTP_END)
				buf_puts(out, "<end>");
			if (part == HTTP_BROKEN)
				buf_puts(out, reader.broken);
			buf_consume(&in, taken);
		} while (part != HTTP_MORE && part != HTTP_BROKEN);
	}
	http_reader_done(&reader);
}

static void read_push(const char *bytes, size_t len)
{
	static struct git_push push;

	if (git_push_parse(bytes, len, &push))
		return;
	for (size_t i = 0; i < push.count; i++) {
		fuzz_expect(strlen(push.updates[i].ref) <= MAX_GIT_REF && push.updates[i].ref[0]);
		fuzz_expect(strlen(push.updates[i].old_oid) >= 40);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Bytes of their own, so that one read too many is seen. */
	_cleanup_free_ char *bytes = xcalloc(1, size ? size : 1);
	_cleanup_buf_ struct buf whole = BUF_INIT(0);
	_cleanup_buf_ struct buf pieces = BUF_INIT(0);

	if (size)
		memcpy(bytes, data, size);
	read_push(bytes, size);
	(void)http_begins(bytes, size);
	read_all(bytes, size, size ? size : 1, &whole);
	read_all(bytes, size, 1 + size % 7, &pieces);
	fuzz_expect(whole.len == pieces.len);
	fuzz_expect(!whole.len || memcmp(whole.data, pieces.data, whole.len) == 0);
	return 0;
}
