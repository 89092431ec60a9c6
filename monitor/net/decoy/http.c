/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/net/decoy/http.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/cleanup.h"
#include "common/hex.h"

#define MAX_METHOD     24u
#define MAX_CHUNK_LINE 4096u

enum state {
	AT_HEAD,
	IN_LENGTH,
	AT_CHUNK,
	IN_CHUNK,
	AFTER_CHUNK,
	IN_TRAILER,
	AT_END,
};

const char *http_field(const struct http_request *request, const char *name)
{
	for (size_t i = 0; i < request->field_count; i++) {
		if (strcasecmp(request->fields[i].name, name) == 0)
			return request->fields[i].value;
	}
	return NULL;
}

struct str http_path(const struct http_request *request)
{
	const char *at = request->target;
	const char *scheme = strstr(at, "://");

	/* "GET http://host/path", as proxies are asked. */
	if (at[0] != '/' && scheme) {
		at = strchr(scheme + 3, '/');
		if (!at)
			return STR("/");
	}
	return (struct str){at, strcspn(at, "?#")};
}

struct str http_parameter(const struct http_request *request, const char *name)
{
	const size_t len = strlen(name);
	const char *at = strchr(request->target, '?');

	if (!at)
		return (struct str){NULL, 0};
	while (at[1]) {
		const size_t size = strcspn(at + 1, "&#");

		if (size >= len && memcmp(at + 1, name, len) == 0) {
			if (size == len)
				return (struct str){at + 1 + len, 0};
			if (at[1 + len] == '=')
				return (struct str){at + 2 + len, size - len - 1};
		}
		at += 1 + size;
		if (*at != '&')
			break;
	}
	return (struct str){NULL, 0};
}

int http_begins(const char *bytes, size_t len)
{
	size_t i = 0;

	while (i < len && i <= MAX_METHOD && (isupper((unsigned char)bytes[i]) || bytes[i] == '-'))
		i++;
	if (i == len && i <= MAX_METHOD)
		return -1;
	return i > 0 && i <= MAX_METHOD && bytes[i] == ' ';
}

/* ---- the head ---- */

/* One past the empty line; 0 if it is not there yet. *looked_at: where it cannot begin before. */
static size_t find_end_of_head(const char *bytes, size_t len, size_t *looked_at)
{
	size_t from = *looked_at;

	*looked_at = len > 2 ? len - 2 : 0;
	for (size_t i = from; i + 1 < len; i++) {
		if (bytes[i] != '\n')
			continue;
		if (bytes[i + 1] == '\n')
			return i + 2;
		if (bytes[i + 1] == '\r' && i + 2 < len && bytes[i + 2] == '\n')
			return i + 3;
	}
	return 0;
}

/* The next line, terminated in place; NULL at the end. */
static char *cut_line(char **at)
{
	char *line = *at;
	char *end = strchr(line, '\n');

	if (!end)
		return NULL;
	*at = end + 1;
	if (end > line && end[-1] == '\r')
		end--;
	*end = '\0';
	return line;
}

static char *trim(char *text)
{
	size_t len;

	text += strspn(text, " \t");
	len = strlen(text);
	while (len && (text[len - 1] == ' ' || text[len - 1] == '\t'))
		text[--len] = '\0';
	return text;
}

static bool cut_request_line(struct http_request *request, char *line)
{
	char *target = strchr(line, ' ');
	char *version = target ? strrchr(target + 1, ' ') : NULL;

	if (!version || target == line)
		return false;
	*target++ = '\0';
	*version++ = '\0';
	request->method = line;
	request->target = trim(target);
	request->version = version;
	return strncmp(version, "HTTP/1.", 7) == 0 && request->target[0];
}

static void cut_fields(struct http_request *request, char *at)
{
	char *line;

	while ((line = cut_line(&at)) && line[0]) {
		char *colon = strchr(line, ':');

		if (!colon || request->field_count == MAX_HTTP_FIELDS)
			continue;
		*colon = '\0';
		request->fields[request->field_count++] =
			(struct http_field){trim(line), trim(colon + 1)};
	}
}

/* "name", "name:80", "[::1]:80": cut in place. */
static const char *cut_host(char *text)
{
	char *end = text[0] == '[' ? strchr(text, ']') : strchr(text, ':');

	if (end)
		*end = '\0';
	if (text[0] == '[')
		text++;
	for (char *c = text; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	return text;
}

static bool has_token(const char *list, const char *token)
{
	return list && strcasestr(list, token);
}

/* How long the body is. */
static const char *find_length(struct http_reader *reader)
{
	const struct http_request *request = &reader->request;
	const char *length = http_field(request, "Content-Length");
	char *end;

	if (has_token(http_field(request, "Transfer-Encoding"), "chunked")) {
		reader->state = AT_CHUNK;
		return NULL;
	}
	reader->state = AT_END;
	if (!length)
		return NULL;
	if (!isdigit((unsigned char)length[0]) || strlen(length) > 18)
		return "Content-Length is no number";
	reader->left = strtoull(length, &end, 10);
	if (*end)
		return "Content-Length is no number";
	if (reader->left)
		reader->state = IN_LENGTH;
	return NULL;
}

static const struct http_request no_request = {
	.method = "", .target = "", .version = "", .host = ""};

static const char *read_head(struct http_reader *reader, const char *bytes, size_t len)
{
	struct http_request *request = &reader->request;
	const char *newline;
	const char *connection;
	const char *host;
	char *at;

	free(request->text);
	*request = no_request;
	if (memchr(bytes, '\0', len))
		return "a NUL in the head";
	/* The text twice: what is cut up, and what is shown. */
	request->text = xcalloc(2, len + 1);
	memcpy(request->text, bytes, len);
	memcpy(request->text + len + 1, bytes, len);
	newline = strchr(request->text + len + 1, '\n');
	request->head = str_of(newline + 1);
	at = request->text;
	if (!cut_request_line(request, cut_line(&at)))
		return "no request line of HTTP/1";
	cut_fields(request, at);
	host = http_field(request, "Host");
	request->host = host ? cut_host(without_const(host)) : "";
	connection = http_field(request, "Connection");
	request->keep_alive = strcmp(request->version, "HTTP/1.0") == 0
				      ? has_token(connection, "keep-alive")
				      : !has_token(connection, "close");
	request->wants_continue = has_token(http_field(request, "Expect"), "100-continue");
	return find_length(reader);
}

static enum http_part feed_head(struct http_reader *reader, const char *bytes, size_t len,
				size_t *ret_taken)
{
	size_t blank = 0;
	size_t end;

	/* Empty lines before a request are let pass (RFC 9112 2.2). */
	while (blank < len && (bytes[blank] == '\r' || bytes[blank] == '\n'))
		blank++;
	if (blank) {
		*ret_taken = blank;
		return HTTP_SKIP;
	}
	end = find_end_of_head(bytes, len, &reader->looked_at);
	if (!end) {
		if (len < MAX_HTTP_HEAD_BYTES)
			return HTTP_MORE;
		free(reader->request.text);
		reader->request = no_request;
		reader->broken = "the head is too long";
		return HTTP_BROKEN;
	}
	reader->looked_at = 0;
	reader->broken = read_head(reader, bytes, end);
	*ret_taken = end;
	return reader->broken ? HTTP_BROKEN : HTTP_HEAD;
}

/* ---- the body ---- */

static enum http_part feed_body(struct http_reader *reader, size_t len, size_t *ret_taken,
				int after)
{
	if (!len)
		return HTTP_MORE;
	*ret_taken = len < reader->left ? len : (size_t)reader->left;
	reader->left -= *ret_taken;
	if (!reader->left)
		reader->state = after;
	return HTTP_BODY;
}

/* Lines of framing: the size of a chunk, what follows a chunk, trailers. */
static enum http_part feed_line(struct http_reader *reader, const char *bytes, size_t len,
				size_t *ret_taken)
{
	const char *newline = len ? memchr(bytes, '\n', len) : NULL;
	size_t line;
	size_t digits = 0;

	if (!newline) {
		if (len < MAX_CHUNK_LINE)
			return HTTP_MORE;
		reader->broken = "a line between chunks is too long";
		return HTTP_BROKEN;
	}
	*ret_taken = (size_t)(newline - bytes) + 1;
	line = *ret_taken - 1 - (newline > bytes && newline[-1] == '\r');
	if (reader->state == AFTER_CHUNK) {
		reader->state = AT_CHUNK;
		reader->broken = line ? "a chunk is longer than it says" : NULL;
		return line ? HTTP_BROKEN : HTTP_SKIP;
	}
	if (reader->state == IN_TRAILER) {
		reader->state = line ? IN_TRAILER : AT_END;
		return HTTP_SKIP;
	}
	reader->left = 0;
	for (; digits < line && digits < 15 && hex_value(bytes[digits]) >= 0; digits++)
		reader->left = reader->left << 4 | (unsigned)hex_value(bytes[digits]);
	if (!digits || (digits < line && hex_value(bytes[digits]) >= 0)) {
		reader->broken = "the size of a chunk is no number";
		return HTTP_BROKEN;
	}
	reader->state = reader->left ? IN_CHUNK : IN_TRAILER;
	return HTTP_SKIP;
}

enum http_part http_reader_feed(struct http_reader *reader, const char *bytes, size_t len,
				size_t *ret_taken)
{
	*ret_taken = 0;
	switch ((enum state)reader->state) {
	case AT_HEAD:
		return feed_head(reader, bytes, len, ret_taken);
	case IN_LENGTH:
		return feed_body(reader, len, ret_taken, AT_END);
	case IN_CHUNK:
		return feed_body(reader, len, ret_taken, AFTER_CHUNK);
	case AT_CHUNK:
	case AFTER_CHUNK:
	case IN_TRAILER:
		return feed_line(reader, bytes, len, ret_taken);
	case AT_END:
		reader->state = AT_HEAD;
		return HTTP_END;
	}
	return HTTP_BROKEN;
}

bool http_reader_is_inside(const struct http_reader *reader)
{
	return reader->state != AT_HEAD;
}

void http_reader_done(struct http_reader *reader)
{
	free(reader->request.text);
	*reader = (struct http_reader){0};
}

const char *http_reason(int status)
{
	static const struct {
		int status;
		const char *reason;
	} reasons[] = {
		{200, "OK"},
		{201, "Created"},
		{202, "Accepted"},
		{204, "No Content"},
		{206, "Partial Content"},
		{301, "Moved Permanently"},
		{302, "Found"},
		{304, "Not Modified"},
		{307, "Temporary Redirect"},
		{308, "Permanent Redirect"},
		{400, "Bad Request"},
		{401, "Unauthorized"},
		{403, "Forbidden"},
		{404, "Not Found"},
		{405, "Method Not Allowed"},
		{409, "Conflict"},
		{413, "Content Too Large"},
		{429, "Too Many Requests"},
		{500, "Internal Server Error"},
		{501, "Not Implemented"},
		{502, "Bad Gateway"},
		{503, "Service Unavailable"},
	};

	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		if (reasons[i].status == status)
			return reasons[i].reason;
	}
	return "Status";
}
