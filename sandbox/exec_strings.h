/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The strings of an EXEC message, as execve(2) wants them. */

#include "common/limits.h"
#include "common/proto.h"

struct exec_strings {
	const char *cwd;
	char *argv[MAX_ARGV_ITEMS + 1];
	char *env[MAX_ARGV_ITEMS + 1];
};

/*
 * @payload: as msg_recv() gave it; all strings point into it. Without argc there is nothing to run.
 * Return: 0, -EPROTO if there are not as many strings as the message says.
 */
int exec_strings_take(const struct msg *m, char *payload, struct exec_strings *ret);
