/* SPDX-License-Identifier: Apache-2.0 */
#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/json_write.h"
#include "common/log.h"
#include "tools/cordon/commands.h"
#include "tools/cordon/resident/resident_client.h"
#include "tools/cordon/resident/serve.h"
#include "tools/cordon/standard_fds.h"

#define IDLE_SECONDS 60u
#define MAX_IDLE     2592000u /* 30 days */
#define ANSWER_MS    5000

enum serve_action {
	SERVE_RUN,
	SERVE_DETACH,
	SERVE_STOP,
	SERVE_STATUS
};

struct serve {
	enum serve_action action;
	uint32_t idle_seconds;
	bool json;
};

enum {
	KEY_IDLE = 0x3000,
	KEY_DETACH,
	KEY_STOP,
	KEY_STATUS,
	KEY_JSON
};

static const struct argp_option serve_options[] = {
	{"idle", KEY_IDLE, "SECONDS", 0, "End after so long without a session (default: 60)", 0},
	{"detach", KEY_DETACH, 0, 0, "Go on in the background", 0},
	{"stop", KEY_STOP, 0, 0, "Have the one that runs take no new session and end with its last",
	 0},
	{"status", KEY_STATUS, 0, 0, "Tell whether one runs, and what it does", 0},
	{"json", KEY_JSON, 0, 0, "The status as JSON", 0},
	{0},
};

static void set_action(struct serve *serve, enum serve_action action, struct argp_state *state)
{
	if (serve->action != SERVE_RUN && serve->action != action)
		argp_error(state, "--detach, --stop and --status are one at a time");
	serve->action = action;
}

static error_t parse_serve(int key, char *arg, struct argp_state *state)
{
	struct serve *serve = state->input;
	char *end;
	unsigned long number;

	switch (key) {
	case KEY_IDLE:
		number = strtoul(arg, &end, 10);
		if (end == arg || *end || arg[0] == '-' || !number || number > MAX_IDLE)
			argp_error(state, "--idle %s: must be a number of seconds from 1 to %u",
				   arg, MAX_IDLE);
		serve->idle_seconds = (uint32_t)number;
		return 0;
	case KEY_DETACH:
		set_action(serve, SERVE_DETACH, state);
		return 0;
	case KEY_STOP:
		set_action(serve, SERVE_STOP, state);
		return 0;
	case KEY_STATUS:
		set_action(serve, SERVE_STATUS, state);
		return 0;
	case KEY_JSON:
		serve->json = true;
		return 0;
	case ARGP_KEY_END:
		if (serve->json && serve->action != SERVE_STATUS)
			argp_error(state, "--json goes with --status");
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "\"%s\" is too much: serve takes options only", arg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* ---- the server ---- */

#define READY_FD 3 /* of a detached one: to the process that the caller waits for */

static void say_serving(void *ctx)
{
	const struct serve *serve = ctx;

	log_info("serving; ends after %u seconds without a session", serve->idle_seconds);
}

static int serve_here(struct serve *serve, void (*ready)(void *ctx))
{
	struct error err;

	if (serve_run(serve->idle_seconds * 1000, ready, serve, &err) == 0)
		return 0;
	log_error("%s", err.text);
	return 1;
}

/* From here on nobody hears us. */
static void say_ready(void *ctx)
{
	const int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	(void)ctx;
	(void)dup2(null_fd, STDOUT_FILENO);
	(void)dup2(null_fd, STDERR_FILENO);
	(void)close(null_fd);
	(void)!write(READY_FD, "r", 1);
	(void)close(READY_FD);
}

/* Nothing of who started us stays with us: no terminal, no folder, no descriptor. */
static _Noreturn void be_detached(struct serve *serve, int ready_fd)
{
	const int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	(void)setsid();
	(void)umask(077);
	if (null_fd < 0 || dup2(null_fd, STDIN_FILENO) < 0 || dup2(ready_fd, READY_FD) < 0 ||
	    chdir("/") < 0)
		_exit(1);
	(void)syscall(SYS_close_range, READY_FD + 1, ~0u, 0);
	_exit(serve_here(serve, say_ready));
}

static int serve_detached(struct serve *serve)
{
	char word;
	int ready[2];
	pid_t pid;

	if (pipe2(ready, O_CLOEXEC) < 0 || (pid = fork()) < 0) {
		log_error("cannot detach: %s", strerrordesc_np(errno));
		return 1;
	}
	if (!pid)
		be_detached(serve, ready[1]);
	(void)close(ready[1]);
	/* It has said on our stderr what went wrong. */
	return read(ready[0], &word, 1) == 1 ? 0 : 1;
}

/* ---- asking the one that runs ---- */

static int ask(enum resident_kind kind, struct resident_reply *ret, char *text)
{
	struct resident_place place;
	struct msg_fds fds = MSG_FDS_NONE;
	_cleanup_close_ int socket_fd = -1;
	struct pollfd wait;
	struct error err;
	int r;

	r = resident_place_open(&place, &err);
	if (r < 0) {
		log_error("%s", err.text);
		return r;
	}
	socket_fd = resident_connect(&place);
	resident_place_done(&place);
	if (socket_fd < 0)
		return socket_fd;
	wait = (struct pollfd){.fd = socket_fd, .events = POLLIN};
	r = resident_hear(socket_fd);
	if (!r)
		r = resident_send(socket_fd, kind);
	if (!r && poll(&wait, 1, ANSWER_MS) <= 0)
		r = -ETIMEDOUT;
	if (!r)
		r = resident_recv_reply(socket_fd, ret, text, &fds);
	msg_fds_close(&fds);
	return r == MSG_EOF ? -ECONNRESET : r;
}

static void print_json(const struct resident_status *status, const char *no_trace)
{
	_cleanup_buf_ struct buf out = BUF_INIT(0);
	struct json_writer w = {.out = &out};

	json_begin_object(&w, NULL);
	json_put_bool(&w, "running", status != NULL);
	if (status) {
		json_put_i64(&w, "pid", status->pid);
		json_put_u64(&w, "sessions", status->sessions);
		json_put_u64(&w, "served", status->served);
		json_put_u64(&w, "uptime_ms", status->uptime_ms);
		json_put_u64(&w, "idle_ms", status->idle_ms);
		json_put_bool(&w, "trace", status->traced);
		if (!status->traced)
			json_put_string(&w, "trace_reason", no_trace);
	}
	json_end_object(&w);
	(void)puts(out.data);
}

static void print_text(const struct resident_status *status, const char *no_trace)
{
	if (!status) {
		(void)puts("no resident supervisor is running");
		return;
	}
	(void)printf(
		"running as process %d for %llu s: %u session%s now, %llu in all; trace %s%s\n",
		status->pid, (unsigned long long)status->uptime_ms / 1000, status->sessions,
		status->sessions == 1 ? "" : "s", (unsigned long long)status->served,
		status->traced ? "on" : "off: ", status->traced ? "" : no_trace);
}

static int ask_and_tell(const struct serve *serve)
{
	struct resident_reply reply = {0};
	char text[MAX_REPLY_TEXT] = "";
	const int r =
		ask(serve->action == SERVE_STOP ? RESIDENT_STOP : RESIDENT_STATUS, &reply, text);
	const bool absent = r == -ENOENT || r == -ECONNREFUSED;
	const struct resident_status *status = absent ? NULL : &reply.status;

	if (r < 0 && !absent) {
		log_error("the resident supervisor does not answer: %s", strerrordesc_np(-r));
		return 1;
	}
	if (serve->json)
		print_json(status, text);
	else if (serve->action == SERVE_STATUS)
		print_text(status, text);
	/* To have it stopped is what was wanted; that nothing runs is an answer, and no success. */
	return absent && serve->action == SERVE_STATUS ? 1 : 0;
}

int cmd_serve(int argc, char **argv)
{
	static const struct argp argp = {
		.options = serve_options,
		.parser = parse_serve,
		.doc = "Keep a supervisor ready for `cordon run`. One starts by itself when it is "
		       "wanted, and ends when it was idle.\v"
		       "Exit status: 0; 1 when it cannot serve, and for --status when none runs.",
	};
	struct serve serve = {.idle_seconds = IDLE_SECONDS};

	hold_standard_fds(O_RDWR);
	if (argp_parse(&argp, argc, argv, 0, NULL, &serve) != 0)
		return 1;
	switch (serve.action) {
	case SERVE_RUN:
		return serve_here(&serve, say_serving);
	case SERVE_DETACH:
		return serve_detached(&serve);
	case SERVE_STOP:
	case SERVE_STATUS:
		break;
	}
	return ask_and_tell(&serve);
}
