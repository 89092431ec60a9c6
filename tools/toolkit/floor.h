/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The floor of one session: its id and folder, its spec, the launcher that builds the sandbox from
 * it, and what is left of the layers afterwards. Nothing here watches; whoever holds the other end
 * of the control socket does (monitor/session/session.h), in this process or in the resident
 * supervisor.
 */

#include <sys/types.h>

#include <uv.h>

#include "common/error.h"
#include "tools/toolkit/plan.h"

struct floor;

/* Who hears, on the loop, that the launcher has ended and nothing of the session is left running.
 */
struct floor_owner {
	uv_loop_t *loop;
	void (*gone)(void *ctx);
	void *ctx;
};

/*
 * floor_start - plans the session and starts its launcher.
 * @ret_control_fd: our end of the socket to the session's init, owned by the caller; when its last
 * copy is closed the session ends.
 * Owns: the caller ends it with floor_release(), after gone() was called.
 */
int floor_start(const struct floor_owner *owner, const struct session_options *options,
		struct floor **ret, int *ret_control_fd, struct error *err);

/* The control socket is closed: from now on the launcher has a few seconds to end. */
void floor_expect_end(struct floor *floor);
/* Once gone: removes what the session leaves on disk beside its record and its changes. Touches
 * nothing but files, so that a child of ours may do it behind us. */
void floor_settle(struct floor *floor);
/* The control socket is closed, and nothing was begun there: ends it at once, waits for that, and
 * leaves nothing behind. The floor is not to be used any more. */
void floor_abandon(struct floor *floor);
/* NULL is fine. Frees in the loop's next turn. */
void floor_release(struct floor *floor);

/* On the host: the session's processes stand below it. */
pid_t floor_launcher_pid(const struct floor *floor);
const struct plan *floor_plan(const struct floor *floor);
/* Host folder with the changes, NULL if the workspace is not cow or nothing was changed; once gone.
 */
const char *floor_changes(const struct floor *floor);
