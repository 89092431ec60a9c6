/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A program that speaks HTTP/2 with the decoy, in one piece and in several: a head is one to
 * HTTP/1's reader, too, whatever names and values are in it; bodies and ends belong to requests
 * that are open, of which there are few; and each is forgotten once.
 */

#include "tests/support/fuzz.h"

#include "common/buf.h"
#include "common/cleanup.h"
#include "monitor/net/decoy/http.h"
#include "monitor/net/decoy/http2.h"

#define MAX_STEPS 4096u

struct request {
	unsigned *open; /* how many are */
	bool is_whole;
	uint64_t bytes;
};

static void *on_begin(void *ctx, const char *head, size_t len)
{
	struct request *request = xcalloc(1, sizeof(*request));
	struct http_reader reader = {0};
	size_t taken;

	fuzz_expect(len < MAX_HTTP_HEAD_BYTES);
	if (http_reader_feed(&reader, head, len, &taken) == HTTP_HEAD)
		fuzz_expect(taken == len);
	http_reader_done(&reader);
	request->open = ctx;
	++*request->open;
	fuzz_expect(*request->open <= MAX_HTTP2_STREAMS);
	return request;
}

static void on_body(void *ctx, const void *bytes, size_t len)
{
	struct request *request = ctx;

	(void)bytes;
	fuzz_expect(!request->is_whole);
	request->bytes += len;
}

static void on_end(void *ctx, bool is_full, struct http2_answer *ret)
{
	struct request *request = ctx;

	fuzz_expect(!request->is_whole);
	request->is_whole = true;
	ret->status = 200;
	ret->has_body = true;
	buf_puts(&ret->fields, "Content-Type: text/plain\r\n");
	if (!is_full)
		buf_printf(&ret->body, "%0*d", (int)(request->bytes % 50000), 0);
}

static void on_forget(void *ctx, bool is_whole)
{
	struct request *request = ctx;

	fuzz_expect(request->is_whole == is_whole && *request->open);
	--*request->open;
	free(request);
}

static const struct http2_ops ops = {
	.begin = on_begin, .body = on_body, .end = on_end, .forget = on_forget};

static void talk(const char *bytes, size_t len, size_t piece)
{
	unsigned open = 0;
	struct http2 *http2 = http2_new(&ops, &open);
	int r = http2_feed(http2, HTTP2_PREFACE, sizeof(HTTP2_PREFACE) - 1);

	for (size_t at = 0; at < len && r == 0; at += piece) {
		r = http2_feed(http2, bytes + at, len - at < piece ? len - at : piece);
		for (unsigned i = 0; r == 0 && i < MAX_STEPS; i++) {
			_cleanup_buf_ struct buf out = BUF_INIT(0);

			http2_take(http2, &out);
			if (!out.len)
				break;
		}
		if (r == 0 && http2_is_over(http2))
			break;
	}
	(void)http2_free(http2);
	fuzz_expect(!open);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	talk((const char *)data, size, size ? size : 1);
	talk((const char *)data, size, 1 + size % 7);
	return 0;
}
