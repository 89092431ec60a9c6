/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What isolation lite puts in the place of namespaces; see lite.c. All of it runs in cordon-launch.
 */

#include <stdbool.h>
#include <sys/types.h>

#include "sandbox/launch.h"

/* Signals and abstract sockets are scoped from this Landlock ABI on (Linux 6.12). */
#define LITE_LANDLOCK_ABI 6

/* Takes the session's host ids, for good. Return: 0, or a negative errno. */
int lite_become(const struct launch *l);

/* P, before C is there. */
int lite_prepare(struct launch *l, struct error *err);
/* Steps of C, in this order. */
int lite_enter(struct launch *l, struct error *err);
int lite_watch_children(struct launch *l, struct error *err);
int lite_check_places(struct launch *l, struct error *err);
int lite_make_private(struct launch *l, struct error *err);

/* Removes the session's private folder; the caller becomes the session's user by it. */
void lite_remove_private(const struct launch *l);

/* The processes below @pid, in either isolation, as many as there is room for; good until the next
 * call of any function here. */
size_t lite_list_below(pid_t pid, const pid_t **ret);

/*
 * lite_kill_children - kills and reaps every child, and whoever becomes one by that, until there is
 * none. The caller is a subreaper without threads.
 * @spares: true for those that are to live; NULL: none.
 */
void lite_kill_children(bool (*spares)(pid_t pid));

/*
 * L hears of C's end, and of being told to end, by SIGTERM. Before it has a child it just ends;
 * from lite_hold_signals() on it is to wait by lite_wait_for_child(), which returns when one may
 * have ended, and when L is to end does not return, but leaves nothing of the call.
 */
int lite_prepare_leaf(pid_t init_pid, struct error *err);
void lite_hold_signals(void);
void lite_wait_for_child(void);
