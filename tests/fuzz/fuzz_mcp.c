/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Framing and messages of the MCP face. The first byte says how the rest is cut into pieces; the
 * lines must not depend on that. Whatever a line holds: an id that goes back is a part of the line,
 * byte by byte, and a request has all that the server takes for granted of it.
 */

#include "tests/support/fuzz.h"

#include <string.h>

#include "common/buf.h"
#include "tools/cordon/mcp/mcp_framing.h"
#include "tools/cordon/mcp/mcp_message.h"

#define MAX_LINE 512u

static void use_line(const char *line, size_t len)
{
	struct mcp_message m;
	struct mcp_id id = {0};

	mcp_message_parse(line, len, &m);
	if (m.id.raw) {
		fuzz_expect(memmem(line, len, m.id.raw, strlen(m.id.raw)) != NULL);
		fuzz_expect(m.id.key != NULL);
		fuzz_expect(strlen(m.id.raw) <= MCP_MAX_ID_BYTES);
	}
	if (m.kind == MCP_REQUEST || m.kind == MCP_NOTIFICATION) {
		fuzz_expect(m.method != NULL);
		fuzz_expect((m.kind == MCP_REQUEST) == (m.id.raw != NULL));
		(void)mcp_cancelled_id(line, len, &id);
		mcp_id_done(&id);
	}
	if (m.kind == MCP_REQUEST && m.params)
		fuzz_expect(json_type(m.params) == JSON_OBJECT);
	if (m.kind == MCP_INVALID) {
		fuzz_expect(m.code < 0);
		fuzz_expect(m.reason.text[0] != '\0');
	}
	mcp_message_done(&m);
}

static void on_line(void *ctx, const char *line, size_t len)
{
	struct buf *seen = ctx;

	fuzz_expect(!line || (len > 0 && len <= MAX_LINE));
	if (line)
		buf_put(seen, line, len);
	buf_puts(seen, line ? "\n" : "too long\n\n");
}

static void feed(const char *text, size_t len, size_t piece, struct buf *seen)
{
	struct mcp_framing framing;

	mcp_framing_init(&framing, MAX_LINE);
	for (size_t at = 0; at < len; at += piece)
		mcp_framing_feed(&framing, text + at, len - at < piece ? len - at : piece, on_line,
				 seen);
	mcp_framing_end(&framing, on_line, seen);
	mcp_framing_done(&framing);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_buf_ struct buf whole = BUF_INIT(0);
	_cleanup_buf_ struct buf pieces = BUF_INIT(0);
	const char *text = (const char *)data + 1;

	if (size < 2)
		return 0;
	feed(text, size - 1, size, &whole);
	feed(text, size - 1, (size_t)data[0] + 1, &pieces);
	fuzz_expect(whole.len == pieces.len);
	fuzz_expect(!whole.len || memcmp(whole.data, pieces.data, whole.len) == 0);
	for (const char *at = whole.data; at && at < whole.data + whole.len;) {
		const char *end = memchr(at, '\n', (size_t)(whole.data + whole.len - at));

		if (end > at)
			use_line(at, (size_t)(end - at));
		at = end + 1;
	}
	return 0;
}
