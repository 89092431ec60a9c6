/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/net/first_line.h"

#include <string.h>
#include <strings.h>

/* isspace(3), and what Python calls white space in Latin-1. */
bool first_line_is_space(unsigned char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r' && c != '\n') || (c >= 0x1c && c <= 0x1f) ||
	       c == 0x85 || c == 0xa0;
}

bool first_line_has_version(const char *line, size_t len)
{
	for (size_t i = 0; i + 5 <= len; i++) {
		if (strncasecmp(line + i, "HTTP/", 5) == 0)
			return true;
	}
	return false;
}

static size_t skip_spaces(const char *line, size_t len, size_t at)
{
	while (at < len && first_line_is_space((unsigned char)line[at]))
		at++;
	return at;
}

static size_t skip_word(const char *line, size_t len, size_t at)
{
	while (at < len && !first_line_is_space((unsigned char)line[at]))
		at++;
	return at;
}

static bool is_method(const char *word, size_t len)
{
	static const char *const methods[] = {
		"GET",	 "HEAD",    "POST",	  "PUT",       "DELETE", "CONNECT",
		"TRACE", "OPTIONS", "PATCH",	  "PROPFIND",  "MKCOL",	 "COPY",
		"MOVE",	 "LOCK",    "UNLOCK",	  "PROPPATCH", "REPORT", "SEARCH",
		"PURGE", "LINK",    "MKACTIVITY", "SUBSCRIBE", "PROXY",
	};

	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		if (strlen(methods[i]) == len && memcmp(word, methods[i], len) == 0)
			return true;
	}
	return false;
}

/* A path, an URL, or "*"; what is not there yet may be one. */
static bool may_be_target(const char *target, size_t len)
{
	return !len || target[0] == '/' || target[0] == '*' || memmem(target, len, "://", 3);
}

enum line_kind first_line_kind(const char *line, size_t len)
{
	while (len && (line[len - 1] == '\n' || line[len - 1] == '\r'))
		len--;
	const size_t method = skip_spaces(line, len, 0);
	const size_t method_end = skip_word(line, len, method);
	const size_t target = skip_spaces(line, len, method_end);

	if (first_line_has_version(line, len) || method == len)
		return LINE_REQUEST;
	if (method_end == len || !is_method(line + method, method_end - method))
		return LINE_OTHER;
	/* What CONNECT and PROXY name is no path, and what follows is another protocol. */
	if (strncmp(line + method, "CONNECT", 7) == 0 || strncmp(line + method, "PROXY", 5) == 0 ||
	    may_be_target(line + target, skip_word(line, len, target) - target))
		return LINE_REQUEST;
	return LINE_WORDS;
}
