/* SPDX-License-Identifier: Apache-2.0 */
#include "common/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/plain.h"

/*
 * It may name what a session has made: a file's name must not steer the user's terminal, nor look
 * like a line of ours. A line break stays where blanks follow, as before an excerpt of a policy.
 */
static void put_plain_lines(struct buf *out, char *text)
{
	static const char excerpt[] = "\n    ";
	char *next;

	while ((next = strstr(text, excerpt))) {
		*next = '\0';
		buf_put_plain(out, text, strlen(text));
		buf_puts(out, excerpt);
		text = next + strlen(excerpt);
	}
	buf_put_plain(out, text, strlen(text));
}

void log_message(enum log_level level, const char *format, ...)
{
	static const char *const names[] = {"", "warning: ", ""};
	const int saved = errno;
	_cleanup_buf_ struct buf plain = BUF_INIT(0);
	char line[2048];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	put_plain_lines(&plain, line);
	(void)fprintf(stderr, "cordon: %s%s\n", names[level], plain.data ? plain.data : "");
	errno = saved;
}
