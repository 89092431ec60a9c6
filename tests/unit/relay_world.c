/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/relay_world.h"

#include "tests/support/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "monitor/net/dial.h"
#include "tests/support/moved_clock.h"

#define TICKET 7u

uint32_t dial_ms;

struct dial *__real_dial_start(const struct dial_config *config);
struct dial *__wrap_dial_start(const struct dial_config *config);

/* A dial's limit passes in real time. */
struct dial *__wrap_dial_start(const struct dial_config *config)
{
	struct dial_config shorter = *config;

	assert_in_range(config->timeout_ms, 10000, 30000);
	shorter.timeout_ms = dial_ms ? dial_ms : config->timeout_ms;
	return __real_dial_start(&shorter);
}

static int bound(const char *address, uint16_t port, int type)
{
	const struct sockaddr_in at = {.sin_family = AF_INET,
				       .sin_port = htons(port),
				       .sin_addr.s_addr = inet_addr(address)};
	const int fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	assert_return_code(bind(fd, (const struct sockaddr *)&at, sizeof(at)), errno);
	if (type == SOCK_STREAM)
		assert_return_code(listen(fd, 0), errno);
	return fd;
}

int connect_to(int fd, const char *address, uint16_t port)
{
	const struct sockaddr_in at = {.sin_family = AF_INET,
				       .sin_port = htons(port),
				       .sin_addr.s_addr = inet_addr(address)};

	return connect(fd, (const struct sockaddr *)&at, sizeof(at));
}

static int on_socket_wanted(void *ctx, const struct endpoint *at, net_socket_cb done,
			    void *done_ctx)
{
	struct world *w = ctx;

	assert_true(endpoint_equal(at, &w->destination));
	w->done = done;
	w->done_ctx = done_ctx;
	return 0;
}

static void on_resume(void *ctx, void *owner, uint64_t ticket)
{
	struct world *w = ctx;

	assert_ptr_equal(owner, w);
	assert_int_equal(ticket, TICKET);
	w->resumed = true;
}

static bool on_is_waiting(void *ctx, void *owner, uint64_t ticket)
{
	(void)ctx;
	(void)owner;
	(void)ticket;
	return true;
}

static const char *on_head(void *ctx, const struct relay_head *head)
{
	(void)ctx;
	(void)head;
	return NULL;
}

static const char *on_sent(void *ctx, const struct relay_sent *sent)
{
	(void)ctx;
	(void)sent;
	return NULL;
}

static void on_closed(void *ctx, const struct relay_end *end)
{
	struct world *w = ctx;

	assert_string_equal(w->reason, "");
	(void)snprintf(w->reason, sizeof(w->reason), "%s", end->reason);
	w->error = end->error;
}

static void on_stray(void *ctx, const struct endpoint *destination)
{
	(void)ctx;
	(void)destination;
	fail_msg("nobody was approved for");
}

static const struct relay_ops ops = {.listen = on_socket_wanted,
				     .datagram = on_socket_wanted,
				     .resume = on_resume,
				     .is_waiting = on_is_waiting,
				     .head = on_head,
				     .sent = on_sent,
				     .closed = on_closed,
				     .stray = on_stray};

static void on_tick(uv_timer_t *timer)
{
	(void)timer;
}

struct world *world_set_up(int type)
{
	struct world *w = calloc(1, sizeof(*w));

	passed_ns = 0;
	dial_ms = 0;
	assert_int_equal(uv_loop_init(&w->loop), 0);
	(void)uv_timer_init(&w->loop, &w->tick);
	(void)uv_timer_start(&w->tick, on_tick, 10, 10);
	w->type = type;
	w->listener_fd = bound(OUTSIDE, 0, type);
	assert_int_equal(endpoint_of_socket(w->listener_fd, &w->destination), 0);
	assert_true(endpoint_parse(INSIDE, &w->destination));
	w->program_fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
	w->server_fd = -1;
	w->relay = relay_start(&(struct relay_config){.loop = &w->loop, .ops = &ops, .ctx = w});
	return w;
}

static void on_relay_freed(void *ctx)
{
	((struct world *)ctx)->stopped = true;
}

void world_stop_relay(struct world *w)
{
	relay_stop(w->relay, on_relay_freed);
	w->relay = NULL;
}

void world_tear_down(struct world *w)
{
	if (w->relay)
		world_stop_relay(w);
	uv_close((uv_handle_t *)&w->tick, NULL);
	(void)uv_run(&w->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&w->loop), 0);
	(void)close(w->listener_fd);
	(void)close(w->program_fd);
	if (w->server_fd >= 0)
		(void)close(w->server_fd);
	free(w);
}

uint64_t real_ms(void)
{
	return real_ns() / NS_PER_MS;
}

void let_pass(struct world *w, uint64_t ms)
{
	const uint64_t until = real_ms() + 500;

	passed_ns += ms * NS_PER_MS;
	WAIT_FOR(w, w->reason[0] || real_ms() > until);
}

void let_pass_until(struct world *w, uint64_t ms, const char *reason)
{
	passed_ns += ms * NS_PER_MS;
	WAIT_FOR(w, w->reason[0]);
	assert_string_equal(w->reason, reason);
}

enum relay_answer ask_at(struct world *w, uint16_t port, int *ret_error)
{
	int own_fd = dup(w->program_fd); /* as the gate has one */
	const struct relay_request request = {.caller = {.owner = w},
					      .ticket = TICKET,
					      .destination = w->destination,
					      .host = OUTSIDE,
					      .socket_fd = &own_fd};

	assert_int_equal(w->type == SOCK_STREAM ? relay_connect(w->relay, &request)
						: relay_send(w->relay, &request),
			 0);
	close_fd(&own_fd);
	w->done(w->done_ctx, bound(INSIDE, port, w->type));
	WAIT_FOR(w, w->resumed);
	return relay_answer(w->relay, w, TICKET, &w->destination, ret_error);
}

enum relay_answer ask(struct world *w, int *ret_error)
{
	return ask_at(w, w->destination.port, ret_error);
}

/* The relay marks sockets, which takes a right in their network: an ordinary user has one of his
 * own. */
int own_network(void **state)
{
	struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int socket_fd;
	int r;

	(void)state;
	if (geteuid() == 0)
		return 0;
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		return -1;
	socket_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (socket_fd < 0)
		return -1;
	r = ioctl(socket_fd, SIOCSIFFLAGS, &lo);
	(void)close(socket_fd);
	return r;
}

void exchange(struct world *w)
{
	char got[8];
	ssize_t n = -1;

	assert_int_equal(send(w->program_fd, "\1", 1, 0), 1);
	WAIT_FOR(w, (n = recv(w->server_fd, got, sizeof(got), MSG_DONTWAIT)) > 0);
	assert_int_equal(n, 1);
}

void join(struct world *w)
{
	int error = 0;

	assert_int_equal(ask(w, &error), RELAY_GOES_ON);
	assert_return_code(connect_to(w->program_fd, INSIDE, w->destination.port), errno);
	if (w->type == SOCK_DGRAM)
		w->server_fd = fcntl(w->listener_fd, F_DUPFD_CLOEXEC, 3);
	else
		WAIT_FOR(w,
			 (w->server_fd = accept4(w->listener_fd, NULL, NULL, SOCK_CLOEXEC)) >= 0);
}
