/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/net/http_path.h"

#include <stdbool.h>
#include <string.h>

#include "common/hex.h"
#include "monitor/net/http_head.h"

struct path {
	char *text; /* borrowed */
	size_t len;
	char last;
	/* Of the segment that is being read, for those that stop at a parameter as well. */
	unsigned dots;
	bool is_else; /* it is more than dots, or over */
	bool leads_up;
};

static void put(struct path *path, char c)
{
	path->last = c;
	if (path->len < MAX_HTTP_PATH)
		path->text[path->len++] = c;
}

/* A single dot between slashes is nothing: apt asks for them. */
static void take_dot_back(struct path *path)
{
	path->last = '/';
	if (path->len < MAX_HTTP_PATH) /* else it was cut */
		path->len--;
}

/* A backslash is none of RFC 3986, but of servers on Windows. */
static void look(struct path *path, char c)
{
	const bool is_end = c == '/' || c == '\\';

	if (c == '.' && !path->is_else) {
		path->dots++;
		return;
	}
	if (c == '/' && path->dots == 1)
		take_dot_back(path);
	else if (is_end || c == ';')
		path->leads_up |= path->dots == 1 || path->dots == 2;
	path->is_else = !is_end;
	path->dots = 0;
}

static void put_octet(struct path *path, int octet, bool was_encoded)
{
	static const char digits[] = "0123456789ABCDEF";
	const char c = (char)octet;

	look(path, c);
	if (octet >= 0x7f || (was_encoded && (octet <= ' ' || strchr("%?#", c)))) {
		put(path, '%');
		put(path, digits[octet >> 4]);
		put(path, digits[octet & 15]);
	} else if (c != '/' || path->last != '/') {
		put(path, c);
	}
}

static bool is_encoded(const char *at, size_t len)
{
	return len >= 3 && at[0] == '%' && hex_value(at[1]) >= 0 && hex_value(at[2]) >= 0;
}

const char *http_path_read(const char *at, size_t len, char *ret)
{
	const char *end = at + len;
	const char *query = memchr(at, '?', len);
	struct path path = {.text = ret};

	if (memchr(at, '#', len))
		return "the target of the request has a fragment";
	if (!query)
		query = end;
	while (at < query) {
		const bool encoded = is_encoded(at, (size_t)(query - at));

		put_octet(&path,
			  encoded ? hex_value(at[1]) << 4 | hex_value(at[2]) : (unsigned char)*at,
			  encoded);
		at += encoded ? 3 : 1;
	}
	look(&path, '/');
	if (path.leads_up)
		return "the path of the request has a segment of dots";
	for (; at < end; at++)
		put(&path, *at);
	ret[path.len] = '\0';
	return NULL;
}
