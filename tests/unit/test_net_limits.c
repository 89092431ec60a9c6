/* SPDX-License-Identifier: Apache-2.0 */

/*
 * How long what is relayed may last: the relay between sockets of this process, with the clock in
 * the test's hand (moved_clock.h).
 */

#include "tests/support/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "monitor/net/dial.h"
#include "monitor/net/relay.h"
#include "tests/support/moved_clock.h"

#define INSIDE	  "127.0.0.2" /* where the program means to go */
#define OUTSIDE	  "127.0.0.3" /* where the relay dials */
#define NS_PER_MS UINT64_C(1000000)
#define MINUTE_MS UINT64_C(60000)
#define DAY_MS	  UINT64_C(86400000)
#define TICKET	  7u
#define WAIT_MS	  45000u

/* ---- time ---- */

static uint32_t dial_ms;

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

/* ---- both sides ---- */

struct world {
	uv_loop_t loop;
	uv_timer_t tick; /* of real time: the loop never waits for longer */
	struct relay *relay;
	struct endpoint destination;
	int type;
	int listener_fd; /* outside */
	int program_fd;
	int server_fd; /* what the program is joined with */
	net_socket_cb done;
	void *done_ctx;
	bool resumed, stopped;
	char reason[64]; /* empty: not over */
	int error;
};

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

static int connect_to(int fd, const char *address, uint16_t port)
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

static struct world *set_up(int type)
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

static void tear_down_relay(struct world *w)
{
	relay_stop(w->relay, on_relay_freed);
	w->relay = NULL;
}

static void tear_down(struct world *w)
{
	if (w->relay)
		tear_down_relay(w);
	uv_close((uv_handle_t *)&w->tick, NULL);
	(void)uv_run(&w->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&w->loop), 0);
	(void)close(w->listener_fd);
	(void)close(w->program_fd);
	if (w->server_fd >= 0)
		(void)close(w->server_fd);
	free(w);
}

static uint64_t real_ms(void)
{
	return real_ns() / NS_PER_MS;
}

#define WAIT_FOR(_w, _claim)                                    \
	do {                                                    \
		const uint64_t _end = real_ms() + WAIT_MS;      \
		while (!(_claim)) {                             \
			assert_true(real_ms() < _end);          \
			(void)uv_run(&(_w)->loop, UV_RUN_ONCE); \
		}                                               \
	} while (0)

/* Some looks at what has lasted for how long. */
static void let_pass(struct world *w, uint64_t ms)
{
	const uint64_t until = real_ms() + 500;

	passed_ns += ms * NS_PER_MS;
	WAIT_FOR(w, w->reason[0] || real_ms() > until);
}

/* The same, and it is over, however long the machine takes for a look. */
static void let_pass_until(struct world *w, uint64_t ms, const char *reason)
{
	passed_ns += ms * NS_PER_MS;
	WAIT_FOR(w, w->reason[0]);
	assert_string_equal(w->reason, reason);
}

/* The call of the program, up to its answer. The listener that it is given is bound to @port. */
static enum relay_answer ask_at(struct world *w, uint16_t port, int *ret_error)
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

static enum relay_answer ask(struct world *w, int *ret_error)
{
	return ask_at(w, w->destination.port, ret_error);
}

static void exchange(struct world *w)
{
	char got[8];
	ssize_t n = -1;

	assert_int_equal(send(w->program_fd, "\1", 1, 0), 1);
	WAIT_FOR(w, (n = recv(w->server_fd, got, sizeof(got), MSG_DONTWAIT)) > 0);
	assert_int_equal(n, 1);
}

/* The program is joined with the server. */
static void join(struct world *w)
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

/* ---- limits ---- */

static void expect_idle_limit(int type, uint64_t limit_ms)
{
	struct world *w = set_up(type);

	join(w);
	exchange(w);
	let_pass(w, limit_ms - MINUTE_MS);
	assert_string_equal(w->reason, "");
	exchange(w); /* from here on it is counted anew */
	let_pass(w, limit_ms - MINUTE_MS);
	assert_string_equal(w->reason, "");
	let_pass_until(w, MINUTE_MS, "idle time limit");
	tear_down(w);
}

static void expect_total_limit(int type, uint64_t step_ms)
{
	struct world *w = set_up(type);

	join(w);
	exchange(w);
	while (passed_ns / NS_PER_MS + step_ms < DAY_MS) {
		passed_ns += step_ms * NS_PER_MS;
		exchange(w);
	}
	let_pass(w, 0);
	assert_string_equal(w->reason, "");
	let_pass_until(w, step_ms, "total time limit");
	tear_down(w);
}

static void test_idle(void **state)
{
	(void)state;
	expect_idle_limit(SOCK_STREAM, 15 * MINUTE_MS);
}

static void test_total(void **state)
{
	(void)state;
	expect_total_limit(SOCK_STREAM, 10 * MINUTE_MS);
}

static void test_idle_udp(void **state)
{
	(void)state;
	expect_idle_limit(SOCK_DGRAM, 2 * MINUTE_MS);
}

static void test_total_udp(void **state)
{
	(void)state;
	expect_total_limit(SOCK_DGRAM, MINUTE_MS);
}

/* Half a head is held, and never sent. */
static void test_half_a_head(void **state)
{
	struct world *w = set_up(SOCK_STREAM);
	char got[8];

	(void)state;
	join(w);
	assert_int_equal(send(w->program_fd, "GET / ", 6, 0), 6);
	let_pass(w, 0);
	let_pass(w, 5000);
	assert_string_equal(w->reason, "");
	let_pass_until(w, 6000, "first bytes incomplete");
	assert_int_equal(recv(w->server_fd, got, sizeof(got), 0), -1);
	assert_int_equal(errno, ECONNRESET);
	tear_down(w);
}

/* A program is let through, says all it has to say and is gone before anybody has looked again. */
static void test_last_words_of_who_has_just_arrived(void **state)
{
	struct world *w = set_up(SOCK_STREAM);
	char got[16];
	int error = 0;

	(void)state;
	assert_int_equal(ask(w, &error), RELAY_GOES_ON);
	assert_return_code(connect_to(w->program_fd, INSIDE, w->destination.port), errno);
	assert_int_equal(send(w->program_fd, "\1last words", 11, 0), 11);
	assert_int_equal(shutdown(w->program_fd, SHUT_WR), 0);
	w->server_fd = accept4(w->listener_fd, NULL, NULL, SOCK_CLOEXEC);
	assert_return_code(w->server_fd, errno);
	relay_take_arrivals(w->relay);
	tear_down_relay(w);
	assert_int_equal(recv(w->server_fd, got, sizeof(got), MSG_WAITALL), 11);
	assert_memory_equal(got, "\1last words", 11);
	tear_down(w);
}

/* Of what a listener accepts it is known where it went; so one that stands elsewhere is none. */
static void test_a_listener_that_stands_elsewhere(void **state)
{
	struct world *w = set_up(SOCK_STREAM);
	int error = 0;

	(void)state;
	assert_int_equal(ask_at(w, 0, &error), RELAY_FAILED);
	assert_int_equal(error, -EADDRNOTAVAIL);
	tear_down(w);
}

/* Nobody answers there: what is waited for has its place taken, so the kernel drops it. */
static void test_dial_times_out(void **state)
{
	struct world *w = set_up(SOCK_STREAM);
	int waiting_fds[4];
	int error = 0;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		waiting_fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		(void)connect_to(waiting_fds[i], OUTSIDE, w->destination.port);
	}
	dial_ms = 100;
	assert_int_equal(ask(w, &error), RELAY_FAILED);
	assert_int_equal(error, -ETIMEDOUT);
	assert_string_equal(w->reason, "not connected");
	assert_int_equal(w->error, -ETIMEDOUT);
	for (size_t i = 0; i < 4; i++)
		(void)close(waiting_fds[i]);
	tear_down(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_idle),
		cmocka_unit_test(test_total),
		cmocka_unit_test(test_idle_udp),
		cmocka_unit_test(test_total_udp),
		cmocka_unit_test(test_half_a_head),
		cmocka_unit_test(test_dial_times_out),
		cmocka_unit_test(test_a_listener_that_stands_elsewhere),
		cmocka_unit_test(test_last_words_of_who_has_just_arrived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
