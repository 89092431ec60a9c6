/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * A relay that reads a request otherwise than the server behind it can be made to let through a
 * request that it has not seen. So the grammar is taken word for word, and of what RFC 9112 leaves
 * to the taste of a reader (folded lines, a bare LF, repeated fields, several lengths, spaces
 * around a colon, a request line of other words) nothing is taken at all.
 *
 * The parser is our own: llhttp as Debian has it reads folded fields, repeated spaces, HTTP/0.9 and
 * RTSP, and says nothing of Host, so a parser of this size would have to stand in front of it. The
 * fuzzer compares the two.
 */
#include "monitor/net/http_head.h"

#include <string.h>
#include <strings.h>

#include "monitor/net/endpoint.h"
#include "monitor/net/http_path.h"
#include "monitor/net/names.h"

struct text {
	const char *at;
	size_t len;
};

#define MAX_LENGTH_DIGITS 15u

/* What was met up to now. */
struct fields {
	struct text host;
	struct text authority; /* of the target; at is NULL if it names none */
	bool has_host;
	bool has_length;
	bool has_transfer;
	bool has_coding;
	bool is_1_0;
};

bool http_is_token(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c && strchr("!#$%&'*+-.^_`|~", c));
}

static size_t token_len(struct text text)
{
	size_t len = 0;

	while (len < text.len && http_is_token((unsigned char)text.at[len]))
		len++;
	return len;
}

static bool is(struct text text, const char *word)
{
	return strlen(word) == text.len && strncasecmp(text.at, word, text.len) == 0;
}

static void skip(struct text *text, size_t len)
{
	text->at += len;
	text->len -= len;
}

/* Up to the next CRLF, which is taken too. Return: false if a bare CR or LF, or nothing, ends it.
 */
static bool next_line(struct text *rest, struct text *ret)
{
	size_t len = 0;

	while (len < rest->len && rest->at[len] != '\r' && rest->at[len] != '\n')
		len++;
	if (rest->len - len < 2 || rest->at[len] != '\r' || rest->at[len + 1] != '\n')
		return false;
	*ret = (struct text){rest->at, len};
	skip(rest, len + 2);
	return true;
}

/* Host and port (RFC 3986 3.2.2), of names those that a program here can have asked for. */
static const char *parse_host(struct text host, struct http_head *ret)
{
	static const char malformed[] = "the host of the request is none";
	const bool is_v6 = host.len && host.at[0] == '[';
	const char *end = host.len ? memchr(host.at, is_v6 ? ']' : ':', host.len) : NULL;
	struct text name = {host.at, end ? (size_t)(end - host.at) : host.len};
	struct text port = {NULL, 0};
	struct endpoint address;
	char canonical[MAX_NAME_BYTES + 1];

	if (is_v6) {
		if (!end)
			return malformed;
		port = (struct text){end + 1, host.len - name.len - 1};
		skip(&name, 1);
	} else if (end) {
		port = (struct text){end, host.len - name.len};
	}
	if (!name.len || name.len > MAX_HOST_BYTES || memchr(name.at, 0, name.len))
		return malformed;
	memcpy(ret->host, name.at, name.len);
	ret->host[name.len] = '\0';
	if (is_v6 ? !strchr(ret->host, ':') || !endpoint_parse(ret->host, &address)
		  : !endpoint_parse(ret->host, &address) &&
			    !names_canonical(ret->host, name.len, canonical))
		return malformed;
	if (ret->host[name.len - 1] == '.')
		ret->host[name.len - 1] = '\0';
	ret->port = -1;
	if (!port.len)
		return NULL;
	if (port.len < 2 || port.len > 6 || port.at[0] != ':')
		return malformed;
	ret->port = 0;
	for (size_t i = 1; i < port.len; i++) {
		if (port.at[i] < '0' || port.at[i] > '9')
			return malformed;
		ret->port = ret->port * 10 + (port.at[i] - '0');
	}
	return ret->port && ret->port <= UINT16_MAX ? NULL : malformed;
}

/* The four forms of RFC 9112 3.2. */
static const char *parse_target(struct text target, struct fields *fields, struct http_head *ret)
{
	static const char scheme[] = "http://";
	const size_t scheme_len = sizeof(scheme) - 1;

	if (strcmp(ret->method, "CONNECT") == 0) {
		ret->is_connect = true;
		fields->authority = target;
		return NULL;
	}
	if (target.at[0] == '/' ||
	    (target.len == 1 && target.at[0] == '*' && strcmp(ret->method, "OPTIONS") == 0))
		return http_path_read(target.at, target.len, ret->path);
	if (target.len <= scheme_len || strncasecmp(target.at, scheme, scheme_len) != 0)
		return "the target of the request is of no form that is known";
	skip(&target, scheme_len);
	size_t len = strcspn(target.at, "/?# "); /* a space stands behind every target */

	fields->authority = (struct text){target.at, len};
	skip(&target, len);
	return http_path_read(target.at, target.len, ret->path);
}

static const char *parse_request_line(struct text line, struct fields *fields,
				      struct http_head *ret)
{
	static const char malformed[] = "the request line is malformed";
	const size_t method_len = token_len(line);

	if (!method_len || method_len == line.len || line.at[method_len] != ' ')
		return malformed;
	if (method_len > MAX_HTTP_METHOD)
		return "the method of the request is too long";
	for (size_t i = 0; i < method_len; i++) {
		if (line.at[i] >= 'a' && line.at[i] <= 'z')
			return "the method of the request is not in capitals";
	}
	memcpy(ret->method, line.at, method_len);
	ret->method[method_len] = '\0';
	skip(&line, method_len + 1);
	struct text target = {line.at, 0};

	while (target.len < line.len && (unsigned char)line.at[target.len] > ' ' &&
	       line.at[target.len] != 0x7f)
		target.len++;
	skip(&line, target.len);
	if (!target.len || line.len != 9 || memcmp(line.at, " HTTP/1.", 8) != 0 ||
	    (line.at[8] != '0' && line.at[8] != '1'))
		return malformed;
	fields->is_1_0 = line.at[8] == '0';
	return parse_target(target, fields, ret);
}

static const char *parse_length(struct text value, struct fields *fields, struct http_head *ret)
{
	if (fields->has_length)
		return "Content-Length is given twice";
	fields->has_length = true;
	if (!value.len || value.len > MAX_LENGTH_DIGITS)
		return "Content-Length is no length";
	for (size_t i = 0; i < value.len; i++) {
		if (value.at[i] < '0' || value.at[i] > '9')
			return "Content-Length is no length";
		ret->body_bytes = ret->body_bytes * 10 + (value.at[i] - '0');
	}
	return NULL;
}

static const char *parse_transfer(struct text value, struct fields *fields)
{
	if (fields->has_transfer)
		return "Transfer-Encoding is given twice";
	fields->has_transfer = true;
	return is(value, "chunked") ? NULL : "Transfer-Encoding is not chunked alone";
}

static void parse_coding(struct text value, struct fields *fields, struct http_head *ret)
{
	enum http_coding coding = HTTP_UNREADABLE;

	if (is(value, "gzip") || is(value, "x-gzip"))
		coding = HTTP_GZIP;
	else if (is(value, "deflate"))
		coding = HTTP_DEFLATE;
	else if (is(value, "identity"))
		coding = HTTP_PLAIN;
	ret->coding = fields->has_coding ? HTTP_UNREADABLE : coding;
	fields->has_coding = true;
}

static const char *parse_value(struct text name, struct text value, struct fields *fields,
			       struct http_head *ret)
{
	if (is(name, "Host")) {
		if (fields->has_host)
			return "Host is given twice";
		fields->has_host = true;
		fields->host = value;
		return NULL;
	}
	if (is(name, "Content-Length"))
		return parse_length(value, fields, ret);
	if (is(name, "Transfer-Encoding"))
		return parse_transfer(value, fields);
	if (is(name, "Content-Encoding"))
		parse_coding(value, fields, ret);
	else if (is(name, "Upgrade"))
		ret->upgrade = true;
	return NULL;
}

static const char *parse_field(struct text line, struct fields *fields, struct http_head *ret)
{
	const size_t name_len = token_len(line);
	const struct text name = {line.at, name_len};

	if (line.at[0] == ' ' || line.at[0] == '\t')
		return "a header field is folded";
	if (!name_len || name_len == line.len || line.at[name_len] != ':')
		return "a header field is malformed";
	skip(&line, name_len + 1);
	while (line.len && (line.at[0] == ' ' || line.at[0] == '\t'))
		skip(&line, 1);
	while (line.len && (line.at[line.len - 1] == ' ' || line.at[line.len - 1] == '\t'))
		line.len--;
	for (size_t i = 0; i < line.len; i++) {
		const unsigned char c = (unsigned char)line.at[i];

		if ((c < ' ' && c != '\t') || c == 0x7f)
			return "a header field has control characters";
	}
	return parse_value(name, line, fields, ret);
}

/* The target may name a host as well; then that is the one which servers go by. */
static const char *join_host(const struct fields *fields, struct http_head *ret)
{
	struct http_head other = {0};

	if (!fields->has_host && !fields->is_1_0)
		return "Host is missing";
	if (fields->has_host) {
		const char *why = parse_host(fields->host, ret);

		if (why)
			return why;
	}
	if (!fields->authority.at)
		return NULL;
	const char *why = parse_host(fields->authority, &other);

	if (why)
		return why;
	if (ret->is_connect && other.port < 0)
		return "the target of CONNECT has no port";
	if (fields->has_host &&
	    (strcasecmp(ret->host, other.host) != 0 || (ret->port != other.port && ret->port >= 0)))
		return "Host is not the host of the target";
	memcpy(ret->host, other.host, sizeof(ret->host));
	ret->port = other.port;
	return NULL;
}

static const char *join_length(const struct fields *fields, struct http_head *ret)
{
	/* RFC 9110 9.3.6: some would read a body, others a tunnel. */
	if (ret->is_connect && (fields->has_transfer || ret->body_bytes))
		return "CONNECT has a body";
	if (!fields->has_transfer)
		return NULL;
	if (fields->has_length)
		return "both Content-Length and Transfer-Encoding are given";
	if (fields->is_1_0)
		return "Transfer-Encoding is given in HTTP/1.0";
	ret->body_bytes = HTTP_CHUNKED;
	return NULL;
}

const char *http_head_parse(const char *bytes, size_t len, struct http_head *ret)
{
	struct text rest = {bytes, len};
	struct fields fields = {0};
	struct text line;

	memset(ret, 0, sizeof(*ret));
	ret->port = -1;
	if (!next_line(&rest, &line))
		return "the request line does not end with CR LF";
	const char *why = parse_request_line(line, &fields, ret);

	while (!why) {
		if (!next_line(&rest, &line))
			why = "a header field does not end with CR LF";
		else if (!line.len)
			break;
		else
			why = parse_field(line, &fields, ret);
	}
	if (!why && rest.len)
		why = "there is something behind the head";
	if (!why)
		why = join_host(&fields, ret);
	return why ? why : join_length(&fields, ret);
}
