/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The first line of a script, read as the kernel reads it (execve(2), "Interpreter scripts").
 */

#include <stdbool.h>
#include <stddef.h>

#define SCRIPT_HEAD_BYTES 256u /* BINPRM_BUF_SIZE: what the kernel looks at */
#define SCRIPT_MAX_DEPTH  5u   /* interpreters in a row; one more is ELOOP */

/* What a first line names; both point into the head and are not terminated. */
struct script_line {
	const char *name;
	size_t name_len;
	const char *argument; /* NULL: none; one of no length is one */
	size_t argument_len;
};

/*
 * script_interpreter - the interpreter that a file names, and the argument it gives to it.
 * @head: its first bytes, zeros behind a shorter file.
 * Return: false if the kernel will not take the file for a script.
 */
bool script_interpreter(const char head[SCRIPT_HEAD_BYTES], struct script_line *ret);
