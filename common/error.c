/* SPDX-License-Identifier: Apache-2.0 */
#include "common/error.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int negative(int code)
{
	return code > 0 ? -code : code;
}

int error_set(struct error *err, int code, const char *format, ...)
{
	if (err) {
		va_list args;

		err->code = negative(code);
		va_start(args, format);
		(void)vsnprintf(err->text, sizeof(err->text), format, args);
		va_end(args);
	}
	return negative(code);
}

static const char *text_of(int code, char *buffer, size_t size)
{
#ifdef __GLIBC__
	return strerror_r(code, buffer, size);
#else
	return strerror_r(code, buffer, size) == 0 ? buffer : "unknown error";
#endif
}

int error_errno(struct error *err, int code, const char *format, ...)
{
	if (err) {
		char buffer[128];
		const char *reason = text_of(abs(code), buffer, sizeof(buffer));
		/* A long name is cut before the reason is. */
		const size_t room = sizeof(err->text) - strlen(reason) - sizeof(": ") + 1;
		va_list args;
		size_t used;

		err->code = negative(code);
		va_start(args, format);
		(void)vsnprintf(err->text, room, format, args);
		va_end(args);
		used = strlen(err->text);
		(void)snprintf(err->text + used, sizeof(err->text) - used, ": %s", reason);
	}
	return negative(code);
}

int error_append(struct error *err, const char *text)
{
	const size_t used = strlen(err->text);

	(void)snprintf(err->text + used, sizeof(err->text) - used, "%s", text);
	return err->code;
}

int error_prefix(struct error *err, const char *format, ...)
{
	char old[sizeof(err->text)];
	va_list args;
	size_t used;

	if (!err)
		return -EINVAL;
	memcpy(old, err->text, sizeof(old));
	va_start(args, format);
	(void)vsnprintf(err->text, sizeof(err->text), format, args);
	va_end(args);
	used = strlen(err->text);
	(void)snprintf(err->text + used, sizeof(err->text) - used, ": %s", old);
	return err->code;
}
