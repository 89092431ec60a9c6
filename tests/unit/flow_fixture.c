/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/flow_fixture.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define LOOK_AGAIN_MS 10

static int connected(int ends[2])
{
	union {
		struct sockaddr generic;
		struct sockaddr_in in;
	} at = {.in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}};

	socklen_t len = sizeof(at.in);
	const int listener_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(listener_fd >= 0 && bind(listener_fd, &at.generic, len) == 0);
	assert_true(listen(listener_fd, 1) == 0);
	assert_true(getsockname(listener_fd, &at.generic, &len) == 0);
	ends[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(connect(ends[0], &at.generic, len) == 0);
	ends[1] = accept4(listener_fd, NULL, NULL, SOCK_CLOEXEC);
	assert_true(ends[1] >= 0);
	(void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
	(void)fcntl(ends[1], F_SETFL, O_NONBLOCK);
	return close(listener_fd);
}

static const char *on_head(void *ctx, const struct first_seen *seen,
			   const struct scan_result *searched)
{
	struct fixture *f = ctx;

	f->heads++;
	f->found = searched->found;
	f->finds += f->found != 0;
	f->unsearched = searched->unsearched;
	f->gaps += f->unsearched != NULL;
	(void)snprintf(f->protocol, sizeof(f->protocol), "%s", seen->protocol);
	if (f->unsearched && f->refuse_unsearched)
		return f->refuse_unsearched;
	return f->found && f->refuse_found ? f->refuse_found : f->refuse;
}

static const char *on_sent(void *ctx, uint64_t bytes)
{
	struct fixture *f = ctx;

	f->told += bytes;
	return NULL;
}

static void on_ended(void *ctx, struct flow *flow, const struct flow_totals *totals,
		     const char *reason)
{
	struct fixture *f = ctx;

	assert_ptr_equal(flow, f->flow);
	assert_string_equal(f->reason, ""); /* once */
	f->totals = *totals;
	(void)snprintf(f->reason, sizeof(f->reason), "%s", reason);
}

static const struct flow_ops ops = {.head = on_head, .sent = on_sent, .ended = on_ended};

static void on_limit(uv_timer_t *timer)
{
	((struct fixture *)timer->data)->timed_out = true;
}

void set_limit(struct fixture *f, uint64_t ms)
{
	f->timed_out = false;
	(void)uv_timer_start(&f->limit, on_limit, ms, 0);
}

void start(struct fixture *f)
{
	const struct flow_config config = {
		.loop = &f->loop,
		.program_fd = f->inside_fd,
		.upstream_fd = f->outside_fd,
		.pipes = &f->pipes,
		.held = &f->held,
		.deferred = &f->deferred,
		.canaries = f->canaries,
		.ops = &ops,
		.ctx = f,
	};

	assert_int_equal(flow_start(&config, &f->flow), 0);
}

static int prepare(void **state, const struct str *texts, size_t count)
{
	struct fixture *f = calloc(1, sizeof(*f));
	int inside[2];
	int outside[2];

	assert_int_equal(uv_loop_init(&f->loop), 0);
	(void)uv_timer_init(&f->loop, &f->limit);
	f->limit.data = f;
	deferred_init(&f->deferred, &f->loop);
	if (count)
		assert_int_equal(scan_set_new(texts, count, &f->canaries, NULL), 0);
	set_limit(f, LIMIT_MS);
	(void)connected(inside);
	(void)connected(outside);
	f->program_fd = inside[0];
	f->upstream_fd = outside[1];
	f->inside_fd = inside[1];
	f->outside_fd = outside[0];
	*state = f;
	return 0;
}

int set_up_unstarted(void **state)
{
	return prepare(state, NULL, 0);
}

int set_up(void **state)
{
	(void)prepare(state, NULL, 0);
	start(*state);
	return 0;
}

int set_up_canaries(void **state)
{
	const struct str texts[] = {STR("not-in-any-of-it"), STR(CANARY)};

	(void)prepare(state, texts, 2);
	start(*state);
	return 0;
}

int tear_down(void **state)
{
	struct fixture *f = *state;
	int r;

	if (!f->reason[0])
		flow_reset(f->flow, "test");
	uv_close((uv_handle_t *)&f->limit, NULL);
	deferred_close(&f->deferred, NULL, NULL);
	(void)uv_run(&f->loop, UV_RUN_DEFAULT);
	r = uv_loop_close(&f->loop);
	assert_int_equal(f->held, 0);
	pipes_done(&f->pipes);
	(void)close(f->program_fd);
	(void)close(f->upstream_fd);
	(void)scan_set_free(f->canaries);
	free(f);
	return r; /* every handle was closed */
}

/*
 * What a flow has passed on may still be under way to an end of ours, on a busy machine for long;
 * of that the loop tells nothing, so it is not waited for without looking again.
 */
void turn(struct fixture *f)
{
	struct pollfd loop = {.fd = uv_backend_fd(&f->loop), .events = POLLIN};

	(void)uv_run(&f->loop, UV_RUN_NOWAIT);
	(void)poll(&loop, 1, LOOK_AGAIN_MS);
	assert_false(f->timed_out);
}

void run_to_its_end(struct fixture *f, const char *reason)
{
	while (!f->reason[0])
		turn(f);
	assert_string_equal(f->reason, reason);
}

void say(int end_fd, const char *text)
{
	assert_int_equal(send(end_fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

void hear(struct fixture *f, int end_fd, const char *text)
{
	char got[512] = "";
	size_t len = 0;

	while (len < strlen(text)) {
		const ssize_t n = recv(end_fd, got + len, sizeof(got) - 1 - len, 0);

		if (n > 0)
			len += (size_t)n;
		else if (n < 0 && errno == EAGAIN)
			turn(f);
		else
			fail_msg("ended (%zd) after \"%s\"", n, got);
	}
	assert_string_equal(got, text);
}

int errno_of_recv(struct fixture *f, int end_fd)
{
	char c;
	ssize_t n;

	while ((n = recv(end_fd, &c, 1, 0)) < 0 && errno == EAGAIN)
		turn(f);
	return n < 0 ? errno : (int)n;
}

void wait_until_held(struct fixture *f)
{
	for (;;) {
		flow_totals(f->flow, &f->totals);
		if (f->totals.held_ns || f->totals.waits)
			return;
		turn(f);
	}
}

void some_turns(struct fixture *f)
{
	for (unsigned i = 0; i < 20; i++)
		(void)uv_run(&f->loop, UV_RUN_NOWAIT);
}
