/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 *	START --0x16--> BINARY --0x03--> TLS ----------------> OPAQUE
 *	  |------0x80-----^  |-----------(other)----------------^
 *	  |--text--> LINE --"SSH-", no HTTP---------------------|
 *	               |----"PRI *"----> PREFACE ---------------|
 *	               |----"GET key"----> WORDS
 *	               '----"HTTP/"----> HEAD --> BODY --> START
 *
 * A line that could be read as a request by some server, but is none word for word, is broken; it
 * is not "other", which would let it pass unseen (first_line.h). Text protocols have words that are
 * methods as well; of these lines those are "other" that ask for no path, until a Host follows.
 * After a request only another one may follow, unless it asked for another protocol. A tunnel that
 * CONNECT opened begins anew.
 *
 * Every byte is looked at once, and what decides is the byte itself, never where a read ended.
 */
#include "monitor/net/first_bytes.h"

#include <string.h>

#include "common/buf.h"
#include "monitor/net/first_line.h"
#include "monitor/net/http_body.h"
#include "monitor/net/tls_records.h"

#define MAX_SSH_BANNER 255u /* RFC 4253 4.2, with CR LF */
#define BINARY_START   5u

enum mode {
	MODE_START,
	MODE_BINARY,
	MODE_TLS,
	MODE_LINE,
	MODE_WORDS,
	MODE_HEAD,
	MODE_PREFACE,
	MODE_BODY,
	MODE_OPAQUE,
	MODE_BROKEN,
};

struct first_bytes {
	enum mode mode;
	struct first_seen seen;
	struct buf text;	     /* a line, or a head */
	uint8_t start[BINARY_START]; /* of what is no text */
	unsigned start_len;
	struct tls_records records;
	struct http_body body;
	unsigned matched; /* of "host", in a line behind words */
	bool is_later;	  /* a request came before */
	bool upgraded;	  /* and asked for another protocol */
};

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

static enum first_outcome broken(struct first_bytes *fb, const char *why)
{
	fb->mode = MODE_BROKEN;
	fb->seen.broken = why;
	return FIRST_BROKEN;
}

static enum first_outcome opaque(struct first_bytes *fb, const char *protocol)
{
	fb->mode = MODE_OPAQUE;
	fb->seen.protocol = protocol;
	buf_done(&fb->text);
	tls_records_done(&fb->records);
	return FIRST_HEAD;
}

static enum first_outcome other(struct first_bytes *fb)
{
	if (fb->is_later && !fb->upgraded)
		return broken(fb, "what follows the request is no request");
	return opaque(fb, "other");
}

/* ---- text ---- */

static bool begins(const struct buf *text, const char *with)
{
	const size_t len = strlen(with);

	return text->len >= len && memcmp(text->data, with, len) == 0;
}

static bool has_version(const struct buf *text)
{
	return first_line_has_version(text->data, text->len);
}

/* A line that is no request, or as much of one as came. */
static enum first_outcome not_text(struct first_bytes *fb)
{
	enum first_outcome outcome;

	switch (first_line_kind(fb->text.data, fb->text.len)) {
	case LINE_OTHER:
		return other(fb);
	case LINE_WORDS:
		outcome = other(fb);
		if (outcome == FIRST_HEAD)
			fb->mode = MODE_WORDS;
		return outcome;
	case LINE_REQUEST:
		break;
	}
	fb->seen.protocol = "http";
	return broken(fb, "the request line is malformed");
}

/* SSH-protoversion-softwareversion SP comments CR LF */
static enum first_outcome take_banner(struct first_bytes *fb)
{
	const char *at = fb->text.data + 4;

	fb->seen.protocol = "ssh";
	if (fb->is_later && !fb->upgraded)
		return other(fb);
	/* A line may be both: "SSH-2.0-x / HTTP/1.1" has a method of its own. */
	if (fb->text.len > MAX_SSH_BANNER || has_version(&fb->text) ||
	    (strncmp(at, "2.0-", 4) != 0 && strncmp(at, "1.99-", 5) != 0))
		return broken(fb, "the SSH banner is malformed");
	at = strchr(at, '-') + 1;
	const size_t len = strcspn(at, " \r\n");
	const size_t kept =
		len < sizeof(fb->seen.ssh_software) ? len : sizeof(fb->seen.ssh_software) - 1;

	if (!len)
		return broken(fb, "the SSH banner is malformed");
	memcpy(fb->seen.ssh_software, at, kept);
	fb->seen.ssh_software[kept] = '\0';
	return opaque(fb, "ssh");
}

/* The line that was begun has its LF. */
static enum first_outcome take_line(struct first_bytes *fb)
{
	static const char preface[] = "PRI * HTTP/2.0\r\n";

	if (begins(&fb->text, "SSH-"))
		return take_banner(fb);
	if (!has_version(&fb->text))
		return not_text(fb);
	fb->seen.protocol = "http";
	if (fb->text.len < 2 || fb->text.data[fb->text.len - 2] != '\r')
		return broken(fb, "the request line does not end with CR LF");
	fb->mode = begins(&fb->text, preface) ? MODE_PREFACE : MODE_HEAD;
	return FIRST_MORE;
}

static enum first_outcome line_byte(struct first_bytes *fb, uint8_t c)
{
	if ((c < ' ' && c != '\n' && !first_line_is_space(c)) || c == 0x7f)
		return not_text(fb);
	buf_putc(&fb->text, (char)c);
	if (fb->text.overflow)
		return not_text(fb);
	return c == '\n' ? take_line(fb) : FIRST_MORE;
}

/*
 * Behind "GET key". A server that takes that for a request reads header fields, of which Host is
 * the one that names whom it asks: it is not let by.
 */
static enum first_outcome word_bytes(struct first_bytes *fb, const uint8_t *bytes, size_t len,
				     size_t *ret_taken)
{
	static const char field[] = "host";

	for (*ret_taken = 0; *ret_taken < len; ++*ret_taken) {
		const uint8_t c = bytes[*ret_taken];

		if (fb->matched == sizeof(field) - 1 && c == ':')
			break;
		if (c == '\r' || c == '\n')
			fb->matched = 0;
		else if (fb->matched < sizeof(field) - 1 && (c | 0x20) == field[fb->matched])
			fb->matched++;
		else
			fb->matched = sizeof(field);
	}
	if (*ret_taken)
		return FIRST_BODY;
	fb->seen.protocol = "http";
	return broken(fb, "the request line is malformed");
}

static enum first_outcome take_head(struct first_bytes *fb)
{
	const char *why = http_head_parse(fb->text.data, fb->text.len, &fb->seen.http);

	if (why)
		return broken(fb, why);
	http_body_init(&fb->body, fb->seen.http.body_bytes);
	fb->mode = fb->body.state == BODY_OVER ? MODE_START : MODE_BODY;
	fb->is_later = !fb->seen.http.is_connect;
	fb->upgraded = fb->seen.http.upgrade;
	buf_clear(&fb->text);
	return FIRST_HEAD;
}

static enum first_outcome head_byte(struct first_bytes *fb, uint8_t c)
{
	const char last = fb->text.data[fb->text.len - 1];

	if ((last == '\r') != (c == '\n'))
		return broken(fb, "a header field does not end with CR LF");
	buf_putc(&fb->text, (char)c);
	if (fb->text.overflow)
		return broken(fb, "the head of the request is too long");
	if (c == '\n' && memcmp(fb->text.data + fb->text.len - 4, "\r\n\r\n", 4) == 0)
		return take_head(fb);
	return FIRST_MORE;
}

static enum first_outcome preface_byte(struct first_bytes *fb, uint8_t c)
{
	static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"; /* RFC 9113 3.4 */

	if (c != (uint8_t)preface[fb->text.len])
		return broken(fb, "the preface of HTTP/2 is malformed");
	buf_putc(&fb->text, (char)c);
	return fb->text.len == sizeof(preface) - 1 ? opaque(fb, "http2") : FIRST_MORE;
}

/* ---- what is no text ---- */

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
		return other(fb);
	fb->mode = MODE_LINE;
	for (unsigned i = 0; i < fb->start_len && outcome == FIRST_MORE; i++)
		outcome = line_byte(fb, fb->start[i]);
	return outcome;
}

static enum first_outcome binary_byte(struct first_bytes *fb, uint8_t c)
{
	size_t taken;

	fb->start[fb->start_len++] = c;
	if (fb->start[0] == 22) {
		if (fb->start_len == 1)
			return FIRST_MORE;
		if (c != 3)
			return other(fb);
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
	return broken(fb, "the ClientHello is of SSL 2, which names no server");
}

static enum first_outcome tls_bytes(struct first_bytes *fb, const uint8_t *bytes, size_t len,
				    size_t *ret_taken)
{
	const char *why;

	switch (tls_records_feed(&fb->records, bytes, len, ret_taken, &why)) {
	case TLS_MORE:
		return FIRST_MORE;
	case TLS_BROKEN:
		return broken(fb, why);
	case TLS_HELLO:
		break;
	}
	size_t hello_len;
	const uint8_t *hello = tls_records_hello(&fb->records, &hello_len);

	why = tls_hello_parse(hello, hello_len, &fb->seen.tls);
	return why ? broken(fb, why) : opaque(fb, "tls");
}

/* ---- the first byte, and all ---- */

static enum first_outcome first_byte(struct first_bytes *fb, uint8_t c)
{
	fb->start_len = 0;
	if (c == '\r' || c == '\n')
		return broken(fb, "it begins with an empty line");
	if (fb->is_later && !fb->upgraded && !http_is_token(c))
		return other(fb);
	if (http_is_token(c) || (first_line_is_space(c) && c < 0x80)) {
		fb->mode = MODE_LINE;
		return line_byte(fb, c);
	}
	/* After an upgrade the frames of a WebSocket look so, and SSL 2 there is none. */
	if (c == 22 || (c & 0x80 && !fb->upgraded) || first_line_is_space(c)) {
		fb->mode = MODE_BINARY;
		return binary_byte(fb, c);
	}
	return other(fb);
}

static enum first_outcome body_bytes(struct first_bytes *fb, const uint8_t *bytes, size_t len,
				     size_t *ret_taken)
{
	const char *why = NULL;
	const enum body_outcome outcome = http_body_feed(&fb->body, bytes, len, ret_taken, &why);

	if (outcome == BODY_IS_BROKEN)
		return broken(fb, why);
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
		return binary_byte(fb, bytes[0]);
	case MODE_LINE:
		return line_byte(fb, bytes[0]);
	case MODE_WORDS:
		return word_bytes(fb, bytes, len, ret_taken);
	case MODE_HEAD:
		return head_byte(fb, bytes[0]);
	case MODE_PREFACE:
		return preface_byte(fb, bytes[0]);
	case MODE_TLS:
		return tls_bytes(fb, bytes, len, ret_taken);
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
	return outcome;
}

enum first_outcome first_bytes_end(struct first_bytes *fb)
{
	switch (fb->mode) {
	case MODE_START:
	case MODE_WORDS:
	case MODE_BODY:
	case MODE_OPAQUE:
		return FIRST_OPAQUE;
	case MODE_BINARY:
		return other(fb);
	case MODE_LINE:
		if (!begins(&fb->text, "SSH-"))
			return not_text(fb);
		fb->seen.protocol = "ssh";
		break;
	case MODE_BROKEN:
		return FIRST_BROKEN;
	case MODE_TLS:
	case MODE_HEAD:
	case MODE_PREFACE:
		break;
	}
	return broken(fb, "it ends in the middle of the first message");
}
