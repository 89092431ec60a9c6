/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * One command in a session of its own, as the monitor sees it: the call is checked, the command
 * runs, its session ends with it. This is what `cordon run` asks for, whether the supervisor is in
 * its own process or the resident one.
 */

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "monitor/session/session.h"

struct command;

struct command_config {
	struct session_config session; /* ops and ctx are ours to set */
	const char *const *argv;       /* NULL-terminated; borrowed until closed */
	int stdio_fds[3];	       /* borrowed until closed */
	bool tty;
	uint32_t timeout_ms; /* 0: none */
	uint32_t declared;   /* bits of enum declared */
	struct call_cost cost;
};

/* How it went. Plain data: it crosses a socket as it is. */
struct command_outcome {
	bool refused;	  /* by policy, before anything started; `refusal` says why */
	bool ended;	  /* it was started, and `result` tells of it */
	int early_signal; /* one that came before it was started and ended the session; 0: none */
	struct denial refusal;
	struct exec_result result;
	struct session_totals totals;
};

struct command_ops {
	/* tty only: the pty's master, owned by the callee. */
	void (*tty)(void *ctx, int master_fd);
	/* Once, last: the session has ended and its record is closed. The command is freed after.
	 */
	void (*closed)(void *ctx, const struct command_outcome *outcome, const struct error *err);
};

/* Errors: those of session_start(); the descriptors of the session are taken over all the same. */
int command_start(const struct command_config *config, const struct command_ops *ops, void *ctx,
		  struct command **ret, struct error *err);

/*
 * command_signal - for the command to do with as it likes. One that comes before the command is
 * there ends the session, as its default action would; SIGSTOP and SIGCONT do no more than say
 * whether the command is to start stopped.
 */
void command_signal(struct command *command, int signum);
/* Ends the command, or a session that has not come so far. closed() follows. */
void command_kill(struct command *command);
/* Ends the session at once, with whatever runs in it. closed() follows. */
void command_end(struct command *command);
