/* SPDX-License-Identifier: Apache-2.0 */
#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <uv.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/json_write.h"
#include "common/log.h"
#include "tools/cordon/commands.h"
#include "tools/cordon/run_signals.h"
#include "tools/cordon/summary.h"
#include "tools/cordon/terminal.h"
#include "tools/toolkit/options.h"

/* Exit statuses of cordon's own, as env(1), timeout(1) and the shell use them. */
enum {
	EXIT_TIMED_OUT = 124,
	EXIT_CORDON = 125,
	EXIT_NOT_EXECUTABLE = 126,
	EXIT_NOT_FOUND = 127
};

struct run {
	struct session_options options;
	bool dry_run;
	bool json;
	bool quiet;
	char **command;

	uv_loop_t loop;
	struct policy *policy;
	struct supervisor *supervisor;
	struct agent_session *agent;
	struct terminal *terminal;
	struct run_signals *signals;
	uint32_t exec_id;
	bool started;
	bool ended;
	struct exec_result result;
	struct session_totals totals;
	struct call call;
	struct buf args;
	int exit_status;
};

enum {
	KEY_DRY_RUN = 0x2000,
	KEY_JSON
};

static const struct argp_option run_options[] = {
	{"dry-run", KEY_DRY_RUN, 0, 0, "Print the sandbox that would be built, as JSON, and exit",
	 5},
	{"json", KEY_JSON, 0, 0, "Print a summary as JSON on stderr at the end", 5},
	{"quiet", 'q', 0, 0, "Say nothing but errors", 5},
	{0},
};

static error_t parse_run(int key, char *arg, struct argp_state *state)
{
	struct run *run = state->input;

	(void)arg;
	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &run->options;
		return 0;
	case KEY_DRY_RUN:
		run->dry_run = true;
		return 0;
	case KEY_JSON:
		run->json = true;
		return 0;
	case 'q':
		run->quiet = true;
		return 0;
	case ARGP_KEY_ARGS:
		run->command = state->argv + state->next;
		return 0;
	case ARGP_KEY_NO_ARGS:
		if (!run->dry_run)
			argp_error(state, "no command; cordon run [OPTION...] -- CMD [ARG...]");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static int status_of(const struct exec_result *result)
{
	if (result->timed_out)
		return EXIT_TIMED_OUT;
	switch (result->outcome) {
	case EXEC_EXITED:
		return result->status;
	case EXEC_SIGNALED:
		return 128 + result->status;
	case EXEC_NOT_STARTED:
		return result->status == ENOENT || result->status == ENOTDIR ? EXIT_NOT_FOUND
									     : EXIT_NOT_EXECUTABLE;
	case EXEC_SETUP_ERROR:
		break;
	}
	return EXIT_CORDON;
}

static void on_tty(void *ctx, int master_fd)
{
	struct run *run = ctx;

	run->terminal = terminal_start(&run->loop, master_fd);
}

static void report_start_failure(const struct run *run, const struct exec_result *result)
{
	if (result->outcome == EXEC_SETUP_ERROR || result->error[0])
		log_error("%s: %s", run->command[0],
			  result->error[0] ? result->error : "the execution could not be set up");
	else if (result->outcome == EXEC_NOT_STARTED && !result->denied)
		log_error("%s: %s", run->command[0],
			  result->status == ENOENT ? "command not found in the session"
						   : strerror(result->status));
}

static void on_ended(void *ctx, uint32_t exec_id, const struct exec_result *result)
{
	struct run *run = ctx;

	(void)exec_id;
	terminal_stop(run->terminal);
	run->terminal = NULL;
	run->ended = true;
	run->result = *result;
	run->exit_status = status_of(result);
	report_start_failure(run, result);
	session_end_call(agent_session_monitor(run->agent), &run->call, run->exit_status != 0);
	session_totals(agent_session_monitor(run->agent), &run->totals);
	agent_session_end(run->agent);
}

static const struct exec_ops exec_ops = {.tty = on_tty, .ended = on_ended};

static bool call_is_allowed(struct run *run)
{
	struct json_writer w = {.out = &run->args};
	struct denial denial;

	json_begin_object(&w, NULL);
	json_begin_array(&w, "argv");
	for (size_t i = 0; run->command[i]; i++)
		json_put_string(&w, NULL, run->command[i]);
	json_end_array(&w);
	json_end_object(&w);
	run->call = (struct call){.id = "c1", .tool = "run", .args = run->args.data};
	if (session_check_call(agent_session_monitor(run->agent), &run->call, &denial))
		return true;
	log_error("the call was refused by %s: %s", denial.rule, denial.because);
	return false;
}

static void on_ready(void *ctx)
{
	struct run *run = ctx;
	const struct exec_request request = {
		.call_id = "c1",
		.tool = "run",
		.argv = (const char *const *)run->command,
		.stdio_fds = {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO},
		.tty = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO),
		.timeout_ms = run->options.timeout_ms,
	};
	struct error err;

	if (!call_is_allowed(run)) {
		run->exit_status = EXIT_NOT_EXECUTABLE;
		agent_session_end(run->agent);
		return;
	}
	if (session_exec(agent_session_monitor(run->agent), &request, &exec_ops, run, &run->exec_id,
			 &err) < 0) {
		log_error("%s", err.text);
		agent_session_end(run->agent);
		return;
	}
	run->started = true;
}

static void on_closed(void *ctx, const struct error *err)
{
	struct run *run = ctx;

	if (err) {
		/* Told already as the reason why the command ended? */
		if (!run->ended || !run->result.error[0])
			log_error("%s", err->text);
		run->exit_status = EXIT_CORDON;
	}
	run_signals_stop(run->signals);
	if (run->json)
		summary_json(run->agent, &run->totals, run->ended ? &run->result : NULL,
			     run->exit_status);
	else if (!run->quiet)
		summary_text(run->agent, run->ended ? &run->result : NULL);
	supervisor_free(run->supervisor);
}

static const struct agent_session_ops agent_ops = {.ready = on_ready, .closed = on_closed};

static void on_signal_pass(void *ctx, int signum)
{
	struct run *run = ctx;

	if (run->started && !run->ended) {
		session_signal_exec(agent_session_monitor(run->agent), run->exec_id, signum);
	} else if (!run->started) {
		run->exit_status = 128 + signum;
		agent_session_end(run->agent);
	}
}

static void on_signal_end(void *ctx, int signum)
{
	struct run *run = ctx;

	(void)signum;
	if (run->started && !run->ended)
		session_kill_exec(agent_session_monitor(run->agent), run->exec_id);
	else
		agent_session_end(run->agent);
}

/* SIGTSTP would not stop the command: its process group is one without a shell above it. */
static void on_suspend(void *ctx)
{
	struct run *run = ctx;

	if (run->started && !run->ended)
		session_signal_exec(agent_session_monitor(run->agent), run->exec_id, SIGSTOP);
	terminal_suspend(run->terminal);
}

static void on_resume(void *ctx)
{
	struct run *run = ctx;

	terminal_resume(run->terminal);
	if (run->started && !run->ended)
		session_signal_exec(agent_session_monitor(run->agent), run->exec_id, SIGCONT);
}

static const struct run_signals_ops signals_ops = {
	.pass = on_signal_pass, .end = on_signal_end, .suspend = on_suspend, .resume = on_resume};

static int open_session(struct run *run, struct error *err)
{
	const char *reason;
	int r;

	r = load_policies(&run->options, &run->policy, err);
	if (r == 0)
		r = start_supervisor(&run->options, &run->loop, run->policy, &run->supervisor, err);
	if (r < 0)
		return r;
	if (!supervisor_has_trace(run->supervisor, &reason) && !run->quiet)
		log_warning("no trace: %s", reason);
	r = agent_session_open(run->supervisor, &run->options, &agent_ops, run, &run->agent, err);
	if (r < 0) {
		supervisor_free(run->supervisor);
		return r;
	}
	run->signals = run_signals_start(&run->loop, &signals_ops, run);
	return 0;
}

static int print_spec(const struct run *run)
{
	_cleanup_buf_ struct buf out = BUF_INIT(0);
	struct error err;
	struct spec spec;

	if (agent_session_spec(&run->options, &spec, &err) < 0) {
		log_error("%s", err.text);
		return EXIT_CORDON;
	}
	spec_to_json(&spec, &out);
	spec_done(&spec);
	(void)puts(out.data);
	return 0;
}

/* A closed stdin, stdout or stderr would let another file take its number. */
static void hold_standard_fds(void)
{
	int held_fd;

	do
		held_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	while (held_fd >= 0 && held_fd <= STDERR_FILENO);
	close_fd(&held_fd);
}

int cmd_run(int argc, char **argv)
{
	static const struct argp_child children[] = {{&session_argp, 0, 0, 0}, {0}};
	static const struct argp argp = {
		.options = run_options,
		.parser = parse_run,
		.args_doc = "-- CMD [ARG...]",
		.doc = "Run CMD in a session of its own: isolated, traced, checked against policy and "
		       "recorded.\v"
		       "Exit status: the command's; 124 when --timeout ended it, 125 when cordon "
		       "failed, 126 and 127 when the command could not be run or found.",
		.children = children,
	};
	struct run run = {.exit_status = EXIT_CORDON, .args = BUF_INIT(MAX_JSON_BYTES)};
	struct error err;

	argp_err_exit_status = EXIT_CORDON;
	hold_standard_fds();
	/* Somebody who does not read our messages any more is no reason to leave the record cut. */
	(void)signal(SIGPIPE, SIG_IGN);
	if (argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &run) != 0)
		return EXIT_CORDON;
	if (run.dry_run) {
		run.exit_status = print_spec(&run);
	} else {
		(void)uv_loop_init(&run.loop);
		if (open_session(&run, &err) < 0)
			log_error("%s", err.text);
		(void)uv_run(&run.loop, UV_RUN_DEFAULT);
		(void)uv_loop_close(&run.loop);
	}
	(void)policy_free(run.policy);
	session_options_done(&run.options);
	buf_done(&run.args);
	return run.exit_status;
}
