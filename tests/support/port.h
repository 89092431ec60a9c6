/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Ports of loopback that are this test's alone: a number that is chosen and given back may be
 * another test's by the time it is used.
 */

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "tests/support/test.h"

/* Binds a socket to @port of 127.0.0.1, 0 for a free one. Return: it, or -1 with errno. */
static inline int port_bind(int type, in_port_t port, struct sockaddr_in *ret)
{
	socklen_t len = sizeof(*ret);
	const int socket_fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	*ret = (struct sockaddr_in){
		.sin_family = AF_INET, .sin_port = port, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	if (socket_fd < 0)
		return -1;
	if (bind(socket_fd, (const struct sockaddr *)ret, len) == 0 &&
	    getsockname(socket_fd, (struct sockaddr *)ret, &len) == 0)
		return socket_fd;
	(void)close(socket_fd);
	return -1;
}

/* One number for UDP and TCP, which listens: whoever has it for one of them need not get the other.
 */
static inline void port_for_both(int *ret_udp_fd, int *ret_tcp_fd, struct sockaddr_in *ret)
{
	for (unsigned i = 0; i < 1000; i++) {
		*ret_udp_fd = port_bind(SOCK_DGRAM, 0, ret);
		assert_return_code(*ret_udp_fd, errno);
		*ret_tcp_fd = port_bind(SOCK_STREAM, ret->sin_port, ret);
		if (*ret_tcp_fd >= 0 && listen(*ret_tcp_fd, 4) == 0)
			return;
		assert_int_equal(errno, EADDRINUSE);
		(void)close(*ret_udp_fd);
		if (*ret_tcp_fd >= 0)
			(void)close(*ret_tcp_fd);
	}
	fail_msg("no port is free for both");
}

/* A port of TCP where nobody listens as long as this is open. */
static inline int port_of_nobody(in_port_t *ret_port)
{
	struct sockaddr_in at;
	const int held_fd = port_bind(SOCK_STREAM, 0, &at);

	assert_return_code(held_fd, errno);
	*ret_port = ntohs(at.sin_port);
	return held_fd;
}
