/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Which sessions are alive: the file STATE/live/ID is locked (flock(2)) as long as a process lives
 * that could still write to the session's layers: who started it, keeper and init all hold it. The
 * kernel drops the lock with the last of them, however they end. So a file that can be locked was
 * left by a session that was killed before it could clean up, and the next start does it.
 */

#include <stdbool.h>

#include "common/error.h"

/*
 * live_enter - announces a session. @discard: nobody wants its changes, also if it is killed.
 * Return: the lock, to be held (and handed to the launcher) until live_leave(); -EBUSY when a
 * session of this name is running.
 */
int live_enter(const char *session, bool discard, struct error *err);

/* Whose changes its layers will hold, for whoever cleans up behind it if it is killed. */
int live_name_workspace(int lock_fd, const char *workspace, struct error *err);

/* The session has ended and its layers are settled. Closes the lock; -1 is fine. */
void live_leave(const char *session, int *lock_fd);

/* Cleans up behind sessions that were killed. Their records and kept changes stay. */
void live_sweep(void);
