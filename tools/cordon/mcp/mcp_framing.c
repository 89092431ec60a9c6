/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cordon/mcp/mcp_framing.h"

#include <string.h>

/* A buffer that held a large message is given back; small ones keep theirs. */
#define KEEP_BYTES (64u << 10)

void mcp_framing_init(struct mcp_framing *framing, size_t max_line_bytes)
{
	*framing = (struct mcp_framing){.line = BUF_INIT(max_line_bytes)};
}

void mcp_framing_done(struct mcp_framing *framing)
{
	buf_done(&framing->line);
}

static bool is_blank(const char *line, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (line[i] != ' ' && line[i] != '\t' && line[i] != '\r')
			return false;
	}
	return true;
}

static void forget_line(struct mcp_framing *framing)
{
	if (framing->line.cap > KEEP_BYTES)
		buf_done(&framing->line);
	buf_clear(&framing->line);
}

/* Takes in a part of a line. Return: false if with it the line is too long. */
static bool keep(struct mcp_framing *framing, const char *bytes, size_t len)
{
	if (framing->skipping)
		return false;
	buf_put(&framing->line, bytes, len);
	if (!framing->line.overflow)
		return true;
	forget_line(framing);
	framing->skipping = true;
	return false;
}

static void end_line(struct mcp_framing *framing, const char *bytes, size_t len, mcp_line_fn fn,
		     void *ctx)
{
	/* The usual case: a line that came in one piece is handed on where it stands. */
	if (!framing->skipping && !framing->line.len && len <= framing->line.max) {
		if (!is_blank(bytes, len))
			fn(ctx, bytes, len);
		return;
	}
	if (!keep(framing, bytes, len)) {
		framing->skipping = false;
		fn(ctx, NULL, 0);
		return;
	}
	if (!is_blank(framing->line.data, framing->line.len))
		fn(ctx, framing->line.data, framing->line.len);
	forget_line(framing);
}

void mcp_framing_feed(struct mcp_framing *framing, const char *bytes, size_t len, mcp_line_fn fn,
		      void *ctx)
{
	while (len) {
		const char *newline = memchr(bytes, '\n', len);
		const size_t part = newline ? (size_t)(newline - bytes) : len;

		if (!newline) {
			(void)keep(framing, bytes, part);
			return;
		}
		end_line(framing, bytes, part, fn, ctx);
		bytes += part + 1;
		len -= part + 1;
	}
}

void mcp_framing_end(struct mcp_framing *framing, mcp_line_fn fn, void *ctx)
{
	if (framing->skipping || framing->line.len)
		end_line(framing, "", 0, fn, ctx);
}
