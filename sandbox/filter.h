/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The seccomp filter: bytes made at build time by filter_gen.c, loaded with our own flags.
 */

#include <linux/filter.h>
#include <stdbool.h>

extern const struct sock_filter filter_plain_code[];
extern const unsigned short filter_plain_code_len;
extern const struct sock_filter filter_gated_code[];
extern const unsigned short filter_gated_code_len;

/*
 * filter_load - on the calling thread, which must have no_new_privs.
 * Return: for the gated filter its listener's descriptor (O_CLOEXEC), else 0; negative errno.
 * Errors: -EBUSY when somebody else already listens to this process (nested sandboxes).
 */
int filter_load(bool gated);
