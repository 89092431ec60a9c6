/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the kernel makes of an exec's strings (struct exec_image.block). It lays the arguments, the
 * environment and the name of the call one behind the other at the top of the new stack, and for a
 * script puts its interpreter in front. Pure.
 * Source: kernel fs/exec.c, fs/binfmt_script.c.
 */

#include <stddef.h>

#include "common/buf.h"
#include "common/limits.h"
#include "monitor/gate/script.h"

#define EXEC_CALLED_BYTES (MAX_PATH_BYTES + 32u)

/*
 * exec_block_called - the name that the kernel takes for the program: the path, or one below
 * /dev/fd where the call named a descriptor.
 */
void exec_block_called(int dirfd, const char *path, char ret[EXEC_CALLED_BYTES]);

/*
 * exec_block_script - one interpreter more: @script becomes what stands for argv[0] with it.
 * Empty before the first.
 */
void exec_block_script(struct buf *script, const struct script_line *line, const char *called);

/* exec_block_argv - appends the arguments as the new image has them; @script may be empty. */
void exec_block_argv(struct buf *block, const char *argv, size_t argv_bytes,
		     const struct buf *script);
