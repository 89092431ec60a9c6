/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/http_oracle.h"

#include <string.h>
#include <strings.h>

#include <llhttp.h>

struct reading {
	llhttp_t parser;
	struct http_oracle *ret;
	char name[64];
	bool in_value;
};

static struct reading *reading_of(llhttp_t *parser)
{
	return (struct reading *)parser->data;
}

/* Values come in pieces. */
static void append(char *to, size_t size, const char *at, size_t len)
{
	const size_t have = strlen(to);
	const size_t more = len < size - 1 - have ? len : size - 1 - have;

	memcpy(to + have, at, more);
	to[have + more] = '\0';
}

static int on_target(llhttp_t *parser, const char *at, size_t len)
{
	append(reading_of(parser)->ret->target, sizeof(reading_of(parser)->ret->target), at, len);
	return 0;
}

static int on_name(llhttp_t *parser, const char *at, size_t len)
{
	struct reading *r = reading_of(parser);

	if (r->in_value)
		r->name[0] = '\0';
	r->in_value = false;
	append(r->name, sizeof(r->name), at, len);
	return 0;
}

static int on_value(llhttp_t *parser, const char *at, size_t len)
{
	struct reading *r = reading_of(parser);
	const bool is_host = strcasecmp(r->name, "host") == 0;

	if (is_host && !r->in_value)
		r->ret->hosts++;
	r->in_value = true;
	if (is_host)
		append(r->ret->host, sizeof(r->ret->host), at, len);
	return 0;
}

static int on_head(llhttp_t *parser)
{
	struct http_oracle *ret = reading_of(parser)->ret;

	ret->accepted = true;
	append(ret->method, sizeof(ret->method),
	       llhttp_method_name((llhttp_method_t)parser->method),
	       strlen(llhttp_method_name((llhttp_method_t)parser->method)));
	ret->chunked = parser->flags & F_CHUNKED;
	ret->length = parser->content_length;
	return HPE_PAUSED;
}

void http_oracle_read(const char *bytes, size_t len, struct http_oracle *ret)
{
	struct reading reading = {.ret = ret};
	llhttp_settings_t settings;

	memset(ret, 0, sizeof(*ret));
	llhttp_settings_init(&settings);
	settings.on_url = on_target;
	settings.on_header_field = on_name;
	settings.on_header_value = on_value;
	settings.on_headers_complete = on_head;
	llhttp_init(&reading.parser, HTTP_REQUEST, &settings);
	reading.parser.data = &reading;
	const llhttp_errno_t e = llhttp_execute(&reading.parser, bytes, len);

	ret->knows_method = e != HPE_INVALID_METHOD;
}
