/* SPDX-License-Identifier: Apache-2.0 */

/* First bytes that are no text: TLS, or nothing that is known. */

#include "monitor/net/first_bytes_internal.h"
#include "monitor/net/first_line.h"

#define SSL2_START  5u
#define MAX_CONTENT (18u << 10) /* of any record */

enum {
	RECORD_CHANGE_CIPHER_SPEC = 20,
	RECORD_ALERT = 21,
	RECORD_HANDSHAKE = 22,
	RECORD_HEARTBEAT = 24,
	ALERT_WARNING = 1,
	CLIENT_HELLO = 1,
};

bool first_binary_may_be_record(uint8_t c)
{
	return c >= RECORD_CHANGE_CIPHER_SPEC && c <= RECORD_HEARTBEAT;
}

/*
 * Whether the bytes up to now could begin what some server passes over before a ClientHello, or
 * takes for one although no client says it so: OpenSSL an empty change of cipher; Java a warning,
 * as Go by its source, an empty record, and a ClientHello in one of any version. The sixth byte
 * tells them from the lengths that other protocols begin with.
 */
static bool may_be_odd_record(const uint8_t *start, unsigned len)
{
	const unsigned content = len > 4 ? (unsigned)start[3] << 8 | start[4] : 1;

	switch (start[0]) {
	case RECORD_ALERT:
		return (len < 4 || start[3] == 0) && (content == 1 || content == 2) &&
		       (len < 6 || start[5] == ALERT_WARNING);
	case RECORD_HANDSHAKE:
		if (len < 6)
			return content <= MAX_CONTENT;
		return content ? start[5] == CLIENT_HELLO : first_binary_may_be_record(start[5]);
	case RECORD_CHANGE_CIPHER_SPEC:
		return (len < 2 || start[1] == 3) && (len < 3 || start[2] <= 4) && content <= 1;
	default:
		return first_binary_may_be_record(start[0]) && (len < 2 || start[1] == 3) &&
		       (len < 3 || (start[2] >= 1 && start[2] <= 4));
	}
}

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
	if (fb->start[0] == RECORD_HANDSHAKE && fb->start_len == 2 && c == 3) {
		fb->mode = MODE_TLS;
		fb->seen.protocol = "tls";
		(void)tls_records_feed(&fb->records, fb->start, fb->start_len, &taken,
				       &fb->seen.broken);
		return FIRST_MORE;
	}
	if (may_be_odd_record(fb->start, fb->start_len)) {
		if (fb->start_len < BINARY_START)
			return FIRST_MORE;
		fb->seen.protocol = "tls";
		return first_broken(fb, "it begins with no ClientHello, or with one of a version "
					"that does not exist");
	}
	if (!may_be_ssl2(fb->start, fb->start_len))
		return no_ssl2(fb);
	if (fb->start_len < SSL2_START)
		return FIRST_MORE;
	fb->seen.protocol = "tls";
	return first_broken(fb, "the ClientHello is of SSL 2, which names no server");
}
