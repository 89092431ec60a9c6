/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/gate/socket.h"

#include <errno.h>
#include <linux/major.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "common/release.h"

#define PROTOCOL_MPTCP 262 /* IPPROTO_MPTCP */

int socket_ask(int socket_fd, int what, int *ret)
{
	socklen_t len = sizeof(*ret);

	if (getsockopt(socket_fd, SOL_SOCKET, what, ret, &len) == 0)
		return 0;
	return errno == ENOTSOCK ? -ENOTSOCK : -EBADF;
}

int socket_protocol(int socket_fd, bool inet, const char **ret)
{
	int domain = AF_INET;
	int protocol = 0;
	int r = inet ? 0 : socket_ask(socket_fd, SO_DOMAIN, &domain);

	*ret = "other";
	if (r < 0 || (domain != AF_INET && domain != AF_INET6))
		return r;
	r = socket_ask(socket_fd, SO_PROTOCOL, &protocol);
	if (protocol == IPPROTO_UDP)
		*ret = "udp";
	else if (protocol == IPPROTO_TCP || protocol == PROTOCOL_MPTCP)
		*ret = "tcp";
	return r;
}

static const char *socket_kind(int socket_fd)
{
	const char *protocol;
	int domain;

	if (socket_fd < 0 || socket_ask(socket_fd, SO_DOMAIN, &domain) < 0)
		return "other";
	if (domain == AF_UNIX)
		return "unix";
	return socket_protocol(socket_fd, false, &protocol) < 0 ? "other" : protocol;
}

static const char *kind_of_number(struct target *target, int number)
{
	int socket_fd = target_socket(target, number);
	const char *kind = socket_kind(socket_fd);

	release_socket(&socket_fd);
	return kind;
}

static bool is_terminal(dev_t device)
{
	const unsigned number = major(device);

	return number == TTY_MAJOR || number == TTYAUX_MAJOR ||
	       (number >= UNIX98_PTY_SLAVE_MAJOR &&
		number < UNIX98_PTY_SLAVE_MAJOR + UNIX98_PTY_MAJOR_COUNT);
}

const char *stream_kind(struct target *target, int number)
{
	struct stat st;

	if (target_stat(target, number, &st) < 0)
		return "";
	switch (st.st_mode & S_IFMT) {
	case S_IFREG:
		return "file";
	case S_IFIFO:
		return "pipe";
	case S_IFCHR:
		return is_terminal(st.st_rdev) ? "terminal" : "device";
	case S_IFSOCK:
		return kind_of_number(target, number);
	default:
		return "other";
	}
}
