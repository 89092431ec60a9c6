/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The inside of decode_file(), which fills d->file:
 *
 *	decode_file.c			calls about names and contents; what all have in common
 *	decode_file_attributes.c	mode, owner, times, extended attributes
 *	decode_file_socket.c		sockets that the hands connect or bind
 *
 * Nothing is resolved here, and nothing done: the paths are walked and the operation is carried out
 * by the hands (files.h). Return, if nothing else is said: 0 or a negative errno.
 */

#include <stddef.h>

#include "monitor/gate/decode.h"

/* What the last path begins at, and how it is walked from there. */
int decode_file_base(struct decode *d, int dirfd, unsigned walk);
/* The next path of the call. @flags: AT_EMPTY_PATH; whether a link at the end is followed. */
int decode_file_path(struct decode *d, int dirfd, __u64 at, unsigned flags);
/* fchmod(2) and its like: no path, the descriptor's file. */
int decode_file_descriptor(struct decode *d, int number);
/* A string that is no path; too long a one is -ENAMETOOLONG. */
int decode_file_text(struct decode *d, __u64 at, size_t max);

/* Return: also -ENOSYS for what is none of these. */
int decode_file_attributes(struct decode *d, const struct seccomp_data *data);

/* @r: what reading the arguments came to. Return: as decode_call(); d->file is kept if that is 0.
 */
int decode_file_keep(struct decode *d, int r);
/* The same, with who calls and where its root is. */
int decode_file_finish(struct decode *d, int r);
