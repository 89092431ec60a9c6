/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The inside of a session's cgroups:
 *
 *	cgroup.c	which version holds which limit, and how the init gets in
 *	cgroup_folder.c	folders that are told from left ones, and go with their keeper
 *	cgroup_limit.c	what is written into them
 */

#include "sandbox/launch.h"

/* A folder of ours below the parent, NULL if none can be made. *ret_lock_fd: held until the end. */
char *cgroup_make_folder(const struct launch *l, const char *parent, int *ret_lock_fd);
/* Removes folders of sessions that are gone. */
void cgroup_sweep_folders(const char *parent);

int cgroup_write_number(const char *folder, const char *file, uint64_t number);
int cgroup_set_limit(const struct launch *l, enum limit_kind kind, const char *folder, bool v2);
