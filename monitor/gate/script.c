/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/gate/script.h"

#include <string.h>

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Behind the name: blanks, then everything up to the line's end, or to a NUL in it. */
static void script_argument(const char *at, const char *end, struct script_line *ret)
{
	if (at >= end || !is_blank(*at))
		return;
	while (at < end && is_blank(*at))
		at++;
	ret->argument = at;
	ret->argument_len = strnlen(at, (size_t)(end - at));
}

/*
 * As fs/binfmt_script.c: the line ends at the newline; without one in the head the name must be
 * followed by a blank or NUL inside it, since a cut name would run something else.
 */
bool script_interpreter(const char head[SCRIPT_HEAD_BYTES], struct script_line *ret)
{
	const char *const limit = &head[SCRIPT_HEAD_BYTES - 1]; /* the kernel's last byte ends it */
	const char *at = &head[2];

	*ret = (struct script_line){0};
	if (head[0] != '#' || head[1] != '!')
		return false;
	/* A newline behind a NUL is none: the search is one for strings. */
	const char *end = memchr(head, '\n', strnlen(head, SCRIPT_HEAD_BYTES));
	const bool has_end = end != NULL;

	if (!has_end)
		end = limit;
	while (at < end && is_blank(*at))
		at++;
	const char *name_end = at;

	while (name_end < end && !is_blank(*name_end) && *name_end)
		name_end++;
	if (name_end == at)
		return false;
	if (!has_end && name_end == limit && !is_blank(*limit) && *limit)
		return false;	  /* cut off */
	while (is_blank(end[-1])) /* ends at the name's last byte */
		end--;
	ret->name = at;
	ret->name_len = (size_t)(name_end - at);
	script_argument(name_end, end, ret);
	return true;
}
