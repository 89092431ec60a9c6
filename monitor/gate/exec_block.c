/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/gate/exec_block.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

void exec_block_called(int dirfd, const char *path, char ret[EXEC_CALLED_BYTES])
{
	if (dirfd == AT_FDCWD || path[0] == '/')
		(void)snprintf(ret, EXEC_CALLED_BYTES, "%s", path);
	else
		(void)snprintf(ret, EXEC_CALLED_BYTES, "/dev/fd/%d%s%s", dirfd, path[0] ? "/" : "",
			       path);
}

static void put_string(struct buf *to, const char *text, size_t len)
{
	buf_put(to, text, len);
	buf_putc(to, '\0');
}

/*
 * The kernel drops argv[0] and puts in its place: the interpreter, its argument if there is one,
 * the file that was to be run. Where the interpreter is a script itself that happens again, and the
 * argv[0] dropped is the interpreter's name, put back as the file that was to be run.
 */
void exec_block_script(struct buf *script, const struct script_line *line, const char *called)
{
	struct buf outer = BUF_INIT(0);

	put_string(&outer, line->name, line->name_len);
	if (line->argument)
		put_string(&outer, line->argument, line->argument_len);
	if (script->len)
		buf_put(&outer, script->data, script->len);
	else
		put_string(&outer, called, strlen(called));
	buf_done(script);
	*script = outer;
}

void exec_block_argv(struct buf *block, const char *argv, size_t argv_bytes,
		     const struct buf *script)
{
	/* An empty vector is one empty string since 5.18. */
	const char *const from = argv_bytes ? argv : "";
	const size_t bytes = argv_bytes ? argv_bytes : 1;
	const size_t skipped = script->len ? strlen(from) + 1 : 0;

	if (script->len)
		buf_put(block, script->data, script->len);
	buf_put(block, from + skipped, bytes - skipped);
}
