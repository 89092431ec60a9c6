/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What a session needs anew in the state folder, made before it is wanted: STATE/ready/lock becomes
 * STATE/live/ID (live.h), STATE/ready/folder becomes STATE/sessions/ID with its empty layers.
 *
 * It is made behind the session before, when nobody waits, since creating a file or a folder can
 * take a file system longer than all else that a start does on the disk; moving one takes none.
 * Nothing is used twice: what is taken is gone from there, and of two who want it one gets it.
 */

#include <stdbool.h>

/* What is missing of it. */
void ready_make(void);

/* Both return: whether there was one. Who gets none makes his own. */
bool ready_take_lock(int live_fd, const char *session);
bool ready_take_folder(const char *session);
