/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Errors in a policy file, as a compiler tells them: "file:line:column: reason", and below it the
 * line with a mark under the place.
 */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/json_scan.h"
#include "common/utf8.h"
#include "monitor/policy/source.h"

#define SHOWN_BEFORE 60u /* bytes of the line on either side of the place, at most */
#define SHOWN_AFTER  40u

static bool is_inside_character(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

/* The line around `offset`, one blank for each control character, and the mark. */
static void put_excerpt(const struct source *source, size_t offset, struct buf *out)
{
	size_t start = offset < source->len ? offset : source->len;
	size_t end = start;
	size_t column = 0;

	while (start > 0 && source->text[start - 1] != '\n' && offset - start < SHOWN_BEFORE)
		start--;
	while (start < offset && is_inside_character(source->text[start]))
		start++;
	while (end < source->len && source->text[end] != '\n' && end - offset < SHOWN_AFTER)
		end++;
	while (end < source->len && end > offset && is_inside_character(source->text[end]))
		end--;
	buf_puts(out, "\n    ");
	for (size_t i = start; i < end; i++) {
		const char c = source->text[i];

		if ((unsigned char)c < 0x20 || c == 0x7f)
			buf_putc(out, ' ');
		else
			buf_putc(out, c);
		column += i < offset && !is_inside_character(c);
	}
	buf_printf(out, "\n    %*s^", (int)column, "");
}

int source_error_at(const struct source *source, struct error *err, int code, size_t offset,
		    const char *reason)
{
	_cleanup_buf_ struct buf excerpt = BUF_INIT(0);
	unsigned line = 1;
	unsigned column = 1;

	json_position(source->text, source->len, offset, &line, &column);
	put_excerpt(source, offset, &excerpt);
	return error_set(err, code, "%s:%u:%u: %.640s%s", source->name, line, column, reason,
			 excerpt.data);
}

int source_error(const struct source *source, struct error *err, int code, const char *path,
		 const char *format, ...)
{
	char where[512];
	char text[640];
	size_t offset = 0;
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	(void)snprintf(where, sizeof(where), "%s", path);
	/* A member that cannot be found (it is missing) is reported where its parent stands. */
	while (json_locate(source->text, source->len, where, &offset) < 0) {
		char *cut = strrchr(where, '.');

		offset = 0;
		if (!cut)
			break;
		*cut = '\0';
	}
	return source_error_at(source, err, code, offset, text);
}

/* "$.rules[0]: unknown member "x"; ..." is about the member: $.rules[0]["x"] */
static void add_member(char *path, size_t room, const char *reason)
{
	static const char unknown[] = "unknown member \"";
	const size_t used = strlen(path);
	const char *name = reason + sizeof(unknown) - 2;
	const char *end;

	if (strncmp(reason, unknown, sizeof(unknown) - 1) != 0)
		return;
	end = strstr(name + 1, "\"; known are");
	if (end && used + (size_t)(end - name) + 4 < room)
		(void)snprintf(path + used, room - used, "[%.*s\"]", (int)(end - name), name);
}

int source_located(const struct source *source, struct error *err)
{
	struct error plain;
	const char *colon;
	char path[512];

	if (!err)
		return -EINVAL;
	plain = *err;
	colon = strstr(plain.text, ": ");
	if (!colon || (size_t)(colon - plain.text) >= sizeof(path))
		return plain.code;
	memcpy(path, plain.text, (size_t)(colon - plain.text));
	path[colon - plain.text] = '\0';
	add_member(path, sizeof(path), colon + 2);
	return source_error(source, err, plain.code, path, "%s", colon + 2);
}

/* Where "line:column" is in the text; columns count characters, as json_position() does. */
static size_t offset_of(const struct source *source, unsigned line, unsigned column)
{
	size_t at = 0;

	while (line > 1 && at < source->len)
		line -= source->text[at++] == '\n';
	while (column > 1 && at < source->len) {
		at++;
		column -= at >= source->len || !is_inside_character(source->text[at]);
	}
	return at;
}

int source_parse(struct source *source, struct error *err)
{
	_cleanup_buf_ struct buf excerpt = BUF_INIT(0);
	struct error plain = {0};
	unsigned line = 0;
	unsigned column = 0;
	const int r = json_parse(source->name, source->text, source->len, &source->doc, &plain);
	const size_t skip = strlen(source->name);

	if (r == 0)
		return 0;
	if (strlen(plain.text) > skip &&
	    sscanf(plain.text + skip, ":%u:%u:", &line, &column) == 2) /* NOLINT(cert-err34-c) */
		put_excerpt(source, offset_of(source, line, column), &excerpt);
	return error_set(err, r, "%s%s", plain.text, excerpt.data ? excerpt.data : "");
}
