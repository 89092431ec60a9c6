/* SPDX-License-Identifier: Apache-2.0 */

/* SO_LINGER: the gate sets it as the kernel would, and waits for no connection that has it. */

#include "tests/support/test.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/integration/gate_fixture.h"

#define PORT 4711

union any_address {
	struct sockaddr generic;
	struct sockaddr_in in;
};

static union any_address inet(const char *text)
{
	union any_address a = {.in = {.sin_family = AF_INET, .sin_port = htons(PORT)}};

	(void)inet_pton(AF_INET, text, &a.in.sin_addr);
	return a;
}

enum {
	LINGER_S = 30
};

/* A call about a connection that lingers, whose other end nobody reads. Never left by itself. */
static int linger_and_call(void *arg)
{
	const int listening_fd = *(const int *)arg;
	const int socket_fd = socket(AF_INET, SOCK_STREAM, 0);
	const struct linger linger = {.l_onoff = 1, .l_linger = LINGER_S};
	const union any_address to = inet("127.0.0.1");
	union any_address own = inet("127.0.0.1");
	socklen_t len = sizeof(own.in);
	char bytes[4096] = {0};

	if (getsockname(listening_fd, &own.generic, &len) < 0 ||
	    connect(socket_fd, &own.generic, len) < 0)
		return 1;
	(void)setsockopt(socket_fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	while (send(socket_fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
	(void)sendto(socket_fd, "x", 1, MSG_DONTWAIT, &to.generic, sizeof(to.in));
	return 2;
}

/* Kills the caller in the call that is judged, so that our duplicate is the last. */
static void kill_caller(struct fixture *f, const struct action *action, struct gate_answer *ret)
{
	struct pollfd ended = {.fd = f->pid_fd, .events = POLLIN};

	(void)ret;
	if (action->kind == ACTION_SEND && kill(f->child, SIGKILL) == 0)
		(void)poll(&ended, 1, -1);
}

static void test_lingering(void **state)
{
	int listening_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct fixture f = {.policy = kill_caller};
	struct timespec start;
	struct timespec end;

	(void)state;
	assert_int_equal(listen(listening_fd, 1), 0);
	(void)clock_gettime(CLOCK_MONOTONIC, &start);
	assert_true(WIFSIGNALED(fixture_run(&f, linger_and_call, &listening_fd)));
	(void)clock_gettime(CLOCK_MONOTONIC, &end);
	(void)close(listening_fd);
	assert_true(end.tv_sec - start.tv_sec < LINGER_S);
}

static int error_of(long result)
{
	return result < 0 ? errno : 0;
}

/* Each form of SO_LINGER that the kernel tells from others. Return: 0 if all read as without gate.
 */
static int set_linger(void *arg)
{
	const struct linger wanted = {.l_onoff = 1, .l_linger = LINGER_S};
	const unsigned long high = 1ul << 32;	 /* which the kernel cuts off */
	const int socket_fd = *(const int *)arg; /* connected: others lose the option */
	const int file_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	const struct {
		int fd;
		const void *at;
		unsigned long len;
		int error;
	} calls[] = {
		{socket_fd, &wanted, sizeof(wanted), 0},
		{socket_fd, &wanted, sizeof(wanted) + 100, 0},
		{socket_fd, &wanted, sizeof(wanted) | high, 0},
		{-1, &wanted, sizeof(wanted), EBADF},
		{file_fd, &wanted, sizeof(wanted), ENOTSOCK},
		{socket_fd, &wanted, sizeof(wanted) - 1, EINVAL},
		{socket_fd, &wanted, 0xffffffff, EINVAL},
		{socket_fd, (void *)8, sizeof(wanted), EFAULT},
	};
	struct linger told = {0};
	socklen_t len = sizeof(told);
	const int on = 1;

	for (int i = 0; i < (int)(sizeof(calls) / sizeof(calls[0])); i++)
		if (error_of(syscall(SYS_setsockopt, calls[i].fd, SOL_SOCKET | high,
				     SO_LINGER | high, calls[i].at, calls[i].len)) !=
		    calls[i].error)
			return 10 + i;
	if (getsockopt(socket_fd, SOL_SOCKET, SO_LINGER, &told, &len) < 0 || !told.l_onoff ||
	    told.l_linger != LINGER_S)
		return 1;
	/* Another option. */
	return error_of(setsockopt(socket_fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on))) ? 2 : 0;
}

static void test_linger_is_set(void **state)
{
	struct fixture f = {.policy = deny_all};
	struct sockaddr_in at = {0};
	socklen_t len = sizeof(at);
	const int listening_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int socket_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	assert_int_equal(listen(listening_fd, 1), 0);
	assert_int_equal(getsockname(listening_fd, (struct sockaddr *)&at, &len), 0);
	assert_int_equal(connect(socket_fd, (struct sockaddr *)&at, len), 0);
	assert_exited(in_child(set_linger, &socket_fd), 0);
	assert_exited(fixture_run(&f, set_linger, &socket_fd), 0);
	(void)close(socket_fd);
	(void)close(listening_fd);
	assert_int_equal(f.count, 0); /* no rule is asked, but the gate is */
	assert_int_equal(f.notifications, 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lingering),
		cmocka_unit_test(test_linger_is_set),
	};

	return cmocka_run_group_tests(tests, fixture_set_up, fixture_tear_down);
}
