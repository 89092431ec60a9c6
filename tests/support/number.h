/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* An argument that has to be a number; the program ends if it is none. */
static inline long number(const char *text)
{
	char *end;
	long ret;

	errno = 0;
	ret = strtol(text, &end, 10);
	if (errno || end == text || *end) {
		(void)fprintf(stderr, "\"%s\" is no number\n", text);
		exit(2);
	}
	return ret;
}
