/* SPDX-License-Identifier: Apache-2.0 */
/* Ways that go by sockets. */
#include "tests/integration/flow_ways.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static uint16_t port;

static const struct sockaddr *local(int family, socklen_t *len)
{
	static struct sockaddr_un path;
	static struct sockaddr_in v4;
	static struct sockaddr_in6 v6;

	path = (struct sockaddr_un){.sun_family = AF_UNIX, .sun_path = "socket"};
	v4 = (struct sockaddr_in){.sin_family = AF_INET,
				  .sin_port = htons(port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	v6 = (struct sockaddr_in6){.sin6_family = AF_INET6,
				   .sin6_port = htons(port),
				   .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	*len = family == AF_UNIX ? sizeof(path) : family == AF_INET ? sizeof(v4) : sizeof(v6);
	return family == AF_UNIX   ? (const void *)&path
	       : family == AF_INET ? (const void *)&v4
				   : (const void *)&v6;
}

/* A socket that hears, of which the port is kept. */
static int hear(int family, int type)
{
	struct sockaddr_in6 got = {0};
	socklen_t len, got_len = sizeof(got);
	const struct sockaddr *address;

	port = 0;
	(void)unlink("socket");
	address = local(family, &len);
	way_fds[0] = socket(family, type | SOCK_CLOEXEC, 0);
	if (way_fds[0] < 0 || bind(way_fds[0], address, len) < 0 ||
	    (type == SOCK_STREAM && listen(way_fds[0], 1) < 0) ||
	    getsockname(way_fds[0], (struct sockaddr *)&got, &got_len) < 0)
		return 1;
	port = family == AF_UNIX ? 0 : ntohs(got.sin6_port); /* where that of IPv4 is, too */
	return 0;
}

static int speak(int family, int type)
{
	socklen_t len;
	const struct sockaddr *address = local(family, &len);
	const int fd = socket(family, type | SOCK_CLOEXEC, 0);

	return fd < 0 || connect(fd, address, len) < 0 || way_put(fd);
}

int hear_unix(void)
{
	return hear(AF_UNIX, SOCK_STREAM);
}

int speak_unix(void)
{
	return speak(AF_UNIX, SOCK_STREAM);
}

int hear_tcp(void)
{
	return hear(AF_INET, SOCK_STREAM);
}

int speak_tcp(void)
{
	return speak(AF_INET, SOCK_STREAM);
}

int hear_tcp6(void)
{
	return hear(AF_INET6, SOCK_STREAM);
}

int speak_tcp6(void)
{
	return speak(AF_INET6, SOCK_STREAM);
}

int hear_udp(void)
{
	return hear(AF_INET, SOCK_DGRAM);
}

int speak_udp(void)
{
	return speak(AF_INET, SOCK_DGRAM);
}

int hear_datagrams(void)
{
	return hear(AF_UNIX, SOCK_DGRAM);
}

int speak_datagrams(void)
{
	return speak(AF_UNIX, SOCK_DGRAM);
}

int take_one(void)
{
	return way_get(accept4(way_fds[0], NULL, NULL, SOCK_CLOEXEC));
}

/* The writer serves, the reader is who connected. */
int connect_first(void)
{
	socklen_t len;
	const struct sockaddr *address;

	if (hear(AF_UNIX, SOCK_STREAM))
		return 1;
	address = local(AF_UNIX, &len);
	way_fds[1] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return connect(way_fds[1], address, len);
}

int serve(void)
{
	return way_put(accept4(way_fds[0], NULL, NULL, SOCK_CLOEXEC));
}

union rights {
	struct cmsghdr head;
	char bytes[CMSG_SPACE(sizeof(int))];
};

int pass_on(void)
{
	union rights control = {.head = {.cmsg_len = CMSG_LEN(sizeof(int)),
					 .cmsg_level = SOL_SOCKET,
					 .cmsg_type = SCM_RIGHTS}};
	struct iovec byte = {.iov_base = (char[]){'x'}, .iov_len = 1};
	const struct msghdr m = {.msg_iov = &byte,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control)};
	const int fd = memfd_create("passed", MFD_CLOEXEC);

	if (way_put(fd))
		return 1;
	memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
	return sendmsg(way_fds[0], &m, 0) == 1 ? 0 : 1;
}

int get_passed(void)
{
	union rights control;
	char got;
	struct iovec byte = {.iov_base = &got, .iov_len = 1};
	struct msghdr m = {.msg_iov = &byte,
			   .msg_iovlen = 1,
			   .msg_control = &control,
			   .msg_controllen = sizeof(control)};
	char text[4];
	int fd;

	if (recvmsg(way_fds[1], &m, 0) != 1)
		return 1;
	memcpy(&fd, CMSG_DATA(&control.head), sizeof(fd));
	return pread(fd, text, 4, 0) == 4 ? 0 : 1;
}
