/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A supervisor of the smallest kind, for tests of the floor: starts a real cordon-launch with a
 * spec and speaks common/proto.h to it, blocking, with a time limit on every wait.
 */

#include <stdbool.h>
#include <sys/types.h>

#include "common/error.h"
#include "common/proto.h"
#include "sandbox/spec.h"

#define FLOOR_WAIT_MS 60000

struct floor_session {
	pid_t keeper_pid;
	int control_fd;
	uint32_t last_exec;
	struct msg last; /* the message that came last */
	char payload[MAX_MESSAGE_BYTES];
	struct msg_fds fds;
};

/* Path of the launcher under test: $CORDON_LAUNCH, else beside the build's tests folder. */
const char *floor_launcher(void);

/* Starts the launcher, which waits for a spec by *ret_spec_fd (sandbox/spec_wire.h) from then on.
 */
int floor_launch(struct floor_session *f, int *ret_spec_fd, struct error *err);
/* That, sends it this one and waits for HELLO. Errors: what the launcher says. */
int floor_start(struct floor_session *f, const struct spec *spec, struct error *err);
/* Next message; -ETIME after FLOOR_WAIT_MS, MSG_EOF. */
int floor_next(struct floor_session *f);

struct floor_exec {
	const char *const *argv;
	const char *cwd; /* NULL: the workspace of the spec last started */
	unsigned flags;	 /* enum exec_flags */
	int stdin_fd;	 /* 0: /dev/null */
	int stdout_fd;	 /* 0: /dev/null */
};

/* Sends EXEC; returns its id. */
int floor_exec_start(struct floor_session *f, const struct floor_exec *e);
/* Waits for READY (fds in f->fds) or EXIT. */
int floor_exec_wait(struct floor_session *f, unsigned type);

struct floor_result {
	unsigned outcome;
	int status;
	char text[512];	       /* of EXEC_SETUP_ERROR */
	char output[64 << 10]; /* stdout and stderr */
};

/* Runs to the end and collects what it printed. */
int floor_run(struct floor_session *f, const char *const *argv, struct floor_result *ret);

/* Closes the socket and waits for the keeper. Return: its wait status, -ETIME. */
int floor_end(struct floor_session *f);
