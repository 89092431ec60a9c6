/* SPDX-License-Identifier: Apache-2.0 */

/* A unified diff of two texts that have the same number of lines, as those of a changed rule have.
 */

#include <stdio.h>
#include <string.h>

#include "tools/cordon/policy/learn.h"

#define CONTEXT 3u

static size_t count_lines(const char *text)
{
	size_t count = 0;

	for (; *text; text++)
		count += *text == '\n';
	return count + (count == 0 || text[-1] != '\n');
}

static const char *line_at(const char *text, size_t number)
{
	while (number--)
		text = strchr(text, '\n') + 1;
	return text;
}

static void put_line(struct buf *out, char mark, const char *line)
{
	const size_t len = strcspn(line, "\n");

	buf_printf(out, "%c%.*s\n", mark, (int)len, line);
	if (!line[len])
		buf_puts(out, "\\ No newline at end of file\n");
}

static bool differs(const char *was, const char *now, size_t number)
{
	const char *a = line_at(was, number);
	const char *b = line_at(now, number);
	const size_t len = strcspn(a, "\n");

	return len != strcspn(b, "\n") || strncmp(a, b, len) != 0;
}

/* From the first line that differs on. Return: behind the hunk. */
static size_t put_hunk(const char *was, const char *now, size_t first, size_t lines,
		       struct buf *out)
{
	const size_t start = first > CONTEXT ? first - CONTEXT : 0;
	size_t last = first;
	size_t end;

	for (size_t i = first; i < lines && i <= last + 2 * CONTEXT; i++)
		if (differs(was, now, i))
			last = i;
	end = last + CONTEXT + 1 < lines ? last + CONTEXT + 1 : lines;
	buf_printf(out, "@@ -%zu,%zu +%zu,%zu @@\n", start + 1, end - start, start + 1,
		   end - start);
	for (size_t i = start; i < end; i++) {
		if (!differs(was, now, i)) {
			put_line(out, ' ', line_at(was, i));
			continue;
		}
		put_line(out, '-', line_at(was, i));
		put_line(out, '+', line_at(now, i));
	}
	return end;
}

static void put_new(const char *name, const char *now, struct buf *out)
{
	const size_t lines = count_lines(now);

	buf_printf(out, "--- /dev/null\n+++ %s\n@@ -0,0 +1,%zu @@\n", name, lines);
	for (size_t i = 0; i < lines; i++)
		put_line(out, '+', line_at(now, i));
}

void learn_put_diff(const char *name, const char *was, const char *now, struct buf *out)
{
	const size_t lines = was ? count_lines(was) : 0;

	if (!was) {
		put_new(name, now, out);
		return;
	}
	buf_printf(out, "--- %s\n+++ %s\n", name, name);
	for (size_t i = 0; i < lines; i++)
		if (differs(was, now, i))
			i = put_hunk(was, now, i, lines, out) - 1;
}
