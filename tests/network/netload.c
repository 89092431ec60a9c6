/* SPDX-License-Identifier: Apache-2.0 */
/*
 * netload serve PORT | latency|stream|upload|connects|first-byte|flood ADDRESS PORT COUNT |
 * parallel ADDRESS PORT COUNT ATONCE
 *
 * A TCP server, quick enough not to be what is measured, and its clients. PORT echoes, PORT + 1
 * sends for as long as somebody reads, PORT + 2 takes until the end and then says one byte, PORT +
 * 3 says one byte at once and waits for the end. `flood` takes the first byte of all that PORT + 1
 * sends: what the server still makes for a connection that is over, the next one waits for. A
 * client prints one number: microseconds of a round trip or until the first byte came, MiB/s, or
 * connections a second; `parallel`, what became of them.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/number.h"

#define PORTS	    4
#define MAX_FDS	    65536
#define MIB	    1048576.0
#define EVENTS	    256
#define PATIENCE_MS 20000

static char room[1 << 18];
static unsigned char role_of[MAX_FDS]; /* 1 + port - PORT; 0: a listener */

static void die(const char *what)
{
	(void)fprintf(stderr, "netload: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double now_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static struct sockaddr_in parse(const char *address, int port)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

	if (inet_pton(AF_INET, address, &to.sin_addr) != 1) {
		errno = EINVAL;
		die(address);
	}
	return to;
}

static int new_socket(int flags)
{
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0), on = 1;

	if (fd < 0)
		die("socket");
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}

static void watch(int epoll_fd, int fd, unsigned events)
{
	struct epoll_event event = {.events = events, .data.fd = fd};

	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
		die("epoll_ctl");
}

/* ---- server ---- */

static void take_all(int epoll_fd, int listener_fd, int port)
{
	struct sockaddr_in own = {0};
	socklen_t len = sizeof(own);
	const int on = 1;
	int fd;

	while ((fd = accept4(listener_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		if (fd >= MAX_FDS || getsockname(fd, (struct sockaddr *)&own, &len) < 0) {
			(void)close(fd);
			continue;
		}
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		role_of[fd] = (unsigned char)(1 + ntohs(own.sin_port) - port);
		if (role_of[fd] == 4)
			(void)send(fd, room, 1, MSG_NOSIGNAL);
		watch(epoll_fd, fd, role_of[fd] == 2 ? EPOLLOUT : EPOLLIN);
	}
}

/* Return: false when the connection is over. */
static bool serve_one(int fd)
{
	ssize_t n;

	if (role_of[fd] == 2) {
		n = send(fd, room, sizeof(room), MSG_NOSIGNAL);
		return n > 0 || (n < 0 && errno == EAGAIN);
	}
	n = recv(fd, room, sizeof(room), 0);
	if (n == 0 && role_of[fd] == 3)
		(void)send(fd, room, 1, MSG_NOSIGNAL);
	/* An echo is as small as what the clients send at a time: it never fills the socket. */
	if (n > 0 && role_of[fd] == 1 && send(fd, room, (size_t)n, MSG_NOSIGNAL) != n)
		return false;
	return n > 0 || (n < 0 && errno == EAGAIN);
}

static _Noreturn void serve(int port)
{
	const int epoll_fd = epoll_create1(EPOLL_CLOEXEC), on = 1;
	struct epoll_event events[EVENTS];

	for (int i = 0; i < PORTS; i++) {
		const struct sockaddr_in own = {.sin_family = AF_INET,
						.sin_port = htons((uint16_t)(port + i))};
		const int fd = new_socket(SOCK_NONBLOCK);

		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
		if (bind(fd, (const struct sockaddr *)&own, sizeof(own)) < 0 ||
		    listen(fd, 4096) < 0)
			die("listen");
		watch(epoll_fd, fd, EPOLLIN);
	}
	for (;;) {
		const int count = epoll_wait(epoll_fd, events, EVENTS, -1);

		for (int i = 0; i < count; i++) {
			const int fd = events[i].data.fd;

			if (!role_of[fd]) {
				take_all(epoll_fd, fd, port);
			} else if (!serve_one(fd)) {
				role_of[fd] = 0;
				(void)close(fd);
			}
		}
	}
}

/* ---- clients ---- */

static int connected(const struct sockaddr_in *to)
{
	const int fd = new_socket(0);

	if (connect(fd, (const struct sockaddr *)to, sizeof(*to)) < 0)
		die("connect");
	return fd;
}

static void round_trip(int fd)
{
	char byte = 1; /* no protocol's first letter: nobody waits for a second one */

	if (send(fd, &byte, 1, MSG_NOSIGNAL) != 1 || recv(fd, &byte, 1, 0) != 1)
		die("round trip");
}

static int latency(const struct sockaddr_in *to, long count)
{
	const int fd = connected(to);
	double start;

	round_trip(fd);
	start = now_us();
	for (long i = 0; i < count; i++)
		round_trip(fd);
	printf("%.3f\n", (now_us() - start) / (double)count);
	return 0;
}

static int stream(const struct sockaddr_in *to, long mib)
{
	const double wanted = (double)mib * MIB, start = now_us();
	const int fd = connected(to);
	double got = 0;

	while (got < wanted) {
		const ssize_t n = recv(fd, room, sizeof(room), 0);

		if (n <= 0)
			die("recv");
		got += (double)n;
	}
	printf("%.3f\n", got / MIB / ((now_us() - start) / 1e6));
	return 0;
}

static int upload(const struct sockaddr_in *to, long mib)
{
	const double wanted = (double)mib * MIB, start = now_us();
	const int fd = connected(to);
	double sent = 0;

	while (sent < wanted) {
		const ssize_t n = send(fd, room, sizeof(room), MSG_NOSIGNAL);

		if (n <= 0)
			die("send");
		sent += (double)n;
	}
	(void)shutdown(fd, SHUT_WR);
	if (recv(fd, room, 1, 0) != 1)
		die("the last byte");
	printf("%.3f\n", sent / MIB / ((now_us() - start) / 1e6));
	return 0;
}

static int connects(const struct sockaddr_in *to, long count)
{
	const double start = now_us();

	for (long i = 0; i < count; i++) {
		const int fd = connected(to);

		round_trip(fd);
		(void)close(fd);
	}
	printf("%.3f\n", (double)count / ((now_us() - start) / 1e6));
	return 0;
}

static int first_byte(const struct sockaddr_in *to, long count)
{
	double sum = 0;

	for (long i = 0; i < count; i++) {
		const double start = now_us();
		const int fd = connected(to);

		if (recv(fd, room, 1, 0) != 1)
			die("first byte");
		sum += now_us() - start;
		(void)close(fd);
	}
	printf("%.3f\n", sum / (double)count);
	return 0;
}

/* ---- many at once ---- */

struct crowd {
	const struct sockaddr_in *to;
	int epoll_fd;
	long left, now;
	long echoed, reset, ended, failed, silent; /* what became of them */
	double since[MAX_FDS];			   /* when it last did something; 0: none */
};

static void start_one(struct crowd *crowd)
{
	const int fd = new_socket(SOCK_NONBLOCK);

	crowd->left--;
	if (fd >= MAX_FDS ||
	    (connect(fd, (const struct sockaddr *)crowd->to, sizeof(*crowd->to)) < 0 &&
	     errno != EINPROGRESS)) {
		crowd->failed++;
		(void)close(fd);
		return;
	}
	watch(crowd->epoll_fd, fd, EPOLLOUT);
	crowd->since[fd] = now_us();
	crowd->now++;
}

static void end_one(struct crowd *crowd, int fd, long *outcome)
{
	(*outcome)++;
	crowd->since[fd] = 0;
	crowd->now--;
	(void)close(fd);
}

static void go_on(struct crowd *crowd, const struct epoll_event *event)
{
	struct epoll_event next = {.events = EPOLLIN, .data.fd = event->data.fd};
	const int fd = event->data.fd;
	ssize_t n;

	if (event->events & EPOLLOUT) {
		if (send(fd, "hello\n", 6, MSG_NOSIGNAL) != 6)
			end_one(crowd, fd,
				errno == ECONNRESET || errno == EPIPE ? &crowd->reset
								      : &crowd->failed);
		else
			(void)epoll_ctl(crowd->epoll_fd, EPOLL_CTL_MOD, fd, &next);
		return;
	}
	n = recv(fd, room, sizeof(room), 0);
	if (n == 6 && memcmp(room, "hello\n", 6) == 0)
		end_one(crowd, fd, &crowd->echoed);
	else if (n < 0)
		end_one(crowd, fd, &crowd->reset);
	else
		end_one(crowd, fd, &crowd->ended);
}

static void give_up_old(struct crowd *crowd, double patience_us)
{
	for (int fd = 0; fd < MAX_FDS; fd++)
		if (crowd->since[fd] > 0 && now_us() - crowd->since[fd] > patience_us)
			end_one(crowd, fd, &crowd->silent);
}

static int parallel(const struct sockaddr_in *to, long count, long at_once, long patience_ms)
{
	static struct crowd crowd;
	struct epoll_event events[EVENTS];
	const double start = now_us();
	double looked = start;

	crowd = (struct crowd){.to = to, .epoll_fd = epoll_create1(EPOLL_CLOEXEC), .left = count};
	while (crowd.left || crowd.now) {
		int n;

		while (crowd.left && crowd.now < at_once)
			start_one(&crowd);
		n = epoll_wait(crowd.epoll_fd, events, EVENTS, 100);
		for (int i = 0; i < n; i++)
			go_on(&crowd, &events[i]);
		if (now_us() - looked > 1e5) {
			give_up_old(&crowd, (double)patience_ms * 1e3);
			looked = now_us();
		}
	}
	printf("{\"echoed\": %ld, \"reset\": %ld, \"ended\": %ld, \"failed\": %ld, \"silent\": %ld, \"a_second\": %.1f}\n",
	       crowd.echoed, crowd.reset, crowd.ended, crowd.failed, crowd.silent,
	       (double)count / ((now_us() - start) / 1e6));
	return 0;
}

static const struct {
	const char *name;
	int (*run)(const struct sockaddr_in *to, long count);
	int port; /* of the server's */
} clients[] = {
	{"latency", latency, 0},   {"stream", stream, 1},	  {"upload", upload, 2},
	{"connects", connects, 0}, {"first-byte", first_byte, 3}, {"flood", first_byte, 1},
};

int main(int argc, char **argv)
{
	struct rlimit limit;
	struct sockaddr_in to;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
	(void)signal(SIGPIPE, SIG_IGN);
	if (argc == 3 && strcmp(argv[1], "serve") == 0)
		serve((int)number(argv[2]));
	if (argc == 6 || argc == 7) {
		to = parse(argv[2], (int)number(argv[3]));
		return parallel(&to, number(argv[4]), number(argv[5]),
				argc == 7 ? number(argv[6]) : PATIENCE_MS);
	}
	for (size_t i = 0; argc == 5 && i < sizeof(clients) / sizeof(clients[0]); i++) {
		if (strcmp(argv[1], clients[i].name) == 0) {
			to = parse(argv[2], (int)number(argv[3]) + clients[i].port);
			return clients[i].run(&to, number(argv[4]));
		}
	}
	(void)fprintf(stderr, "netload: no such load, or not its arguments\n");
	return 2;
}
