/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What an approved exec must become: the program, and the strings that the kernel lays at the top
 * of the new image's stack. The gate works it out, the trace holds the kernel to it.
 */

#include <stdint.h>

struct exec_image {
	int file_fd; /* borrowed, O_PATH: the program loaded, for a script its last interpreter */
	/*
	 * Borrowed. The arguments as the new image has them (a script's are rewritten by the
	 * kernel), its environment, and the name it was called by; each string with its NUL.
	 */
	const char *block;
	uint32_t argv_bytes, env_bytes, name_bytes;
};
