/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 *	START --0x14+-> BINARY --0x1603> TLS --> RECORDS ----> OPAQUE
 *	  |                              '---------'            |
 *	  |------0x80-----^  |-----------(other)----------------^
 *	  |--text--> LINE --"SSH-", no HTTP---------------------|
 *	               |----"PRI *"----> PREFACE ---------------|
 *	               |----"GET key"----> WORDS
 *	               '----"HTTP/"----> HEAD --> BODY --> START
 *
 * A line that could be read as a request by some server, but is none word for word, is broken; it
 * is not "other", which would let it pass unseen (first_line.h). Text protocols have words that are
 * methods as well; of these lines those are "other" that ask for no path, until a Host follows.
 * Line ends before the first message change nothing about it, but that it has to be "other".
 * After a request only another one may follow, unless it asked for another protocol. A tunnel that
 * CONNECT opened begins anew.
 *
 * Every byte is looked at once, and what decides is the byte itself, never where a read ended.
 */
#include "monitor/net/first_bytes.h"

#include <string.h>

#include "common/buf.h"
#include "monitor/net/first_bytes_internal.h"
#include "monitor/net/first_line.h"

struct first_bytes *first_bytes_new(void)
{
	struct first_bytes *fb = xcalloc(1, sizeof(*fb));

	fb->text = (struct buf)BUF_INIT(MAX_HTTP_HEAD);
	fb->seen.protocol = "other";
	tls_records_init(&fb->records);
	return fb;
}

struct first_bytes *first_bytes_free(struct first_bytes *fb)
{
	if (fb) {
		buf_done(&fb->text);
		tls_records_done(&fb->records);
		free(fb);
	}
	return NULL;
}

const struct first_seen *first_bytes_seen(const struct first_bytes *fb)
{
	return &fb->seen;
}

/* ---- how a message ends ---- */

enum first_outcome first_broken(struct first_bytes *fb, const char *why)
{
	fb->mode = MODE_BROKEN;
	fb->seen.broken = why;
	return FIRST_BROKEN;
}

enum first_outcome first_opaque(struct first_bytes *fb, const char *protocol)
{
	fb->mode = MODE_OPAQUE;
	fb->seen.protocol = protocol;
	buf_done(&fb->text);
	tls_records_done(&fb->records);
	return FIRST_HEAD;
}

enum first_outcome first_other(struct first_bytes *fb)
{
	if (fb->is_later && !fb->upgraded)
		return first_broken(fb, "what follows the request is no request");
	fb->seen.upgraded = fb->is_later;
	return first_opaque(fb, "other");
}

/* ---- the first byte, and all ---- */

#define MAX_LINE_ENDS 64u /* before the first message */

static const char line_end_first[] = "it begins with an empty line";

/*
 * Some servers pass over line ends before a request, finger's client says nothing else, and a
 * message of protobuf may begin with one. So they are held until it is known that nothing follows
 * which policy would read: see without_line_ends().
 */
static enum first_outcome line_end(struct first_bytes *fb)
{
	if (fb->is_later || ++fb->line_ends > MAX_LINE_ENDS)
		return first_broken(fb, line_end_first);
	return FIRST_MORE;
}

/* A request behind line ends is one to some servers, and to others not; so with what else has a
 * name in it. */
static enum first_outcome without_line_ends(struct first_bytes *fb, enum first_outcome outcome)
{
	return outcome == FIRST_HEAD && fb->line_ends && strcmp(fb->seen.protocol, "other") != 0
		       ? first_broken(fb, line_end_first)
		       : outcome;
}

static enum first_outcome first_byte(struct first_bytes *fb, uint8_t c)
{
	fb->start_len = 0;
	if (c == '\r' || c == '\n')
		return line_end(fb);
	/* The PROXY protocol, version 2: behind it stands another message. */
	if (fb->line_ends == 4 && c == '\0')
		return first_broken(fb, line_end_first);
	if (fb->is_later && !fb->upgraded && !http_is_token(c))
		return first_other(fb);
	if (http_is_token(c) || (first_line_is_space(c) && c < 0x80)) {
		fb->mode = MODE_LINE;
		return first_line_byte(fb, c);
	}
	/* After an upgrade the frames of a WebSocket look so, and SSL 2 there is none. */
	if (first_binary_may_be_record(c) || (c & 0x80 && !fb->upgraded) ||
	    first_line_is_space(c)) {
		fb->mode = MODE_BINARY;
		return first_binary_byte(fb, c);
	}
	return first_other(fb);
}

static const char body_is_request[] = "the request's body begins as another request";

static enum first_outcome body_bytes(struct first_bytes *fb, const uint8_t *bytes, size_t len,
				     size_t *ret_taken)
{
	const char *why = NULL;
	const size_t data = http_body_data(&fb->body, len);
	const size_t fine = body_start_feed(&fb->body_start, bytes, data);

	*ret_taken = 0;
	if (data && !fine)
		return first_broken(fb, body_is_request);
	const enum body_outcome outcome =
		http_body_feed(&fb->body, bytes, data ? fine : len, ret_taken, &why);

	if (outcome == BODY_IS_BROKEN)
		return first_broken(fb, why);
	if (fb->body.state == BODY_OVER)
		fb->mode = MODE_START;
	return outcome == BODY_IS_DATA ? FIRST_BODY : FIRST_FRAMING;
}

/* Takes at least one byte, unless it is broken. */
static enum first_outcome step(struct first_bytes *fb, const uint8_t *bytes, size_t len,
			       size_t *ret_taken)
{
	*ret_taken = 1;
	switch (fb->mode) {
	case MODE_START:
		return first_byte(fb, bytes[0]);
	case MODE_BINARY:
		return first_binary_byte(fb, bytes[0]);
	case MODE_LINE:
		return first_line_byte(fb, bytes[0]);
	case MODE_WORDS:
		return first_word_bytes(fb, bytes, len, ret_taken);
	case MODE_HEAD:
		return first_head_byte(fb, bytes[0]);
	case MODE_PREFACE:
		return first_preface_byte(fb, bytes[0]);
	case MODE_TLS:
		return first_tls_bytes(fb, bytes, len, ret_taken);
	case MODE_RECORDS:
		return first_record_bytes(fb, bytes, len, ret_taken);
	case MODE_BODY:
		return body_bytes(fb, bytes, len, ret_taken);
	case MODE_OPAQUE:
		*ret_taken = len;
		return FIRST_OPAQUE;
	case MODE_BROKEN:
		break;
	}
	*ret_taken = 0;
	return FIRST_BROKEN;
}

enum first_outcome first_bytes_feed(struct first_bytes *fb, const void *bytes, size_t len,
				    size_t *ret_taken)
{
	enum first_outcome outcome = FIRST_MORE;
	size_t taken;

	*ret_taken = 0;
	while (outcome == FIRST_MORE && *ret_taken < len) {
		outcome = step(fb, (const uint8_t *)bytes + *ret_taken, len - *ret_taken, &taken);
		*ret_taken += taken;
	}
	return without_line_ends(fb, outcome);
}

bool first_bytes_is_blank(const struct first_bytes *fb)
{
	return fb->mode == MODE_START && fb->line_ends;
}

enum first_outcome first_bytes_end(struct first_bytes *fb)
{
	if (first_bytes_is_blank(fb))
		return first_other(fb);
	switch (fb->mode) {
	case MODE_START:
	case MODE_BODY:
		if (body_start_end(&fb->body_start))
			return first_broken(fb, body_is_request);
		return FIRST_OPAQUE;
	case MODE_WORDS:
	case MODE_OPAQUE:
		return FIRST_OPAQUE;
	case MODE_BINARY:
		return first_other(fb);
	case MODE_LINE:
		if (!first_begins(&fb->text, "SSH-"))
			return first_not_text(fb);
		fb->seen.protocol = "ssh";
		break;
	case MODE_BROKEN:
		return FIRST_BROKEN;
	case MODE_RECORDS:
		if (!first_record_is_half(fb))
			return FIRST_OPAQUE;
		break;
	case MODE_TLS:
	case MODE_HEAD:
	case MODE_PREFACE:
		break;
	}
	return first_broken(fb, "it ends in the middle of the first message");
}
