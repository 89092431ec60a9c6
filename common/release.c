/* SPDX-License-Identifier: Apache-2.0 */
#include "common/release.h"

#include <signal.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "common/cleanup.h"

#define WAIT_US 1000

static bool is_connected(int socket_fd)
{
	struct sockaddr_storage peer = {0};
	socklen_t len = sizeof(peer);

	/* No other family waits. */
	return getpeername(socket_fd, (struct sockaddr *)&peer, &len) == 0 &&
	       (peer.ss_family == AF_INET || peer.ss_family == AF_INET6);
}

/* Hardly any has: it is asked first. */
static bool has_linger(int socket_fd)
{
	struct linger linger = {0};
	socklen_t len = sizeof(linger);

	/* The kernel tells a very long one cut to an int: any number but 0. */
	return getsockopt(socket_fd, SOL_SOCKET, SO_LINGER, &linger, &len) == 0 && linger.l_onoff &&
	       linger.l_linger;
}

static void lose_linger(int socket_fd)
{
	const struct linger none = {0};

	(void)setsockopt(socket_fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
}

static void on_alarm(int signum)
{
	(void)signum;
}

/*
 * A signal ends the wait. It comes again, for the first may come before there is one. Whoever
 * started us may have blocked it, or set an alarm that is to end us: both stay as they are.
 */
void release_socket_as_is(int *socket_fd)
{
	const struct itimerval soon = {{.tv_usec = WAIT_US}, {.tv_usec = WAIT_US}};
	const struct sigaction heard = {.sa_handler = on_alarm};
	struct itimerval timer;
	struct sigaction before;
	sigset_t alarms;
	sigset_t blocked;

	(void)sigemptyset(&alarms);
	(void)sigaddset(&alarms, SIGALRM);
	(void)sigaction(SIGALRM, &heard, &before);
	(void)pthread_sigmask(SIG_UNBLOCK, &alarms, &blocked);
	(void)setitimer(ITIMER_REAL, &soon, &timer);
	close_fd(socket_fd);
	(void)setitimer(ITIMER_REAL, &timer, NULL);
	(void)pthread_sigmask(SIG_SETMASK, &blocked, NULL);
	(void)sigaction(SIGALRM, &before, NULL);
}

void release_socket(int *socket_fd)
{
	if (*socket_fd < 0 || !has_linger(*socket_fd) || !is_connected(*socket_fd)) {
		close_fd(socket_fd);
		return;
	}
	lose_linger(*socket_fd);
	release_socket_as_is(socket_fd);
}
