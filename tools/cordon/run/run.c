/* SPDX-License-Identifier: Apache-2.0 */

/*
 *	floor started ──► RUN to the resident supervisor ──ACCEPTED──► closed ┐
 *	                    │ none, or DECLINED                               ├─► floor gone ─► end
 *	                    └─► supervisor and command in this process ► closed ┘
 *
 * The sandbox is ours in both cases: its processes are our descendants, in our cgroup, and die with
 * us. Whoever watches holds the control socket alone, so that the sandbox dies with the watcher
 * too.
 */

#include "tools/cordon/run/run.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <uv.h>

#include "common/cleanup.h"
#include "common/log.h"
#include "tools/cordon/run/handed_terminal.h"
#include "tools/cordon/run/run_internal.h"
#include "tools/cordon/run/run_signals.h"
#include "tools/cordon/run/summary.h"
#include "tools/toolkit/loop.h"
#include "tools/toolkit/option_value.h"
#include "tools/toolkit/options.h"
#include "tools/toolkit/ready.h"

/* ---- the end ---- */

/*
 * The session is closed and nothing of it runs: the loop ends with the last handle. A supervisor of
 * ours has none that is active, and is left for settle_behind().
 */
static void maybe_end(struct run *run)
{
	if (run->is_closed && run->floor_is_gone)
		run_signals_stop(run->signals);
}

static void on_floor_gone(void *ctx)
{
	struct run *run = ctx;

	run->floor_is_gone = true;
	maybe_end(run);
}

void run_on_closed(void *ctx, const struct command_outcome *outcome, const struct error *err)
{
	struct run *run = ctx;

	approver_close(take_ptr(run->approver));
	terminal_stop(run->terminal);
	run->terminal = NULL;
	run->client = NULL;
	run->command = NULL;
	run->is_closed = true;
	run->outcome = *outcome;
	if (err) {
		run->failed = true;
		run->failure = *err;
	}
	close_fd(&run->control_fd);
	close_fd(&run->record_fd);
	floor_expect_end(run->floor);
	maybe_end(run);
}

static void fail(struct run *run, const struct error *err)
{
	const struct command_outcome nothing = {0};

	run_on_closed(run, &nothing, err);
}

void run_on_tty(void *ctx, int master_fd)
{
	struct run *run = ctx;

	run->terminal = terminal_start(&run->loop, master_fd);
}

/* ---- the terminal ---- */

bool run_wants_tty(void)
{
	return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
}

/*
 * Programs that draw on a terminal do not start without TERM. It says what kind of terminal the
 * user has, no more; and only what a kind is named like is passed on.
 */
static void pass_terminal_type(struct session_options *options)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-._";
	static char variable[80];
	const char *kind = getenv("TERM");

	if (!kind || !*kind || kind[strspn(kind, letters)] || !run_wants_tty())
		return;
	for (size_t i = 0; i < options->env_count; i++)
		if (strncmp(options->env[i], "TERM=", 5) == 0)
			return;
	if (snprintf(variable, sizeof(variable), "TERM=%s", kind) < (int)sizeof(variable))
		option_add_word(&options->env, &options->env_count, variable);
}

/* ---- signals ---- */

static void send_signal(struct run *run, int signum)
{
	if (run->client)
		resident_client_signal(run->client, signum);
	else if (run->command)
		command_signal(run->command, signum);
}

static void on_signal_pass(void *ctx, int signum)
{
	struct run *run = ctx;

	if (run->client && run->control_fd >= 0)
		run->unheard_signal = signum;
	send_signal(run, signum);
}

static void on_signal_end(void *ctx, int signum)
{
	struct run *run = ctx;

	(void)signum;
	if (run->client)
		resident_client_kill(run->client);
	else if (run->command)
		command_kill(run->command);
}

/* SIGTSTP would not stop the command: its process group is one without a shell above it. */
static void on_suspend(void *ctx)
{
	struct run *run = ctx;

	send_signal(run, SIGSTOP);
	terminal_suspend(run->terminal);
}

static void on_resume(void *ctx)
{
	struct run *run = ctx;

	terminal_resume(run->terminal);
	send_signal(run, SIGCONT);
}

static const struct run_signals_ops signals_ops = {
	.pass = on_signal_pass, .end = on_signal_end, .suspend = on_suspend, .resume = on_resume};

/* ---- the start ---- */

static void on_hold_terminal(void *ctx, bool hold)
{
	const struct run *run = ctx;

	terminal_hold(run->terminal, hold);
}

/* The session is over, and its end is told when the disk has it. */
static void settle_record(struct run *run)
{
	struct error err;

	if (record_settle(&run->settle_fd, floor_plan(run->floor)->record_path, &err) < 0 &&
	    !run->failed) {
		run->failed = true;
		run->failure = err;
	}
}

void run_tell_floor(const struct run *run)
{
	const char *caveat = plan_caveat(&floor_plan(run->floor)->spec);

	if (run->options->quiet)
		return;
	plan_tell_workspace(&run->options->session);
	if (caveat)
		log_warning("%s", caveat);
}

static int start(struct run *run, struct error *err)
{
	const struct floor_owner owner = {&run->loop, on_floor_gone, run};
	const struct approver_host host = {&run->loop, on_hold_terminal, run};
	int r;

	run_hail_resident(run); /* it says HELLO while the session is made */
	r = run_here_begin(run, err);
	if (r == 0)
		r = floor_start(&owner, &run->options->session, &run->floor, &run->control_fd, err);
	if (r < 0)
		return r;
	run->approver = approver_open(run->options->session.approver, &host);
	run->signals = run_signals_start(&run->loop, &signals_ops, run);
	run->record_fd = record_create(floor_plan(run->floor)->record_path,
				       run->options->session.record_sync, &run->settle_fd, err);
	if (run->record_fd < 0) {
		fail(run, err);
		return 0;
	}
	/*
	 * The decoys' authority is known to nobody but this process; and for the disk to take what
	 * one session wrote no other is to wait.
	 */
	if (!run->options->resident || run->options->session.record_sync != RECORD_SYNC_NEVER ||
	    floor_plan(run->floor)->trust.authority || !run_may_be_watched(run) ||
	    run_ask_resident(run) < 0)
		run_watch_here(run);
	close_fd(&run->hail);
	return 0;
}

static void say_how_it_went(const struct run *run, int exit_status)
{
	summary_failures(run->options->command[0], &run->outcome,
			 run->failed ? &run->failure : NULL);
	if (run->options->json)
		summary_json(run->floor, &run->outcome, exit_status);
	else if (!run->options->quiet)
		summary_text(run->floor, &run->outcome);
}

/* ---- behind us ---- */

static int settle_behind(void *ctx)
{
	struct run *run = ctx;
	const int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	/* Who waits for the end of our output waits no longer, nor does a signal to our group. */
	(void)setsid();
	for (int i = 0; null_fd >= 0 && i < 3; i++)
		(void)dup2(null_fd, i);
	run_here_settle(run);
	floor_settle(run->floor);
	if (floor_plan(run->floor)->spec.upper_dir && !run->failed)
		ready_make(); /* the next one may be of its kind */
	if (run->spawn_server)
		resident_spawn();
	_exit(0);
}

/*
 * The command is over and reported; its layers' folders on disk, which may take longer to remove
 * than all the rest, and the programs of a trace are no reason to keep the caller waiting. A child
 * in our memory, on a stack of its own, sees to them. Should it be killed, the next start does
 * (live.h). If there can be none, it is done here.
 */
static _Noreturn void leave(struct run *run, int exit_status)
{
	static char stack[256 << 10] __attribute__((aligned(16)));

	if (clone(settle_behind, stack + sizeof(stack), CLONE_VM | SIGCHLD, run) < 0)
		floor_settle(run->floor);
	_exit(exit_status); /* the heap is the child's now */
}

int run_command(struct run_options *options)
{
	struct run run = {.options = options,
			  .control_fd = -1,
			  .record_fd = -1,
			  .settle_fd = -1,
			  .hail = -ENOENT};
	int exit_status = EXIT_CORDON;
	struct error err;

	if (loop_init(&run.loop, &err) < 0) {
		log_error("%s", err.text);
		return EXIT_CORDON;
	}
	pass_terminal_type(&options->session);
	if (!run_wants_tty() && handed_terminal_take(&err) < 0) {
		log_error("%s", err.text);
	} else if (start(&run, &err) < 0) {
		run_here_failed(&run, &err);
	} else {
		(void)uv_run(&run.loop, UV_RUN_DEFAULT);
		handed_terminal_give_back();
		settle_record(&run);
		exit_status = run.failed ? EXIT_CORDON : summary_status(&run.outcome);
		say_how_it_went(&run, exit_status);
		if (!run.failed && run_here_end(&run) < 0)
			exit_status = EXIT_CORDON;
		leave(&run, exit_status);
	}
	close_fd(&run.hail);
	(void)uv_loop_close(&run.loop);
	return exit_status;
}
