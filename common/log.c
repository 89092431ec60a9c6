/* SPDX-License-Identifier: Apache-2.0 */
#include "common/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/plain.h"

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
	/* It may name what a session has made: a file's name must not steer the user's terminal. */
	buf_put_plain(&plain, line, sizeof(line));
	(void)fprintf(stderr, "cordon: %s%s\n", names[level], plain.data ? plain.data : "");
	errno = saved;
}
