/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The listener of a seccomp filter, by its raw ioctls. libseccomp's wrappers turn every errno into
 * ECANCELED and know no SET_FLAGS, so they are not used.
 *
 * Sources: seccomp_unotify(2); linux/seccomp.h.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/seccomp.h>

#include "common/error.h"

struct notify {
	int fd;		     /* owned */
	size_t request_size; /* as this kernel has it, at least our struct's */
	struct seccomp_notif *request;
	struct seccomp_notif_resp *response;
};

#define NOTIFY_GONE 1 /* the target, or the call, is no more: no error */

/* Takes the listener over, also on failure. @sync_wake_up: ask for the wake-up on one CPU (6.6). */
int notify_init(struct notify *notify, int listener_fd, bool sync_wake_up, struct error *err);
void notify_done(struct notify *notify);

/*
 * notify_recv - the next notification, into notify->request. Only once after the listener was seen
 * readable: the ioctl would block otherwise.
 * Return: 0, NOTIFY_GONE, or a negative errno (the listener is of no use any more).
 */
int notify_recv(struct notify *notify);

/* True if the target still waits in the call: what was read of it so far was really its own. */
bool notify_is_valid(const struct notify *notify, uint64_t id);

/*
 * notify_add_fd - puts a duplicate of @file_fd into the caller's table and makes its number the
 * call's result (Linux 5.14).
 * Return: as notify_recv(); -EMFILE and the like are for the caller to be told.
 */
int notify_add_fd(struct notify *notify, uint64_t id, int file_fd, bool close_on_exec);

/* errno_value 0: the kernel goes on with the call. Return: as notify_recv(). */
int notify_answer(struct notify *notify, uint64_t id, int errno_value);
/* The call was carried out for its caller: it returns 0. */
int notify_done_for(struct notify *notify, uint64_t id);
