/* SPDX-License-Identifier: Apache-2.0 */
/* A duplicate of a program's socket, of which the program has let go: its close waits for nobody.
 */
#include "tests/support/test.h"

#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/release.h"

#define LINGER_S  3600
#define RESCUE_US 20000000

int __real_setsockopt(int socket_fd, int level, int name, const void *value, socklen_t len);
int __wrap_setsockopt(int socket_fd, int level, int name, const void *value, socklen_t len);

static bool sets_again; /* another thread of the program, as soon as it was taken away */
static atomic_bool is_over;
static atomic_bool was_rescued;

int __wrap_setsockopt(int socket_fd, int level, int name, const void *value, socklen_t len)
{
	return sets_again ? 0 : __real_setsockopt(socket_fd, level, name, value, len);
}

/* Two ends of a connection, of which the first has more to send than there is room for. */
static void connect_full(int ends[2])
{
	const int listener_fd = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	static const char bytes[65536];
	socklen_t len = sizeof(at);

	assert_int_equal(bind(listener_fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(listener_fd, 1), 0);
	assert_int_equal(getsockname(listener_fd, (struct sockaddr *)&at, &len), 0);
	ends[0] = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(ends[0], (struct sockaddr *)&at, sizeof(at)), 0);
	ends[1] = accept(listener_fd, NULL, NULL);
	assert_true(ends[1] >= 0);
	while (send(ends[0], bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
	(void)close(listener_fd);
}

/* The other end is gone after a while, which ends any wait. */
static void *rescue(void *other_fd)
{
	for (unsigned waited = 0; waited < RESCUE_US && !atomic_load(&is_over); waited += 10000)
		(void)usleep(10000);
	atomic_store(&was_rescued, !atomic_load(&is_over));
	(void)close(*(const int *)other_fd);
	return NULL;
}

static void release_lingering(bool again)
{
	const struct linger linger = {.l_onoff = 1, .l_linger = LINGER_S};
	pthread_t thread;
	int ends[2];

	connect_full(ends);
	sets_again = false;
	assert_int_equal(setsockopt(ends[0], SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), 0);
	sets_again = again;
	atomic_store(&is_over, false);
	assert_int_equal(pthread_create(&thread, NULL, rescue, &ends[1]), 0);
	release_socket(&ends[0]);
	atomic_store(&is_over, true);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(ends[0], -1);
	assert_false(atomic_load(&was_rescued));
}

static void test_it_loses_its_linger(void **state)
{
	(void)state;
	release_lingering(false);
}

static void test_it_gets_it_back_meanwhile(void **state)
{
	(void)state;
	release_lingering(true);
}

static void test_alarms_are_as_before(void **state)
{
	struct sigaction before = {.sa_handler = SIG_IGN};
	struct sigaction after;

	(void)state;
	assert_int_equal(sigaction(SIGALRM, &before, NULL), 0);
	release_lingering(true);
	assert_int_equal(sigaction(SIGALRM, NULL, &after), 0);
	assert_true(after.sa_handler == SIG_IGN);
	assert_int_equal(alarm(0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_it_loses_its_linger),
		cmocka_unit_test(test_it_gets_it_back_meanwhile),
		cmocka_unit_test(test_alarms_are_as_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
