/* SPDX-License-Identifier: Apache-2.0 */

/*
 * How long what is relayed may last: the relay between sockets of this process, with the clock in
 * the test's hand: the linker puts the functions below in the place of those that tell the time.
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

#define INSIDE	  "127.0.0.2" /* where the program means to go */
#define OUTSIDE	  "127.0.0.3" /* where the relay dials */
#define MINUTE_MS UINT64_C(60000)
#define DAY_MS	  UINT64_C(86400000)
#define TICKET	  7u
#define WAIT_MS	  45000u

/* ---- time ---- */

static uint64_t ahead_ms;
static uint32_t dial_ms;

uint64_t __wrap_uv_now(const uv_loop_t *loop);
uint64_t __wrap_uv_hrtime(void);
int __real_clock_gettime(clockid_t id, struct timespec *now);
int __wrap_clock_gettime(clockid_t id, struct timespec *now);
struct dial *__real_dial_start(const struct dial_config *config);
struct dial *__wrap_dial_start(const struct dial_config *config);
const char *__wrap_relay_refusal(void *ctx, const uint8_t address[16]);

int __wrap_clock_gettime(clockid_t id, struct timespec *now)
{
	const int r = __real_clock_gettime(id, now);

	now->tv_sec += (time_t)(ahead_ms / 1000);
	return r;
}

/* libuv's own clock may be a library's. */
uint64_t __wrap_uv_hrtime(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

uint64_t __wrap_uv_now(const uv_loop_t *loop)
{
	(void)loop;
	return __wrap_uv_hrtime() / 1000000;
}

/* A dial's limit passes in real time. */
struct dial *__wrap_dial_start(const struct dial_config *config)
{
	struct dial_config shorter = *config;

	assert_in_range(config->timeout_ms, 10000, 30000);
	shorter.timeout_ms = dial_ms ? dial_ms : config->timeout_ms;
	return __real_dial_start(&shorter);
}

/* Loopback is never dialled. */
const char *__wrap_relay_refusal(void *ctx, const uint8_t address[16])
{
	(void)ctx;
	(void)address;
	return NULL;
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

	ahead_ms = 0;
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

static void tear_down(struct world *w)
{
	relay_stop(w->relay, on_relay_freed);
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
	struct timespec now;

	(void)__real_clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
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

	ahead_ms += ms;
	WAIT_FOR(w, w->reason[0] || real_ms() > until);
}

/* The same, and it is over, however long the machine takes for a look. */
static void let_pass_until(struct world *w, uint64_t ms, const char *reason)
{
	ahead_ms += ms;
	WAIT_FOR(w, w->reason[0]);
	assert_string_equal(w->reason, reason);
}

/* The call of the program, up to its answer. */
static enum relay_answer ask(struct world *w, int *ret_error)
{
	const struct relay_request request = {.caller = {.owner = w},
					      .ticket = TICKET,
					      .destination = w->destination,
					      .host = OUTSIDE,
					      .socket_fd = w->program_fd};

	assert_int_equal(w->type == SOCK_STREAM ? relay_connect(w->relay, &request)
						: relay_send(w->relay, &request),
			 0);
	w->done(w->done_ctx, bound(INSIDE, w->destination.port, w->type));
	WAIT_FOR(w, w->resumed);
	return relay_answer(w->relay, w, TICKET, &w->destination, ret_error);
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
	while (ahead_ms + step_ms < DAY_MS) {
		ahead_ms += step_ms;
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
		cmocka_unit_test(test_idle),	    cmocka_unit_test(test_total),
		cmocka_unit_test(test_idle_udp),    cmocka_unit_test(test_total_udp),
		cmocka_unit_test(test_half_a_head), cmocka_unit_test(test_dial_times_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
