/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include "monitor/gate/target.h"

/*
 * walk_path - follows a path as the kernel would for the child, one component at a time.
 *
 * The slow way, for what openat2(2) with RESOLVE_IN_ROOT cannot do from outside: the magic links of
 * procfs, whose "self" is the child there and not us, and ".." or absolute links in a path that
 * starts at a folder below the root.
 * @base_fd: where a relative path starts; borrowed.
 * @nofollow: a link as last component is the result itself.
 * Owns: *ret_fd (O_PATH). Errors: those of open(2).
 */
int walk_path(struct target *target, int base_fd, const char *path, bool nofollow, int *ret_fd);

/* Linux calls with their newer flags. */
int open_beneath(int dir_fd, const char *path, unsigned long long flags,
		 unsigned long long resolve);
bool is_procfs(int file_fd);
