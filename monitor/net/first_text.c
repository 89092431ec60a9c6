/* SPDX-License-Identifier: Apache-2.0 */

/* First bytes that are text: a line of some protocol, a request's head. */

#include <string.h>

#include "monitor/net/first_bytes_internal.h"
#include "monitor/net/first_line.h"

#define MAX_SSH_BANNER 255u /* RFC 4253 4.2, with CR LF */

bool first_begins(const struct buf *text, const char *with)
{
	const size_t len = strlen(with);

	return text->len >= len && memcmp(text->data, with, len) == 0;
}

static bool has_version(const struct buf *text)
{
	return first_line_has_version(text->data, text->len);
}

/* A line that is no request, or as much of one as came. */
enum first_outcome first_not_text(struct first_bytes *fb)
{
	enum first_outcome outcome;

	switch (first_line_kind(fb->text.data, fb->text.len)) {
	case LINE_OTHER:
		return first_other(fb);
	case LINE_WORDS:
		outcome = first_other(fb);
		if (outcome == FIRST_HEAD)
			fb->mode = MODE_WORDS;
		return outcome;
	case LINE_REQUEST:
		break;
	}
	fb->seen.protocol = "http";
	return first_broken(fb, "the request line is malformed");
}

/* SSH-protoversion-softwareversion SP comments CR LF */
static enum first_outcome take_banner(struct first_bytes *fb)
{
	const char *at = fb->text.data + 4;

	fb->seen.protocol = "ssh";
	if (fb->is_later && !fb->upgraded)
		return first_other(fb);
	/* A line may be both: "SSH-2.0-x / HTTP/1.1" has a method of its own. */
	if (fb->text.len > MAX_SSH_BANNER || has_version(&fb->text) ||
	    (strncmp(at, "2.0-", 4) != 0 && strncmp(at, "1.99-", 5) != 0))
		return first_broken(fb, "the SSH banner is malformed");
	at = strchr(at, '-') + 1;
	const size_t len = strcspn(at, " \r\n");
	const size_t kept =
		len < sizeof(fb->seen.ssh_software) ? len : sizeof(fb->seen.ssh_software) - 1;

	if (!len)
		return first_broken(fb, "the SSH banner is malformed");
	memcpy(fb->seen.ssh_software, at, kept);
	fb->seen.ssh_software[kept] = '\0';
	return first_opaque(fb, "ssh");
}

/* The line that was begun has its LF. */
static enum first_outcome take_line(struct first_bytes *fb)
{
	static const char preface[] = "PRI * HTTP/2.0\r\n";

	if (first_begins(&fb->text, "SSH-"))
		return take_banner(fb);
	if (!has_version(&fb->text))
		return first_not_text(fb);
	fb->seen.protocol = "http";
	if (fb->text.len < 2 || fb->text.data[fb->text.len - 2] != '\r')
		return first_broken(fb, "the request line does not end with CR LF");
	fb->mode = first_begins(&fb->text, preface) ? MODE_PREFACE : MODE_HEAD;
	return FIRST_MORE;
}

enum first_outcome first_line_byte(struct first_bytes *fb, uint8_t c)
{
	if ((c < ' ' && c != '\n' && !first_line_is_space(c)) || c == 0x7f)
		return first_not_text(fb);
	buf_putc(&fb->text, (char)c);
	if (fb->text.overflow)
		return first_not_text(fb);
	return c == '\n' ? take_line(fb) : FIRST_MORE;
}

/*
 * Behind "GET key". A server that takes that for a request reads header fields, of which Host is
 * the one that names whom it asks: it is not let by.
 */
enum first_outcome first_word_bytes(struct first_bytes *fb, const uint8_t *bytes, size_t len,
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
	return first_broken(fb, "the request line is malformed");
}

static enum first_outcome take_head(struct first_bytes *fb)
{
	const char *why = http_head_parse(fb->text.data, fb->text.len, &fb->seen.http);

	if (why)
		return first_broken(fb, why);
	http_body_init(&fb->body, fb->seen.http.body_bytes);
	fb->body_start = (struct body_start){0};
	fb->mode = fb->body.state == BODY_OVER ? MODE_START : MODE_BODY;
	fb->is_later = !fb->seen.http.is_connect;
	fb->upgraded = fb->seen.http.upgrade;
	buf_clear(&fb->text);
	return FIRST_HEAD;
}

enum first_outcome first_head_byte(struct first_bytes *fb, uint8_t c)
{
	const char last = fb->text.data[fb->text.len - 1];

	if ((last == '\r') != (c == '\n'))
		return first_broken(fb, "a header field does not end with CR LF");
	buf_putc(&fb->text, (char)c);
	if (fb->text.overflow)
		return first_broken(fb, "the head of the request is too long");
	if (c == '\n' && memcmp(fb->text.data + fb->text.len - 4, "\r\n\r\n", 4) == 0)
		return take_head(fb);
	return FIRST_MORE;
}

enum first_outcome first_preface_byte(struct first_bytes *fb, uint8_t c)
{
	static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"; /* RFC 9113 3.4 */

	if (c != (uint8_t)preface[fb->text.len])
		return first_broken(fb, "the preface of HTTP/2 is malformed");
	buf_putc(&fb->text, (char)c);
	return fb->text.len == sizeof(preface) - 1 ? first_opaque(fb, "http2") : FIRST_MORE;
}
