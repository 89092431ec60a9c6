/* SPDX-License-Identifier: Apache-2.0 */

/*
 * From what an execution left behind to the text that the model reads.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tools/toolkit/catalogue.h"

static void put_kept(const struct tool_output *output, struct buf *text)
{
	_cleanup_buf_ struct buf raw = BUF_INIT(0);

	tool_output_get(output, &raw);
	if (raw.len)
		(void)text_put_utf8(text, raw.data, raw.len);
}

static void end_line(struct buf *text)
{
	if (text->len && text->data[text->len - 1] != '\n')
		buf_putc(text, '\n');
}

/*
 * What every tool may meet: no start, a time-out, a signal. Return: true if the execution came to
 * an exit status of its own.
 */
static bool came_to_end(const struct exec_result *exec, struct buf *text)
{
	if (exec->timed_out) {
		end_line(text);
		buf_printf(text,
			   "[timed out: ended after %.1f s, with everything it had started; "
			   "timeout_seconds asks for more]\n",
			   (double)exec->wall_ns / 1e9);
		return false;
	}
	switch (exec->outcome) {
	case EXEC_EXITED:
		return true;
	case EXEC_SIGNALED:
		end_line(text);
		if (!exec->killed) /* else the denial says it */
			buf_printf(text, "[ended by signal %d: %s]\n", exec->status,
				   strsignal(exec->status));
		if (exec->disk_ends)
			buf_printf(text,
				   "[out of room: the session may have %" PRIu64 " bytes on the "
				   "disk, and has more; what is not needed can be deleted]\n",
				   exec->layer_bytes);
		return false;
	case EXEC_NOT_STARTED:
		buf_printf(text, "[could not be started: %s]\n", strerror(exec->status));
		return false;
	case EXEC_SETUP_ERROR:
		break;
	}
	buf_printf(text, "[the sandbox failed: %s]\n",
		   exec->error[0] ? exec->error : "no reason was given");
	return false;
}

bool render_command(const struct tool_outcome *outcome, struct buf *text)
{
	const size_t before = text->len;

	put_kept(outcome->output, text);
	if (!came_to_end(outcome->exec, text))
		return true;
	if (outcome->exec->status) {
		end_line(text);
		buf_printf(text, "[exit status %d]\n", outcome->exec->status);
	} else if (text->len == before) {
		buf_puts(text, "[no output]\n");
	}
	return outcome->exec->status != 0;
}

/* How a script of a path tool failed. Return: false if it did not. */
static bool put_path_error(const struct tool_outcome *outcome, struct buf *text)
{
	const int status = outcome->exec->status;

	if (!came_to_end(outcome->exec, text))
		return true;
	if (status == 0)
		return false;
	if (status == SCRIPT_ERRNO + EINVAL)
		buf_printf(text, "%s: not a regular file\n", outcome->subject);
	else if (status > SCRIPT_ERRNO && status < 126)
		buf_printf(text, "%s: %s\n", outcome->subject, strerror(status - SCRIPT_ERRNO));
	else
		buf_printf(text, "%s: failed with exit status %d\n", outcome->subject, status);
	if (status < SCRIPT_ERRNO || status >= 126)
		put_kept(outcome->output, text);
	return true;
}

bool render_read(const struct tool_outcome *outcome, struct buf *text)
{
	_cleanup_buf_ struct buf raw = BUF_INIT(0);
	size_t replaced;

	if (put_path_error(outcome, text))
		return true;
	tool_output_get(outcome->output, &raw);
	if (!raw.len) {
		buf_printf(text, "[%s has no line there: it is empty or shorter]\n",
			   outcome->subject);
		return false;
	}
	if (memchr(raw.data, '\0', raw.len)) {
		buf_printf(text,
			   "%s: binary data (%" PRIu64 " bytes read); read_file returns text, "
			   "bash with od -c or base64 shows the rest\n",
			   outcome->subject, outcome->output->total);
		return true;
	}
	replaced = text_put_utf8(text, raw.data, raw.len);
	if (replaced) {
		end_line(text);
		buf_printf(text, "[%zu bytes are no UTF-8 and stand as U+FFFD above]\n", replaced);
	}
	return false;
}

bool render_write(const struct tool_outcome *outcome, struct buf *text)
{
	const struct buf *said = &outcome->output->head;

	if (put_path_error(outcome, text))
		return true;
	buf_printf(text, "Wrote %zu bytes to %s%s\n", outcome->input_len, outcome->subject,
		   said->len >= 3 && memcmp(said->data, "new", 3) == 0 ? " (new file)" : "");
	return false;
}

/* ---- list_directory ---- */

/* One record of find(1): kind, size, name, target; tabs between, NUL behind; a name may hold any.
 */
struct entry {
	char kind;
	const char *size;
	const char *name;
	const char *target;
};

static int compare_entries(const void *a, const void *b)
{
	return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

/*
 * Splits one record in place. The target stands behind the last tab; a tab in a link's target ends
 * up in the name shown, which is harmless.
 */
static bool split_entry(char *record, struct entry *ret)
{
	char *size = strchr(record, '\t');
	char *name = size ? strchr(size + 1, '\t') : NULL;
	char *target = name ? strrchr(name + 1, '\t') : NULL;

	if (!target)
		return false;
	*size++ = '\0';
	*name++ = '\0';
	*target++ = '\0';
	*ret = (struct entry){.kind = record[0], .size = size, .name = name, .target = target};
	return true;
}

/* A name on one line: what would break it is escaped as in C. */
static void put_name(struct buf *text, const char *name)
{
	const char *from = name;

	for (; *name; name++) {
		if ((unsigned char)*name >= 0x20 && *name != 0x7f && *name != '\\')
			continue;
		(void)text_put_utf8(text, from, (size_t)(name - from));
		if (*name == '\\')
			buf_puts(text, "\\\\");
		else if (*name == '\n')
			buf_puts(text, "\\n");
		else
			buf_printf(text, "\\x%02x", (unsigned)(unsigned char)*name);
		from = name + 1;
	}
	(void)text_put_utf8(text, from, (size_t)(name - from));
}

static void put_entry(struct buf *text, const struct entry *entry)
{
	static const char *const kinds[] = {
		['d'] = "dir",	['f'] = "file",	  ['l'] = "link",   ['p'] = "pipe",
		['s'] = "sock", ['c'] = "device", ['b'] = "device", ['~'] = NULL,
	};
	const unsigned char c = (unsigned char)entry->kind;
	const char *kind = c < sizeof(kinds) / sizeof(kinds[0]) ? kinds[c] : NULL;

	buf_printf(text, "%-6s %10s  ", kind ? kind : "other",
		   entry->kind == 'f' ? entry->size : "-");
	put_name(text, entry->name);
	if (entry->kind == 'd')
		buf_putc(text, '/');
	if (entry->kind == 'l') {
		buf_puts(text, " -> ");
		put_name(text, entry->target);
	}
	buf_putc(text, '\n');
}

bool render_list(const struct tool_outcome *outcome, struct buf *text)
{
	const struct buf *head = &outcome->output->head;
	_cleanup_buf_ struct buf raw = BUF_INIT(0);
	struct entry *entries;
	size_t count = 0;
	size_t room = 0;

	if (put_path_error(outcome, text))
		return true;
	if (!head->len) {
		buf_printf(text, "[%s is empty]\n", outcome->subject);
		return false;
	}
	/* Of a list that was cut the first part is shown: sorting what has a gap would mislead. */
	if (tool_output_dropped(outcome->output))
		buf_put(&raw, head->data, head->len);
	else
		tool_output_get(outcome->output, &raw);
	for (size_t i = 0; i < raw.len; i++)
		room += raw.data[i] == '\0';
	entries = xcalloc(room, sizeof(*entries));
	for (char *at = raw.data; count < room;) {
		char *next = at + strlen(at) + 1; /* before tabs become NULs */

		if (split_entry(at, &entries[count]))
			count++;
		else
			room--;
		at = next;
	}
	qsort(entries, count, sizeof(*entries), compare_entries);
	for (size_t i = 0; i < count; i++)
		put_entry(text, &entries[i]);
	free(entries);
	if (tool_output_dropped(outcome->output))
		buf_printf(text, "[only the first %zu entries are shown]\n", count);
	return false;
}
