/* SPDX-License-Identifier: Apache-2.0 */
#include "common/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

void log_message(enum log_level level, const char *format, ...)
{
	static const char *const names[] = {"", "warning: ", ""};
	const int saved = errno;
	char line[2048];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	(void)fprintf(stderr, "cordon: %s%s\n", names[level], line);
	errno = saved;
}
