/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Where the resident supervisor of this user, this state folder and this very binary is found:
 * STATE/resident/NAME.sock, a SOCK_SEQPACKET socket, with NAME.lock beside it, locked (flock(2)) as
 * long as it lives. NAME is a hash over version, device, inode, size and time of the binary: a
 * client never meets the server of another build. The folder is the user's own and nobody else's
 * (mode 0700), which is checked, and both sides ask the kernel who the other one is.
 */

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"

struct resident_place {
	int folder_fd;
	char name[17];
};

/*
 * What must be the same for a client and its server: they see the same files under the same names,
 * and the same processes under the same ids.
 */
struct resident_identity {
	uint64_t root_dev, root_inode;
	uint64_t mnt, user, pid, net; /* inodes of /proc/self/ns */
	uint64_t backend;	      /* enum trace_backend that is wanted */
};

/* Makes the folder if need be. Errors: -EPERM when it is not ours alone. */
int resident_place_open(struct resident_place *ret, struct error *err);
void resident_place_done(struct resident_place *place);

/* Return: a connected socket to a server of our own user; -ENOENT, -ECONNREFUSED without one,
 * -EPERM for somebody else's. */
int resident_connect(const struct resident_place *place);

/*
 * resident_listen - becomes the one server of this place, and removes what killed ones left.
 * @ret_lock_fd: to be held for life.
 * Return: the listening socket; -EEXIST when there is one.
 */
int resident_listen(const struct resident_place *place, int *ret_lock_fd, struct error *err);
/* Nobody finds us from here on. The lock goes with its descriptor. */
void resident_unlisten(const struct resident_place *place);

/* True if the process at the other end belongs to our user. */
bool resident_peer_is_ours(int socket_fd);

int resident_identity_get(struct resident_identity *ret);
