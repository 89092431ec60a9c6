/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The inside of a run: run.c, from its start to its end; run_resident.c, watched by the server;
 * run_here.c, in its own process, or tools/front/run_whole.c in its place. */

#include <stdbool.h>

#include <uv.h>

#include "common/error.h"
#include "tools/cordon/policy/learn_session.h"
#include "tools/cordon/resident/resident_client.h"
#include "tools/cordon/run/run.h"
#include "tools/cordon/run/terminal.h"
#include "tools/toolkit/approver/approver.h"
#include "tools/toolkit/command.h"
#include "tools/toolkit/floor.h"

struct run {
	struct run_options *options;
	uv_loop_t loop;
	struct run_signals *signals;
	int unheard_signal; /* came before the server had accepted; 0: none */
	struct terminal *terminal;
	struct approver *approver; /* NULL: none */

	struct learn_session learn;

	struct floor *floor; /* owned until the end */
	int control_fd;	     /* of its init; -1 once somebody watches */
	int record_fd;	     /* likewise */
	int settle_fd;	     /* the same file, until it is settled; -1: it is not to be */
	bool floor_is_gone;

	int hail;			/* socket to a server, not heard yet; or why not */
	struct resident_client *client; /* one of the two, or none yet */
	struct command *command;
	struct policy *policy; /* in our process only, as is the supervisor */
	struct supervisor *supervisor;
	bool spawn_server; /* for the runs after this one */

	bool is_closed;
	struct command_outcome outcome;
	struct error failure;
	bool failed;
};

/* run.c */
bool run_wants_tty(void);
/* As command_ops; @ctx: the run. */
void run_on_tty(void *ctx, int master_fd);
void run_on_closed(void *ctx, const struct command_outcome *outcome, const struct error *err);

/* What is weaker or otherwise than asked for. By who watches it: the front may yet begin anew. */
void run_tell_floor(const struct run *run);

/* run_here.c */
/* Once the server was hailed, and before anything is started. */
int run_here_begin(struct run *run, struct error *err);
/* Watches in this process. What goes wrong ends the run. */
void run_watch_here(struct run *run);
/* Once it is over and reported. Return: 0, or a negative errno that was told. */
int run_here_end(struct run *run);
/* Behind it. */
void run_here_settle(struct run *run);
/* Nothing was started: tells why. */
void run_here_failed(struct run *run, const struct error *err);

/* run_resident.c */
void run_hail_resident(struct run *run);
bool run_may_be_watched(const struct run *run);
/* Errors: there is none that could be asked; it may decline later, and then we watch. */
int run_ask_resident(struct run *run);
