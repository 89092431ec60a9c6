/* SPDX-License-Identifier: Apache-2.0 */

/* First bytes that are no text: TLS, or nothing that is known. */

#include "monitor/net/first_bytes_internal.h"
#include "monitor/net/first_line.h"

/* Whether the bytes up to now could begin a ClientHello of SSL 2: 0x80+, length, 1, version. */
static bool may_be_ssl2(const uint8_t *start, unsigned len)
{
	if (!(start[0] & 0x80) || (len > 2 && start[2] != 1))
		return false;
	return (len <= 3 || start[3] == 3 || start[3] == 0) &&
	       (len <= 4 || start[3] == 3 || start[4] == 2);
}

/* Two bytes that SSL 2 may begin with are white space to some server, before a word or a line end.
 */
static bool may_be_line(const uint8_t *start, unsigned len)
{
	return first_line_is_space(start[0]) && (len < 2 || http_is_token(start[1]) ||
						 first_line_is_space(start[1]) || start[1] == '\n');
}

static enum first_outcome no_ssl2(struct first_bytes *fb)
{
	enum first_outcome outcome = FIRST_MORE;

	if (!may_be_line(fb->start, fb->start_len))
		return first_other(fb);
	fb->mode = MODE_LINE;
	for (unsigned i = 0; i < fb->start_len && outcome == FIRST_MORE; i++)
		outcome = first_line_byte(fb, fb->start[i]);
	return outcome;
}

enum first_outcome first_binary_byte(struct first_bytes *fb, uint8_t c)
{
	size_t taken;

	fb->start[fb->start_len++] = c;
	if (fb->start[0] == 22) {
		if (fb->start_len == 1)
			return FIRST_MORE;
		if (c != 3)
			return first_other(fb);
		fb->mode = MODE_TLS;
		fb->seen.protocol = "tls";
		(void)tls_records_feed(&fb->records, fb->start, fb->start_len, &taken,
				       &fb->seen.broken);
		return FIRST_MORE;
	}
	if (!may_be_ssl2(fb->start, fb->start_len))
		return no_ssl2(fb);
	if (fb->start_len < BINARY_START)
		return FIRST_MORE;
	fb->seen.protocol = "tls";
	return first_broken(fb, "the ClientHello is of SSL 2, which names no server");
}
