/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Error with context, on the caller's stack.
 *
 * Functions that can fail return 0 or a negative errno; where the text reaches a person the last
 * parameter is a `struct error *`, which may be NULL. The text says what was attempted, on which
 * object, the reason, and, where there is one, the way out.
 */

#include <stdarg.h>

struct error {
	int code; /* negative errno */
	char text[1024];
};

/* Sets the error; `code` may be given as errno or negative errno. Return: the negative errno. */
int error_set(struct error *err, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Like error_set, with ": " and strerror(code) appended. */
int error_errno(struct error *err, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Puts text behind the one that is there. Return: err->code. */
int error_append(struct error *err, const char *text);

/* Puts "prefix: " before the text that is there. Return: err->code, or -EINVAL without an err. */
int error_prefix(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));
