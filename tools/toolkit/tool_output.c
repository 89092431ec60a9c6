/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/toolkit/tool_output.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/limits.h"
#include "common/utf8.h"

#define HALF ((size_t)MAX_OUTPUT_BYTES / 2)

void tool_output_init(struct tool_output *output)
{
	*output = (struct tool_output){.head = BUF_INIT(HALF)};
}

void tool_output_done(struct tool_output *output)
{
	buf_done(&output->head);
	free(output->tail);
	*output = (struct tool_output){0};
}

static void put_tail(struct tool_output *output, const char *bytes, size_t len)
{
	if (!output->tail)
		output->tail = xcalloc(1, HALF);
	if (len > HALF) {
		bytes += len - HALF;
		len = HALF;
	}
	while (len) {
		const size_t room = HALF - output->tail_at;
		const size_t n = len < room ? len : room;

		memcpy(output->tail + output->tail_at, bytes, n);
		output->tail_at = (output->tail_at + n) % HALF;
		bytes += n;
		len -= n;
	}
}

void tool_output_put(struct tool_output *output, const char *bytes, size_t len)
{
	const size_t room = HALF - output->head.len;
	const size_t n = len < room ? len : room;

	output->total += len;
	buf_put(&output->head, bytes, n);
	if (len > n)
		put_tail(output, bytes + n, len - n);
}

uint64_t tool_output_dropped(const struct tool_output *output)
{
	return output->total > 2 * HALF ? output->total - 2 * HALF : 0;
}

void tool_output_get(const struct tool_output *output, struct buf *to)
{
	const uint64_t dropped = tool_output_dropped(output);
	const size_t behind = (size_t)(output->total - output->head.len - dropped);

	if (output->head.len)
		buf_put(to, output->head.data, output->head.len);
	if (dropped) {
		buf_printf(to, "\n[output cut here: %" PRIu64 " bytes left out]\n", dropped);
		buf_put(to, output->tail + output->tail_at, HALF - output->tail_at);
		buf_put(to, output->tail, output->tail_at);
	} else if (behind) {
		/* Not wrapped, or wrapped exactly to the start. */
		buf_put(to, output->tail, behind);
	}
}

size_t text_put_utf8(struct buf *to, const char *bytes, size_t len)
{
	size_t replaced = 0;
	size_t from = 0;
	size_t at = 0;

	while (at < len) {
		const unsigned n = bytes[at] ? utf8_length(bytes + at, len - at) : 0;

		if (n) {
			at += n;
			continue;
		}
		buf_put(to, bytes + from, at - from);
		buf_puts(to, "\xef\xbf\xbd");
		from = ++at;
		replaced++;
	}
	if (from < len)
		buf_put(to, bytes + from, len - from);
	return replaced;
}
