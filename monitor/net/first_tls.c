/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The ClientHellos of TLS. A server that speaks TLS 1.3 and can use none of the keys in the first
 * one asks for a second (RFC 8446 4.1.4), and goes by the server name in that: it is a head, too.
 *
 * What may come before it are records of other types: the dummy change of cipher and early data,
 * which such a server skips, and alerts. What else a client sends is either no ClientHello, as the
 * second flight of TLS 1.2, or encrypted; from there on it is not looked at. A Finished of TLS 1.2
 * that takes a session up again is encrypted and has the type of a ClientHello. What tells the two
 * apart has to be what every server holds to: the length of a ClientHello and of the session in it.
 * The version that it says is no such thing, OpenSSL takes any; nor does it mind one of 128 KiB.
 */

#include "monitor/net/first_bytes_internal.h"

#define MIN_ENCRYPTED 32u /* bytes of such a Finished: 16, and a MAC or nonce and tag */
#define MIN_HELLO     39u
#define MAX_HELLO     (3u << 16) /* of any server; of ours MAX_TLS_HELLO */
#define MAX_SESSION   32u
/* Servers skip 16 KiB or what they were told to take; then the end of it is not waited for. */
#define MAX_PASSED (1u << 20)

enum {
	RECORD_CHANGE_CIPHER_SPEC = 20,
	RECORD_HANDSHAKE = 22,
	RECORD_APPLICATION_DATA = 23,
	RECORD_HEARTBEAT = 24,
	CLIENT_HELLO = 1,
};

static enum first_outcome take_hello(struct first_bytes *fb)
{
	size_t len;
	const uint8_t *hello = tls_records_hello(&fb->records, &len);
	const char *why = tls_hello_parse(hello, len, &fb->seen.tls);

	if (why)
		return first_broken(fb, why);
	if (fb->is_second)
		return first_opaque(fb, "tls");
	tls_records_done(&fb->records);
	fb->mode = MODE_RECORDS;
	return FIRST_HEAD;
}

enum first_outcome first_tls_bytes(struct first_bytes *fb, const uint8_t *bytes, size_t len,
				   size_t *ret_taken)
{
	const char *why;

	switch (tls_records_feed(&fb->records, bytes, len, ret_taken, &why)) {
	case TLS_MORE:
		return FIRST_MORE;
	case TLS_BROKEN:
		return first_broken(fb, why);
	case TLS_HELLO:
		break;
	}
	return take_hello(fb);
}

/* ---- behind the first ---- */

static size_t content_len(const struct later_records *later)
{
	return (size_t)later->start[3] << 8 | later->start[4];
}

/* No other hello is to come: what is here, and all that follows, is passed on unread. */
static enum first_outcome no_more(struct first_bytes *fb, size_t len, size_t *ret_taken)
{
	(void)first_opaque(fb, "tls");
	*ret_taken = len;
	return FIRST_OPAQUE;
}

/* A record of which nothing is read. Return: false if that were too many. */
static bool pass(struct later_records *later)
{
	later->left = content_len(later);
	later->passed += later->left ? (uint32_t)later->left : 1;
	later->changed_cipher |= later->start[0] == RECORD_CHANGE_CIPHER_SPEC;
	later->start_len = 0;
	return later->passed <= MAX_PASSED;
}

/* Of it so much is looked at before it is told; a session's length is the last that may stand
 * there. */
static size_t needed(const struct later_records *later)
{
	const size_t len = content_len(later);

	if (!later->changed_cipher || len < MIN_ENCRYPTED)
		return 1;
	return len < TLS_HELLO_START ? len : TLS_HELLO_START;
}

/* Its first byte alone is not enough where it may be encrypted; false, too, until there are more.
 */
static bool is_hello(const struct later_records *later, bool *ret_known)
{
	const uint8_t *at = later->start + TLS_RECORD_HEADER;
	const size_t needs = needed(later);
	size_t len;

	*ret_known = true;
	if (at[0] != CLIENT_HELLO || needs == 1)
		return at[0] == CLIENT_HELLO;
	*ret_known = later->start_len == TLS_RECORD_HEADER + needs;
	if (!*ret_known)
		return false;
	len = (size_t)at[1] << 16 | (size_t)at[2] << 8 | at[3];
	return len >= MIN_HELLO && len < MAX_HELLO &&
	       (needs < TLS_HELLO_START || at[TLS_HELLO_START - 1] <= MAX_SESSION);
}

/* The second ClientHello begins with what is held. */
static enum first_outcome begin_second(struct first_bytes *fb)
{
	size_t taken;

	tls_records_init(&fb->records);
	fb->is_second = true;
	fb->mode = MODE_TLS;
	return first_tls_bytes(fb, fb->later.start, fb->later.start_len, &taken);
}

static bool ends_the_look(const struct first_bytes *fb, uint8_t type)
{
	if (type == RECORD_APPLICATION_DATA)
		return !fb->seen.tls.early_data;
	return type < RECORD_CHANGE_CIPHER_SPEC || type > RECORD_HEARTBEAT;
}

enum first_outcome first_record_bytes(struct first_bytes *fb, const uint8_t *bytes, size_t len,
				      size_t *ret_taken)
{
	struct later_records *later = &fb->later;
	bool is_known;

	if (later->left) {
		*ret_taken = len < later->left ? len : later->left;
		later->left -= *ret_taken;
		return FIRST_FRAMING;
	}
	later->start[later->start_len++] = bytes[0];
	if (ends_the_look(fb, later->start[0]))
		return no_more(fb, len, ret_taken);
	if (later->start_len < TLS_RECORD_HEADER)
		return FIRST_MORE;
	if (later->start[0] != RECORD_HANDSHAKE)
		return pass(later) ? FIRST_FRAMING : no_more(fb, len, ret_taken);
	if (!content_len(later))
		return begin_second(fb); /* which says what is wrong with it */
	if (later->start_len == TLS_RECORD_HEADER)
		return FIRST_MORE;
	if (is_hello(later, &is_known))
		return begin_second(fb);
	return is_known ? no_more(fb, len, ret_taken) : FIRST_MORE;
}

bool first_record_is_half(const struct first_bytes *fb)
{
	return fb->later.start_len > 0;
}
