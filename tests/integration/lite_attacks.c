/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/integration/lite_attacks.h"
#include "tests/support/number.h"

static long try_socket(char **a)
{
	return socket((int)number(a[0]), (int)number(a[1]), 0);
}

static long try_tcp(char **a)
{
	const struct sockaddr_in to = {.sin_family = AF_INET,
				       .sin_port = htons((uint16_t)number(a[0])),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const int fd = socket(AF_INET, SOCK_STREAM, 0);

	return fd < 0 ? -1 : connect(fd, (const struct sockaddr *)&to, sizeof(to));
}

/* On a socket that was handed in, as an idle server's might be. */
static long try_connect_stdin(char **a)
{
	const struct sockaddr_in to = {.sin_family = AF_INET,
				       .sin_port = htons((uint16_t)number(a[0])),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	return connect(STDIN_FILENO, (const struct sockaddr *)&to, sizeof(to));
}

static struct sockaddr_un unix_address(const char *path)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};

	(void)snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
	return to;
}

static long try_unix(char **a)
{
	const struct sockaddr_un to = unix_address(a[0]);
	const int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	return fd < 0 ? -1 : connect(fd, (const struct sockaddr *)&to, sizeof(to));
}

/* One end of a pair of datagram sockets may send to anybody. */
static long try_pair(char **a)
{
	const struct sockaddr_un to = unix_address(a[0]);
	int pair[2];

	if (socketpair(AF_UNIX, (int)number(a[1]), 0, pair) < 0)
		return -1;
	return sendto(pair[0], "x", 1, 0, (const struct sockaddr *)&to, sizeof(to));
}

static long try_pair_message(char **a)
{
	struct sockaddr_un to = unix_address(a[0]);
	char byte = 'x';
	struct iovec iov = {&byte, 1};
	const struct msghdr message = {
		.msg_name = &to, .msg_namelen = sizeof(to), .msg_iov = &iov, .msg_iovlen = 1};
	int pair[2];

	if (socketpair(AF_UNIX, (int)number(a[1]), 0, pair) < 0)
		return -1;
	return sendmsg(pair[0], &message, 0);
}

static const struct lite_attempt socket_attempts[] = {
	{"socket", 2, try_socket},
	{"tcp", 1, try_tcp},
	{"connect-stdin", 1, try_connect_stdin},
	{"unix", 1, try_unix},
	{"pair", 2, try_pair},
	{"pair-message", 2, try_pair_message},
	{0},
};

static const struct lite_attempt *find(const char *name)
{
	static const struct lite_attempt *const tables[] = {file_attempts, socket_attempts,
							    process_attempts};

	for (size_t i = 0; i < 3; i++)
		for (const struct lite_attempt *a = tables[i]; a->name; a++)
			if (strcmp(a->name, name) == 0)
				return a;
	return NULL;
}

/* Several attempts in one process: NAME ARGUMENT... NAME ARGUMENT... */
int main(int argc, char **argv)
{
	for (int at = 1; at < argc;) {
		const struct lite_attempt *found = find(argv[at]);

		if (!found || at + found->args >= argc)
			return 2;
		(void)puts(found->run(argv + at + 1) < 0 ? strerrorname_np(errno) : "ok");
		(void)fflush(stdout);
		at += 1 + found->args;
	}
	return 0;
}
