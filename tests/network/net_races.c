/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net_races NAME SECONDS ALLOWED PORT TARGET PORT: a second thread swaps what a call names while
 * somebody looks at it: the address that is allowed for the one that is not. What got where is read
 * from the capture (test_races.py).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/number.h"

static const char text[] = "attack\n";

/* Shared, so that a thread and a process can race for it. */
static struct shared {
	struct sockaddr_in now;
	struct sockaddr_in of[2];
	struct msghdr message;
	struct iovec part;
	char payload[sizeof(text)];
	atomic_bool over;
} * shared;

static int swapped_fd, fds[2];

static double now_s(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void *swap_address(void *arg)
{
	(void)arg;
	for (unsigned i = 0; !atomic_load(&shared->over); i++) {
		volatile struct sockaddr_in *to = &shared->now;

		to->sin_port = shared->of[i & 1].sin_port;
		to->sin_addr.s_addr = shared->of[i & 1].sin_addr.s_addr;
		/* Of all spans, some fit between a look and an act. */
		for (volatile unsigned wait = 0; wait < (i * 7919) % 20000; wait++)
			;
	}
	return NULL;
}

static void *swap_fd(void *arg)
{
	(void)arg;
	for (unsigned i = 0; !atomic_load(&shared->over); i++) {
		(void)dup2(fds[i & 1], swapped_fd);
		for (volatile unsigned wait = 0; wait < (i * 7919) % 20000; wait++)
			;
	}
	return NULL;
}

/* Return: whether the stream came about; tells it what it must not learn. */
static bool finish(int fd)
{
	struct pollfd event = {.fd = fd, .events = POLLOUT};

	return poll(&event, 1, 1000) == 1 && send(fd, text, sizeof(text), MSG_NOSIGNAL) > 0;
}

static bool stream(int flags)
{
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
	const int r = connect(fd, (struct sockaddr *)&shared->now, sizeof(shared->now));
	const bool through = (r == 0 || errno == EINPROGRESS) && finish(fd);

	(void)close(fd);
	return through;
}

static bool race_blocking(void)
{
	return stream(0);
}

static bool race_nonblocking(void)
{
	return stream(SOCK_NONBLOCK);
}

static bool race_sendto(void)
{
	return sendto(fds[0], text, sizeof(text), 0, (struct sockaddr *)&shared->now,
		      sizeof(shared->now)) > 0;
}

static bool race_sendmsg(void)
{
	return sendmsg(fds[0], &shared->message, 0) > 0;
}

static bool race_fastopen(void)
{
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const bool through = sendto(fd, text, sizeof(text), MSG_FASTOPEN | MSG_NOSIGNAL,
				    (struct sockaddr *)&shared->now, sizeof(shared->now)) > 0;

	(void)close(fd);
	return through;
}

/* The number names a datagram socket for one who looks, and a stream for one who acts; to the
 * allowed and the other. */
static bool race_dup2(void)
{
	static unsigned turn;
	const struct sockaddr_in to = shared->of[turn++ & 1];
	const int stream_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int r;

	(void)dup2(stream_fd, fds[1]);
	(void)close(stream_fd);
	r = connect(swapped_fd, (const struct sockaddr *)&to, sizeof(to));
	if (r == 0 || errno == EINPROGRESS)
		(void)finish(swapped_fd);
	(void)sendto(swapped_fd, text, sizeof(text), MSG_NOSIGNAL, (const struct sockaddr *)&to,
		     sizeof(to));
	return send(fds[1], text, sizeof(text), MSG_NOSIGNAL) > 0;
}

static const struct {
	const char *name;
	bool (*once)(void);
	void *(*swap)(void *arg);
	bool by_process;
} races[] = {
	{"blocking", race_blocking, swap_address, false},
	{"nonblocking", race_nonblocking, swap_address, false},
	{"process", race_nonblocking, swap_address, true},
	{"sendto", race_sendto, swap_address, false},
	{"sendmsg", race_sendmsg, swap_address, false},
	{"fastopen", race_fastopen, swap_address, false},
	{"dup2", race_dup2, swap_fd, false},
};

static void prepare(char **argv)
{
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (shared == MAP_FAILED)
		exit(2);
	for (size_t i = 0; i < 2; i++) {
		shared->of[i].sin_family = AF_INET;
		shared->of[i].sin_port = htons((uint16_t)number(argv[2 * i + 1]));
		if (inet_pton(AF_INET, argv[2 * i], &shared->of[i].sin_addr) != 1)
			exit(2);
		fds[i] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	}
	swapped_fd = fcntl(fds[0], F_DUPFD_CLOEXEC, 100);
	shared->now = shared->of[0];
	memcpy(shared->payload, text, sizeof(text));
	shared->part = (struct iovec){.iov_base = shared->payload, .iov_len = sizeof(text)};
	shared->message = (struct msghdr){.msg_name = &shared->now,
					  .msg_namelen = sizeof(shared->now),
					  .msg_iov = &shared->part,
					  .msg_iovlen = 1};
}

static int race(size_t which, double seconds)
{
	const double end = now_s() + seconds;
	unsigned long tries = 0, through = 0;
	pthread_t thread = 0;
	pid_t pid = -1;

	if (races[which].by_process && (pid = fork()) == 0) {
		(void)races[which].swap(NULL);
		_exit(0);
	}
	if (!races[which].by_process && pthread_create(&thread, NULL, races[which].swap, NULL))
		return 2;
	for (; now_s() < end; tries++)
		through += races[which].once();
	atomic_store(&shared->over, true);
	if (races[which].by_process)
		(void)waitpid(pid, NULL, 0);
	else
		(void)pthread_join(thread, NULL);
	printf("%lu tries, %lu through\n", tries, through);
	return 0;
}

int main(int argc, char **argv)
{
	for (size_t i = 0; argc == 7 && i < sizeof(races) / sizeof(races[0]); i++) {
		if (strcmp(races[i].name, argv[1]) == 0) {
			prepare(argv + 3);
			return race(i, strtod(argv[2], NULL));
		}
	}
	(void)fprintf(stderr, "net_races: no such race, or not its arguments\n");
	return 2;
}
