/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/policy/match.h"

#include <string.h>

#include "monitor/policy/cidr.h"

static unsigned char lower(unsigned char c)
{
	return c >= 'A' && c <= 'Z' ? (unsigned char)(c + 32) : c;
}

static unsigned char byte_of(char c, bool fold)
{
	return fold ? lower((unsigned char)c) : (unsigned char)c;
}

int text_compare(struct str a, struct str b, bool fold_a, bool fold_b)
{
	const size_t n = a.len < b.len ? a.len : b.len;

	if (!fold_a && !fold_b) {
		const int r = n ? memcmp(a.at, b.at, n) : 0;

		return r ? r : (a.len > b.len) - (a.len < b.len);
	}
	for (size_t i = 0; i < n; i++) {
		const int r = byte_of(a.at[i], fold_a) - byte_of(b.at[i], fold_b);

		if (r)
			return r;
	}
	return (a.len > b.len) - (a.len < b.len);
}

bool text_contains(struct str text, struct str part, bool fold_text, bool fold_part)
{
	if (part.len == 0)
		return true;
	if (part.len > text.len)
		return false;
	if (!fold_text && !fold_part)
		return memmem(text.at, text.len, part.at, part.len) != NULL;
	for (size_t i = 0; i + part.len <= text.len; i++) {
		if (text_compare((struct str){text.at + i, part.len}, part, fold_text, fold_part) ==
		    0)
			return true;
	}
	return false;
}

/* The component at the start of `rest`; moves `rest` behind its separator. */
static struct str component(struct str *rest, char separator)
{
	const char *end = rest->len ? memchr(rest->at, separator, rest->len) : NULL;
	struct str c = {rest->at, end ? (size_t)(end - rest->at) : rest->len};
	const size_t used = end ? c.len + 1 : c.len;

	rest->at += used;
	rest->len -= used;
	return c;
}

static size_t character(struct str text, size_t at)
{
	size_t n = 1;

	while (at + n < text.len && ((unsigned char)text.at[at + n] & 0xc0) == 0x80)
		n++;
	return n;
}

/* One component; on a mismatch the last '*' takes one byte more, so time is at most n * m. */
static bool component_match(struct str pattern, struct str text, bool fold)
{
	size_t p = 0;
	size_t t = 0;
	size_t star = SIZE_MAX;
	size_t star_text = 0;

	while (t < text.len) {
		const bool escaped = p + 1 < pattern.len && pattern.at[p] == '\\';

		if (p < pattern.len && !escaped && pattern.at[p] == '*') {
			star = p++;
			star_text = t;
		} else if (p < pattern.len && !escaped && pattern.at[p] == '?') {
			t += character(text, t);
			p++;
		} else if (p < pattern.len &&
			   byte_of(pattern.at[p + escaped], fold) == byte_of(text.at[t], fold)) {
			p += 1u + escaped;
			t++;
		} else if (star != SIZE_MAX) {
			p = star + 1;
			t = ++star_text;
		} else {
			return false;
		}
	}
	while (p < pattern.len && pattern.at[p] == '*')
		p++;
	return p == pattern.len;
}

static bool is_deep(struct str c)
{
	return c.len == 2 && c.at[0] == '*' && c.at[1] == '*';
}

/* Components against components; "**" backtracks like '*' does, one component at a time. */
static bool components_match(struct str pattern, struct str text, char separator, bool fold)
{
	struct str deep_pattern = {NULL, 0};
	struct str deep_text = {NULL, 0};
	bool deep = false;

	for (;;) {
		struct str rest = pattern;
		struct str c = component(&rest, separator);

		if (pattern.at && pattern.len && is_deep(c)) {
			deep = true;
			pattern = deep_pattern = rest;
			deep_text = text;
			if (!pattern.len)
				return true;
			continue;
		}
		if (!text.len)
			return !pattern.len;
		if (pattern.len) {
			struct str left = text;

			if (component_match(c, component(&left, separator), fold)) {
				pattern = rest;
				text = left;
				continue;
			}
		}
		if (!deep || !deep_text.len)
			return false;
		(void)component(&deep_text, separator);
		pattern = deep_pattern;
		text = deep_text;
	}
}

bool glob_match(struct str pattern, struct str path, bool fold)
{
	const bool anchored = pattern.len && pattern.at[0] == '/';

	if (!path.len)
		return false;
	if (pattern.len && pattern.at[0] == '~') {
		const struct str home = STR(SESSION_HOME);

		if (path.len < home.len ||
		    text_compare((struct str){path.at, home.len}, home, fold, fold) != 0)
			return false;
		path = (struct str){path.at + home.len, path.len - home.len};
		pattern = (struct str){pattern.at + 1, pattern.len - 1};
		if (!path.len)
			return !pattern.len ||
			       (pattern.len == 3 && is_deep((struct str){pattern.at + 1, 2}));
		if (path.at[0] != '/' || !pattern.len)
			return false;
	} else if (anchored != (path.at[0] == '/') &&
		   (anchored || pattern.len < 2 || !is_deep((struct str){pattern.at, 2}))) {
		return false;
	}
	if (pattern.len && pattern.at[0] == '/')
		pattern = (struct str){pattern.at + 1, pattern.len - 1};
	if (path.at[0] == '/')
		path = (struct str){path.at + 1, path.len - 1};
	return components_match(pattern, path, '/', fold);
}

/* No strchr: some patterns are checked anew for each text that they are asked of. */
static bool is_no_wildcard(char c)
{
	return c == '[' || c == ']' || c == '{' || c == '}' || c == '\0';
}

static const char *component_check(struct str c)
{
	bool star = false; /* the character before is an unescaped '*' */

	for (size_t i = 0; i < c.len; i++) {
		if (c.at[i] == '\\') {
			if (++i == c.len)
				return "a backslash at the end of a component";
			star = false;
			continue;
		}
		if (is_no_wildcard(c.at[i]))
			return "[ ] { } are no wildcards here: write \\ before the character, or "
			       "several patterns";
		if (c.at[i] == '*' && star && c.len != 2)
			return "** must be a component of its own";
		star = c.at[i] == '*';
	}
	return NULL;
}

const char *glob_check(struct str pattern, bool absolute)
{
	struct str rest = pattern;
	const char *reason;

	if (!pattern.len)
		return "an empty pattern matches nothing";
	if (pattern.len > MAX_PATH_BYTES)
		return "the pattern is longer than a path can be";
	if (pattern.at[0] == '/')
		rest = (struct str){pattern.at + 1, pattern.len - 1};
	else if (pattern.at[0] == '~' && pattern.len > 1 && pattern.at[1] != '/')
		return "~ stands for the session's home only as a component of its own";
	else if (absolute && pattern.at[0] != '~' &&
		 !(pattern.len >= 2 && is_deep((struct str){pattern.at, 2})))
		return "paths are absolute: start the pattern with /, ~/ or **/";
	while (rest.len) {
		const struct str before = rest;
		const struct str c = component(&rest, '/');

		if (!c.len || (!rest.len && before.at[before.len - 1] == '/'))
			return "an empty component (// or a slash at the end) matches nothing";
		if (str_eq(c, STR(".")) || str_eq(c, STR("..")))
			return "paths are resolved: . and .. match nothing";
		reason = component_check(c);
		if (reason)
			return reason;
	}
	return NULL;
}

static struct str without_dot(struct str host)
{
	if (host.len > 1 && host.at[host.len - 1] == '.')
		host.len--;
	return host;
}

static bool is_numeric(struct str host)
{
	uint8_t address[16];

	return address_parse(host, address);
}

bool host_match(struct str pattern, struct str host)
{
	host = without_dot(host);
	pattern = without_dot(pattern);
	if (!host.len || host.at[host.len - 1] == '.') /* an empty label: no name */
		return false;
	if (is_numeric(host)) {
		uint8_t a[16];
		uint8_t b[16];

		return address_parse(host, a) && address_parse(pattern, b) && memcmp(a, b, 16) == 0;
	}
	/* A first "**" takes one label at least: the name itself is a pattern of its own. */
	if (pattern.len > 2 && is_deep((struct str){pattern.at, 2})) {
		(void)component(&host, '.');
		if (!host.len)
			return false;
	}
	return components_match(pattern, host, '.', true);
}

const char *host_check(struct str pattern)
{
	struct str rest = without_dot(pattern);
	bool first = true;

	if (!rest.len)
		return "an empty host name matches nothing";
	if (is_numeric(rest))
		return NULL;
	if (rest.at[rest.len - 1] == '.')
		return "an empty label in the host name";
	while (rest.len) {
		const struct str c = component(&rest, '.');

		if (!c.len)
			return "an empty label in the host name";
		if (is_deep(c) && !first)
			return "** can only be the first label";
		if (is_deep(c) && !rest.len)
			return "** alone is every host: write the rule without hostMatches";
		for (size_t i = 0; i < c.len; i++) {
			const unsigned char b = lower((unsigned char)c.at[i]);

			if (b >= 0x80)
				return "host names are matched as they are on the wire: write the "
				       "xn-- form";
			if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789-_*", b))
				return "not a host name (no scheme, port or path here)";
			if (i && b == '*' && c.at[i - 1] == '*' && c.len != 2)
				return "** must be a label of its own";
		}
		first = false;
	}
	return NULL;
}
