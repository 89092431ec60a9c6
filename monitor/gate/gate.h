/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The gate: seccomp user notifications of one execution, from listener to answer.
 *
 *	receive -> read the arguments (each read followed by NOTIF_ID_VALID) ->
 *	resolve paths through the child's root -> struct action -> the owner decides ->
 *	errno or continue
 *
 * The gate never blocks for the child: it opens with O_PATH, and answers in the same turn of the
 * loop, with two exceptions. File operations (files.h) are carried out, not let proceed, and
 * answered when that is done. What the owner cannot decide yet stays stopped until gate_resume(),
 * which reads, resolves and asks about it anew: what was seen before is not believed. A target that
 * is gone (ENOENT from the ioctls) is not an error. Anything that cannot be read or resolved for
 * another reason than "no such file" is denied.
 *
 * Sources: seccomp_unotify(2); kernel Documentation/userspace-api/seccomp_filter.rst.
 */

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#include "common/error.h"
#include "monitor/action.h"
#include "monitor/exec_image.h"
#include "monitor/gate/resolve.h"

struct gate;

/* What is to be decided; all of it is borrowed for the length of that. */
struct gate_request {
	const struct action *action;
	uint64_t id;			/* of the stopped call; the same when it is resumed */
	uint32_t tid;			/* thread that made it, on the host */
	const struct exec_image *image; /* for exec what it must become, else NULL */
	const int *held_fds;		/* the files that a "yes" would act on, as resolved */
	unsigned held;
	int *socket_fd; /* net.*: a duplicate of the thread's own socket, which the owner may take;
			 * NULL: none could be had */
};

struct gate_answer {
	bool proceed;
	bool later;	     /* neither: it stays stopped until gate_resume() */
	bool kill_execution; /* no answer at all: the owner kills the leaf, and until that arrives
				the thread stays stopped inside its call */
	bool leads_on;	 /* what comes of it comes to the owner elsewhere, before any other call:
			    that one is not waited for here */
	bool done;	 /* it was carried out in the kernel's place, and returns 0 */
	int errno_value; /* positive; used unless proceed or done */
};

struct gate_ops {
	/*
	 * Decides one action; called from the loop. The image's descriptor is kept open until the
	 * next notification of the same thread, or the end. A call may stand for several actions.
	 */
	void (*decide)(void *ctx, const struct gate_request *request, struct gate_answer *ret);
	/* What was decided on with "proceed" and then carried out for the thread, or answered in
	 * the kernel's place; once. @error: errno or 0. */
	void (*carried_out)(void *ctx, const struct action *action, int error);
	/* The thread was gone before the answer came: an exec that was approved does not happen. */
	void (*unanswered)(void *ctx, uint32_t tid);
	/* May so many bytes of room be taken on the disk? Without it: yes. */
	bool (*may_take)(void *ctx, uint64_t bytes);
	/* The last task under this filter is gone; the gate may be freed from here. */
	void (*gone)(void *ctx);
};

/*
 * What a gate is started with; strings are borrowed for its life. */
struct gate_config {
	uv_loop_t *loop;
	int listener_fd; /* taken over, also on failure */
	uint32_t exec_id;
	int hands_fd; /* of an execution that has hands (EXEC_WITH_HANDS); taken over; 0: none */
	int bell_fd;  /* that of the hands (common/hands.h), if there are any; taken over */
	bool carries_binds;    /* with hands: a bind(2) of a UNIX socket is not let proceed, but
				  carried out */
	bool carries_connects; /* the same of every connect(2) */
	struct owners owners;  /* by paths inside; decide action.provenance */
	const char *const *host_bound; /* folders inside that are the host's own; may be NULL */
	int diag_fd; /* borrowed: of the session's sockets, as unix_is_inside() takes it; 0: none */
	const struct gate_ops *ops;
	void *ctx;
};

int gate_start(const struct gate_config *config, struct gate **ret, struct error *err);
/* Closes handles on the loop and frees in the last close callback. NULL is fine. */
void gate_stop(struct gate *gate);

/* True if the thread still waits in that call. */
bool gate_is_waiting(const struct gate *gate, uint64_t id);
/* Of a call that was answered with `later`: asks about it once more. Not from within decide(). */
void gate_resume(struct gate *gate, uint64_t id);

/* Notifications taken so far. */
uint64_t gate_count(const struct gate *gate);
