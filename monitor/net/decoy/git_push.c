/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/net/decoy/git_push.h"

#include <string.h>

#include "common/hex.h"

#define PACK_HEAD 12u /* "PACK", version, number of objects */

/* A pkt-line's payload: *ret_len of it; 0 for a flush. Return: false if it is none. */
static bool take_line(const char **at, const char *end, const char **ret, size_t *ret_len)
{
	const int32_t size = end - *at < 4 ? -1 : hex_value4(*at);

	if (size < 0 || (size && (size < 5 || size > end - *at)))
		return false;
	*ret = *at + 4;
	*ret_len = size ? (size_t)size - 4 : 0;
	*at += size ? size : 4;
	return true;
}

static bool take_oid(const char **at, const char *end, char ret[65])
{
	size_t len = 0;

	while (*at + len < end && len < 65 && hex_value((*at)[len]) >= 0)
		len++;
	if ((len != 40 && len != 64) || *at + len == end || (*at)[len] != ' ')
		return false;
	memcpy(ret, *at, len);
	ret[len] = '\0';
	*at += len + 1;
	return true;
}

/* "OLD NEW REF", of the first with a NUL and capabilities behind it. */
static bool read_update(const char *line, size_t len, struct git_update *ret)
{
	const char *end = memchr(line, '\0', len);

	if (!end)
		end = line + len;
	if (end > line && end == line + len && end[-1] == '\n')
		end--;
	if (!take_oid(&line, end, ret->old_oid) || !take_oid(&line, end, ret->new_oid) ||
	    end - line < 1 || end - line > (ptrdiff_t)MAX_GIT_REF)
		return false;
	for (const char *c = line; c < end; c++) {
		if ((unsigned char)*c <= ' ' || *c == 0x7f)
			return false;
	}
	memcpy(ret->ref, line, (size_t)(end - line));
	ret->ref[end - line] = '\0';
	ret->deletes = ret->new_oid[strspn(ret->new_oid, "0")] == '\0';
	return true;
}

static uint32_t read_objects(const char *at, const char *end)
{
	const unsigned char *head = (const unsigned char *)at;

	if ((size_t)(end - at) < PACK_HEAD || memcmp(at, "PACK", 4) != 0)
		return 0;
	return (uint32_t)head[8] << 24 | (uint32_t)head[9] << 16 | (uint32_t)head[10] << 8 |
	       head[11];
}

const char *git_push_parse(const char *bytes, size_t len, struct git_push *ret)
{
	const char *at = bytes;
	const char *end = bytes + len;
	const char *line;
	size_t size;

	ret->count = 0;
	ret->objects = 0;
	while (take_line(&at, end, &line, &size)) {
		if (!size) {
			ret->objects = read_objects(at, end);
			return NULL;
		}
		if (size >= 8 && memcmp(line, "shallow ", 8) == 0)
			continue;
		if (ret->count == MAX_GIT_UPDATES)
			return "too many refs";
		if (!read_update(line, size, &ret->updates[ret->count]))
			return "a command that is none of receive-pack";
		ret->count++;
	}
	return "no end of the commands";
}
