/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Descriptors of approved images. Each pins its inode, whose address is its identity for the trace,
 * until the same thread is heard of again: by then its exec has happened, or failed. A ring, so
 * that threads that are never heard of again hold no more than KEPT_FDS of them.
 */

#include <stdint.h>

#define KEPT_FDS 64u

struct kept_fds {
	unsigned next; /* the oldest, overwritten next */
	unsigned count;

	struct {
		uint32_t tid;
		int fd; /* owned; -1: empty */
	} slots[KEPT_FDS];
};

void kept_fds_init(struct kept_fds *kept);
void kept_fds_done(struct kept_fds *kept);
/* Takes the descriptor over. */
void kept_fds_add(struct kept_fds *kept, uint32_t tid, int file_fd);
/* Closes what is kept for that thread. */
void kept_fds_drop(struct kept_fds *kept, uint32_t tid);
