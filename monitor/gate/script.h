/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The first line of a script, read as the kernel reads it (execve(2), "Interpreter scripts").
 */

#include <stdbool.h>
#include <stddef.h>

#define SCRIPT_HEAD_BYTES 256u /* BINPRM_BUF_SIZE: what the kernel looks at */
#define SCRIPT_MAX_DEPTH  5u   /* interpreters in a row; one more is ELOOP */

/*
 * script_interpreter - the interpreter that a file names.
 * @head: its first bytes, zeros behind a shorter file.
 * Return: true and the name at *ret (into @head, not terminated); false: the kernel will not take
 * the file for a script.
 */
bool script_interpreter(const char head[SCRIPT_HEAD_BYTES], const char **ret, size_t *ret_len);
