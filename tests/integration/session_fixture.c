/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/integration/session_fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "tests/support/test.h"

#define POLL_MS 2

static char folder[] = "/tmp/cordon-session-XXXXXX";

int session_set_up(void **state)
{
	(void)state;
	return mkdtemp(folder) && setenv("CORDON_STATE_DIR", folder, 1) == 0 ? 0 : -1;
}

int session_tear_down(void **state)
{
	_cleanup_free_ char *command = xasprintf("rm -rf %s", folder);

	(void)state;
	return system(command); /* NOLINT(cert-env33-c): our own folder */
}

static void next_script(struct run *run);

static void on_ended(void *ctx, uint32_t exec_id, const struct exec_result *result)
{
	struct run *run = ctx;

	(void)exec_id;
	run->outcomes[run->at++].result = *result;
	next_script(run);
}

static void on_tty(void *ctx, int master_fd)
{
	struct run *run = ctx;

	run->tty_fd = master_fd;
}

static const struct exec_ops exec_ops = {.ended = on_ended, .tty = on_tty};

static int start_script(struct run *run)
{
	const char *const argv[] = {"/bin/sh", "-c", run->scripts[run->at].text, NULL};
	struct session *session = agent_session_monitor(run->agent);
	_cleanup_free_ char *id = xasprintf("c%zu", run->at + 1);
	_cleanup_close_ int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	const struct call call = {
		.id = id, .tool = "shell", .args = "{}", .command = run->scripts[run->at].text};
	const struct exec_request request = {.call_id = id,
					     .tool = "shell",
					     .argv = argv,
					     .stdio_fds = {null_fd, null_fd, null_fd},
					     .tty = run->scripts[run->at].tty};
	struct outcome *outcome = &run->outcomes[run->at];
	struct error err = {0};
	uint32_t exec_id;

	if (session_check_call(session, &call, NULL, &outcome->denial) != CALL_MAY_GO_ON) {
		outcome->refused = true;
		return -EPERM;
	}
	if (session_exec(session, &request, &exec_ops, run, &exec_id, &err) < 0)
		fail_msg("session_exec: %s", err.text);
	return 0;
}

static void on_timer(uv_timer_t *timer)
{
	struct run *run = timer->data;

	if (!run->scripts[run->at].when(run))
		return;
	(void)uv_timer_stop(timer);
	run->scripts[run->at].when = NULL;
	next_script(run);
}

static void next_script(struct run *run)
{
	while (run->at < MAX_SCRIPTS && run->scripts[run->at].text &&
	       agent_session_monitor(run->agent)) {
		if (run->scripts[run->at].when) {
			(void)uv_timer_start(&run->timer, on_timer, POLL_MS, POLL_MS);
			return;
		}
		if (start_script(run) == 0)
			return;
		run->at++;
	}
	agent_session_end(run->agent);
}

static void on_ready(void *ctx)
{
	next_script(ctx);
}

static void on_closed(void *ctx, const struct error *err)
{
	struct run *run = ctx;

	run->failed = err != NULL;
	if (err)
		run->failure = *err;
	uv_close((uv_handle_t *)&run->timer, NULL);
}

static void on_line(void *ctx, const char *line, size_t len)
{
	struct run *run = ctx;

	if (run->on_line)
		buf_clear(&run->lines);
	buf_put(&run->lines, line, len);
	buf_putc(&run->lines, '\n');
	if (run->on_line)
		run->on_line(run, run->lines.data);
}

static const struct agent_session_ops agent_ops = {
	.ready = on_ready, .closed = on_closed, .observer = on_line};

static void open_session(struct run *run, struct supervisor *supervisor)
{
	struct session_options options = {.empty_workspace = true,
					  .mode = run->mode,
					  .net.mode = run->net,
					  .trace = TRACE_MODE_AUTO,
					  .discard = true};
	struct error err = {0};

	if (policy_load_text("test", run->policy, strlen(run->policy), &run->loaded, &err) < 0)
		fail_msg("%s", err.text);
	options.policy = run->loaded;
	(void)uv_timer_init(supervisor_loop(supervisor), &run->timer);
	run->timer.data = run;
	if (agent_session_open(supervisor, &options, &agent_ops, run, &run->agent, &err) < 0)
		fail_msg("%s", err.text);
}

static bool all_closed(struct run *const *runs, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (!uv_is_closing((uv_handle_t *)&runs[i]->timer))
			return false;
	}
	return true;
}

void session_run(struct run *const *runs, size_t count, const struct supervisor_config *config)
{
	_cleanup_free_ char *key_path = xasprintf("%s/key", folder);
	struct supervisor_config full = *config;
	struct supervisor *supervisor = NULL;
	struct error err = {0};
	uv_loop_t loop;

	(void)uv_loop_init(&loop);
	full.loop = &loop;
	full.key_path = key_path;
	if (supervisor_new(&full, &supervisor, &err) < 0)
		fail_msg("%s", err.text);
	for (size_t i = 0; i < count; i++)
		open_session(runs[i], supervisor);
	while (!all_closed(runs, count))
		(void)uv_run(&loop, UV_RUN_ONCE);
	supervisor_free(supervisor);
	(void)uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
}

void session_run_done(struct run *run)
{
	if (run->tty_fd > 0)
		(void)close(run->tty_fd);
	run->loaded = policy_free(run->loaded);
	buf_done(&run->lines);
}

struct json *session_event(const struct run *run, const char *kind, size_t nth)
{
	for (const char *line = run->lines.data; line && *line;) {
		const size_t len = strcspn(line, "\n");
		struct json *event = NULL;
		struct error err = {0};

		if (json_parse("record", line, len, &event, &err) < 0)
			fail_msg("%.*s: %s", (int)len, line, err.text);
		if (strcmp(json_get_string(event, "kind"), kind) == 0 && nth-- == 0)
			return event;
		json_free(event);
		line += len + (line[len] != '\0');
	}
	return NULL;
}

static const struct json *member(const struct json *event, const char *name)
{
	const struct json *fields = json_get(event, "fields");
	const struct json *found = event ? json_get(event, name) : NULL;

	return found || !fields ? found : json_get(fields, name);
}

const char *event_text(const struct json *event, const char *name)
{
	const struct json *found = member(event, name);

	return found && json_string(found) ? json_string(found) : "";
}

int64_t event_number(const struct json *event, const char *name)
{
	int64_t number = -1;

	(void)json_i64(member(event, name), INT64_MIN, INT64_MAX, &number);
	return number;
}
