/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Theory of operation: one client on stdio, one session. The client is answered from the start;
 * calls wait until the session stands. The end, once, whatever brings it:
 *
 *	stdin's end	calls in flight come to their end, if somebody still reads the answers
 *	signal, stdout	calls are ended at once
 *	session gone	calls in flight are answered with an error
 *
 * and then: session closed with its record, what is written flushed, exit.
 */

#include <argp.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <uv.h>

#include "common/cleanup.h"
#include "common/limits.h"
#include "common/log.h"
#include "tools/cordon/commands.h"
#include "tools/cordon/mcp/mcp_framing.h"
#include "tools/cordon/mcp/mcp_server.h"
#include "tools/cordon/mcp/mcp_stdio.h"
#include "tools/cordon/policy/learn_session.h"
#include "tools/cordon/standard_fds.h"
#include "tools/toolkit/approver/approver.h"
#include "tools/toolkit/loop.h"
#include "tools/toolkit/options.h"

#define EXIT_CORDON 125

/* A model that starts something endless would wait for ever; clients give up sooner or later. */
#define DEFAULT_TIMEOUT_MS (10u * 60 * 1000)

struct mcp {
	struct session_options options;
	uv_loop_t loop;
	struct policy *policy;
	struct supervisor *supervisor;
	struct agent_session *agent; /* NULL once closed */
	struct mcp_framing framing;
	struct mcp_server *server;
	struct mcp_stdio *stdio;
	uv_signal_t signals[3];
	struct learn_session learn;
	char *record;	/* its path; owned */
	bool at_end;	/* no more requests: end when the calls are over */
	bool is_ending; /* the session was told to end */
	bool is_gone;	/* the session is, with its record closed */
	int exit_status;
};

static void end_session(struct mcp *mcp)
{
	if (mcp->is_ending)
		return;
	mcp->is_ending = true;
	if (mcp->agent)
		agent_session_end(mcp->agent);
}

static void end_now(struct mcp *mcp)
{
	mcp_server_stop(mcp->server);
	mcp_stdio_hold(mcp->stdio, true);
	end_session(mcp);
}

static void end_when_idle(struct mcp *mcp)
{
	if (mcp->at_end && !mcp_server_load(mcp->server))
		end_session(mcp);
}

/* The session is gone, and its last calls are answered: the loop ends when that is written. */
static void leave_when_answered(struct mcp *mcp)
{
	if (!mcp->is_gone || mcp_server_load(mcp->server))
		return;
	for (size_t i = 0; i < sizeof(mcp->signals) / sizeof(mcp->signals[0]); i++)
		uv_close((uv_handle_t *)&mcp->signals[i], NULL);
	mcp_stdio_close(mcp->stdio);
	supervisor_free(mcp->supervisor);
}

/* ---- the client ---- */

static void on_line(void *ctx, const char *line, size_t len)
{
	struct mcp *mcp = ctx;

	mcp_server_line(mcp->server, line, len);
}

static void on_bytes(void *ctx, const char *bytes, size_t len)
{
	struct mcp *mcp = ctx;

	mcp_framing_feed(&mcp->framing, bytes, len, on_line, mcp);
	mcp_stdio_hold(mcp->stdio, mcp->is_ending || mcp_server_is_full(mcp->server));
}

static void on_input_end(void *ctx)
{
	struct mcp *mcp = ctx;

	mcp_framing_end(&mcp->framing, on_line, mcp);
	mcp->at_end = true;
	end_when_idle(mcp);
}

static void on_output_lost(void *ctx)
{
	end_now(ctx);
}

static const struct mcp_stdio_ops stdio_ops = {
	.bytes = on_bytes, .end = on_input_end, .lost = on_output_lost};

static void on_send(void *ctx, struct buf *lines)
{
	struct mcp *mcp = ctx;

	mcp_stdio_write(mcp->stdio, lines);
}

static bool is_choked(void *ctx)
{
	const struct mcp *mcp = ctx;

	return mcp_stdio_is_choked(mcp->stdio);
}

static void on_settled(void *ctx)
{
	struct mcp *mcp = ctx;

	mcp_stdio_hold(mcp->stdio, mcp->is_ending || mcp_server_is_full(mcp->server));
	end_when_idle(mcp);
	leave_when_answered(mcp);
}

static const struct mcp_server_ops server_ops = {
	.send = on_send, .is_choked = is_choked, .settled = on_settled};

static void on_signal(uv_signal_t *handle, int signum)
{
	(void)signum;
	end_now(handle->data);
}

/* ---- the session ---- */

static void on_ready(void *ctx)
{
	struct mcp *mcp = ctx;
	const char *caveat = plan_caveat(agent_session_spec_of(mcp->agent));
	const char *const *layers = session_layers(agent_session_monitor(mcp->agent));
	_cleanup_buf_ struct buf text = BUF_INIT(0);

	for (size_t i = 0; layers[i]; i++)
		buf_printf(&text, " %s", layers[i]);
	if (caveat)
		log_warning("%s", caveat);
	log_info("session in %s; record %s; layers:%s",
		 agent_session_spec_of(mcp->agent)->workspace, agent_session_record(mcp->agent),
		 text.data ? text.data : " none");
	mcp_server_ready(mcp->server, mcp->agent);
}

/* Called last of the session. Calls that it left in flight are over, but maybe not yet answered. */
static void on_closed(void *ctx, const struct error *err)
{
	struct mcp *mcp = ctx;

	mcp_server_fail(mcp->server, err ? err->text : "it was closed");
	if (err) {
		log_error("%s", err->text);
		mcp->exit_status = EXIT_CORDON;
	}
	if (agent_session_changes(mcp->agent))
		log_info("changes of the workspace are kept in %s",
			 agent_session_changes(mcp->agent));
	mcp->is_ending = true;
	mcp->agent = NULL;
	mcp->is_gone = true;
	leave_when_answered(mcp);
}

static const struct agent_session_ops agent_ops = {.ready = on_ready, .closed = on_closed};

static void watch_signals(struct mcp *mcp)
{
	static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		(void)uv_signal_init(&mcp->loop, &mcp->signals[i]);
		mcp->signals[i].data = mcp;
		(void)uv_signal_start(&mcp->signals[i], on_signal, numbers[i]);
	}
	(void)signal(SIGPIPE, SIG_IGN);
}

static int start(struct mcp *mcp, struct error *err)
{
	struct mcp_approver *asker = NULL;
	const char *reason;
	int r;

	r = learn_session_start(&mcp->options, &mcp->learn, err);
	if (r == 0)
		r = load_and_supervise(&mcp->options, &mcp->loop, &mcp->policy, &mcp->supervisor,
				       err);
	if (r < 0)
		return r;
	if (!supervisor_has_trace(mcp->supervisor, &reason)) {
		_cleanup_free_ char *text = no_trace_text(mcp->policy, reason);

		log_warning("no trace: %s", text);
	}
	warn_of_labels(&mcp->options, mcp->policy);
	mcp->options.policy = mcp->policy;
	if (approver_is_client(mcp->options.approver)) {
		asker = mcp_approver_new(&mcp->loop);
		mcp->options.own_approver = mcp_approver_face(asker);
	}
	r = agent_session_open(mcp->supervisor, &mcp->options, &agent_ops, mcp, &mcp->agent, err);
	if (r < 0) {
		supervisor_free(mcp->supervisor);
		return r;
	}
	plan_tell_workspace(&mcp->options);
	mcp->record = xstrdup(agent_session_record(mcp->agent));
	mcp->server =
		mcp_server_new(agent_session_spec_of(mcp->agent)->workspace, &server_ops, mcp);
	if (asker)
		mcp_server_ask_by(mcp->server, asker);
	watch_signals(mcp);
	r = mcp_stdio_start(&mcp->loop, &stdio_ops, mcp, &mcp->stdio, err);
	if (r < 0)
		end_session(mcp);
	return r;
}

static error_t parse_mcp(int key, char *arg, struct argp_state *state)
{
	struct mcp *mcp = state->input;

	(void)arg;
	if (key != ARGP_KEY_INIT)
		return ARGP_ERR_UNKNOWN;
	state->child_inputs[0] = &mcp->options;
	return 0;
}

int cmd_mcp(int argc, char **argv)
{
	static const struct argp_child children[] = {{&session_argp, 0, 0, 0}, {0}};
	static const struct argp argp = {
		.parser = parse_mcp,
		.doc = "Serve sandboxed tools (bash, python, read_file, write_file, "
		       "list_directory) over the Model Context Protocol on stdio.\v"
		       "One session lives as long as the server. --timeout is the most that one "
		       "call may take (default: 600).",
		.children = children,
	};
	struct mcp mcp = {.exit_status = 0};
	struct error err = {0};

	argp_err_exit_status = EXIT_CORDON;
	hold_standard_fds(O_RDWR);
	if (argp_parse(&argp, argc, argv, 0, NULL, &mcp) != 0)
		return EXIT_CORDON;
	if (!mcp.options.timeout_ms)
		mcp.options.timeout_ms = DEFAULT_TIMEOUT_MS;
	mcp_framing_init(&mcp.framing, MAX_JSON_BYTES);
	if (loop_init(&mcp.loop, &err) < 0) {
		log_error("%s", err.text);
		session_options_done(&mcp.options);
		return EXIT_CORDON;
	}
	if (start(&mcp, &err) < 0) {
		log_error("%s", err.text);
		mcp.exit_status = EXIT_CORDON;
	}
	(void)uv_run(&mcp.loop, UV_RUN_DEFAULT);
	(void)uv_loop_close(&mcp.loop);
	if (mcp.exit_status == 0 && learn_session_end(&mcp.learn, mcp.record) < 0)
		mcp.exit_status = EXIT_CORDON;
	free(mcp.record);
	mcp_server_free(mcp.server);
	mcp_framing_done(&mcp.framing);
	(void)policy_free(mcp.policy);
	session_options_done(&mcp.options);
	return mcp.exit_status;
}
