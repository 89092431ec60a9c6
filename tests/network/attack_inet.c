/* SPDX-License-Identifier: Apache-2.0 */
/* By TCP and UDP, and what goes for one of them. */
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/network/net_attacks.h"

#define PROTOCOL_MPTCP 262
#define PROTOCOL_SCTP  132
#define OLD_SIZE       16 /* of the first struct sockaddr: what a caller of the eighties passes */

static int connect_and_tell(int type, int protocol, char **argv)
{
	union any to;
	const socklen_t len = parse(argv[0], argv[1], &to);
	const int fd = new_socket(to.generic.sa_family, type, protocol);

	say("connect", connect(fd, &to.generic, len));
	return tell(fd);
}

static int tcp(char **argv)
{
	return connect_and_tell(SOCK_STREAM, 0, argv);
}

static int mptcp(char **argv)
{
	return connect_and_tell(SOCK_STREAM, PROTOCOL_MPTCP, argv);
}

static int sctp(char **argv)
{
	return connect_and_tell(SOCK_STREAM, PROTOCOL_SCTP, argv);
}

static int udp_connected(char **argv)
{
	return connect_and_tell(SOCK_DGRAM, 0, argv);
}

static int udplite(char **argv)
{
	return connect_and_tell(SOCK_DGRAM, IPPROTO_UDPLITE, argv);
}

static int tcp_bound(char **argv)
{
	union any to, from = {0};
	const socklen_t len = parse(argv[0], argv[1], &to);
	const int fd = new_socket(to.generic.sa_family, SOCK_STREAM, 0);

	from.generic.sa_family = to.generic.sa_family;
	say("bind", bind(fd, &from.generic, len));
	say("connect", connect(fd, &to.generic, len));
	return tell(fd);
}

/* The kernel reads the family and what belongs to it, whatever length comes with it. */
static int tcp_long(char **argv)
{
	union any to;
	int fd;

	(void)parse(argv[0], argv[1], &to);
	memset(to.in.sin_zero, 0x55, sizeof(to.in.sin_zero));
	fd = new_socket(AF_INET, SOCK_STREAM, 0);
	say("connect", connect(fd, &to.generic, sizeof(to)));
	return tell(fd);
}

static int tcp_mapped(char **argv)
{
	union any v4, to = {.in6 = {.sin6_family = AF_INET6}};
	int fd;

	(void)parse(argv[0], argv[1], &v4);
	to.in6.sin6_port = v4.in.sin_port;
	to.in6.sin6_addr.s6_addr[10] = to.in6.sin6_addr.s6_addr[11] = 0xff;
	memcpy(&to.in6.sin6_addr.s6_addr[12], &v4.in.sin_addr, 4);
	to.in6.sin6_flowinfo = htonl(0x12345);
	fd = new_socket(AF_INET6, SOCK_STREAM, 0);
	say("connect", connect(fd, &to.generic, sizeof(to.in6)));
	return tell(fd);
}

/* A v4 address given to a v6 socket: the kernel takes it where it may be mapped. */
static int tcp_v4_on_v6(char **argv)
{
	union any to;
	int fd;

	(void)parse(argv[0], argv[1], &to);
	fd = new_socket(AF_INET6, SOCK_STREAM, 0);
	say("connect", connect(fd, &to.generic, OLD_SIZE));
	return tell(fd);
}

static int udp_sendto(char **argv)
{
	union any to;
	const socklen_t len = parse(argv[0], argv[1], &to);
	const int fd = new_socket(to.generic.sa_family, SOCK_DGRAM, 0);

	say("sendto", sendto(fd, payload, sizeof(payload), 0, &to.generic, len));
	return 0;
}

static int udp_sendmsg(char **argv)
{
	union any to;
	const socklen_t len = parse(argv[0], argv[1], &to);
	const int fd = new_socket(to.generic.sa_family, SOCK_DGRAM, 0);
	char copy[sizeof(payload)];
	struct iovec part = {.iov_base = copy, .iov_len = sizeof(copy)};
	struct msghdr message = {
		.msg_name = &to, .msg_namelen = len, .msg_iov = &part, .msg_iovlen = 1};

	memcpy(copy, payload, sizeof(copy));
	say("sendmsg", sendmsg(fd, &message, 0));
	return 0;
}

/* The first of them is to a DNS server, where sending is no more than asking. */
static int udp_sendmmsg(char **argv)
{
	union any to[2];
	const socklen_t len[2] = {parse("203.0.113.53", "53", &to[0]),
				  parse(argv[0], argv[1], &to[1])};
	const int fd = new_socket(to[1].generic.sa_family, SOCK_DGRAM, 0);
	char copy[sizeof(payload)];
	struct iovec part = {.iov_base = copy, .iov_len = sizeof(copy)};
	struct mmsghdr messages[2] = {{.msg_hdr = {.msg_name = &to[0],
						   .msg_namelen = len[0],
						   .msg_iov = &part,
						   .msg_iovlen = 1}},
				      {.msg_hdr = {.msg_name = &to[1],
						   .msg_namelen = len[1],
						   .msg_iov = &part,
						   .msg_iovlen = 1}}};

	memcpy(copy, payload, sizeof(copy));
	say("sendmmsg", sendmmsg(fd, messages, 2, 0));
	return 0;
}

/* ALLOWED PORT TARGET PORT: connected to the one, sent to the other. */
static int udp_readdress(char **argv)
{
	union any first, to;
	const socklen_t first_len = parse(argv[0], argv[1], &first),
			len = parse(argv[2], argv[3], &to);
	const int fd = new_socket(to.generic.sa_family, SOCK_DGRAM, 0);

	say("connect", connect(fd, &first.generic, first_len));
	say("sendto", sendto(fd, payload, sizeof(payload), 0, &to.generic, len));
	say("connect again", connect(fd, &to.generic, len));
	say("send", send(fd, payload, sizeof(payload), 0));
	return 0;
}

/* ALLOWED PORT TARGET PORT: a stream that is dissolved and connected anew. */
static int tcp_unspec(char **argv)
{
	union any first, to, none = {.generic = {.sa_family = AF_UNSPEC}};
	const socklen_t first_len = parse(argv[0], argv[1], &first),
			len = parse(argv[2], argv[3], &to);
	const int fd = new_socket(to.generic.sa_family, SOCK_STREAM, 0);

	say("connect", connect(fd, &first.generic, first_len));
	say("dissolve", connect(fd, &none.generic, sizeof(none.generic)));
	say("connect again", connect(fd, &to.generic, len));
	return tell(fd);
}

/* AF_UNSPEC with an address, which UDP's bind and some connects take for AF_INET. */
static int udp_unspec(char **argv)
{
	union any to;
	const socklen_t len = parse(argv[0], argv[1], &to);
	const int fd = new_socket(to.generic.sa_family, SOCK_DGRAM, 0);

	to.generic.sa_family = AF_UNSPEC;
	say("sendto", sendto(fd, payload, sizeof(payload), 0, &to.generic, len));
	return 0;
}

static int fastopen(char **argv)
{
	union any to;
	const socklen_t len = parse(argv[0], argv[1], &to);
	const int fd = new_socket(to.generic.sa_family, SOCK_STREAM, 0);

	say("sendto",
	    sendto(fd, payload, sizeof(payload), MSG_FASTOPEN | MSG_NOSIGNAL, &to.generic, len));
	return tell(fd);
}

static int fastopen_connect(char **argv)
{
	union any to;
	const socklen_t len = parse(argv[0], argv[1], &to);
	const int fd = new_socket(to.generic.sa_family, SOCK_STREAM, 0), one = 1;

	say("option", setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &one, sizeof(one)));
	say("connect", connect(fd, &to.generic, len));
	return tell(fd);
}

const struct net_attack inet_attacks[] = {
	{"tcp", 2, tcp},
	{"tcp-bound", 2, tcp_bound},
	{"tcp-long", 2, tcp_long},
	{"tcp-mapped", 2, tcp_mapped},
	{"tcp-v4-on-v6", 2, tcp_v4_on_v6},
	{"tcp-unspec", 4, tcp_unspec},
	{"mptcp", 2, mptcp},
	{"sctp", 2, sctp},
	{"fastopen", 2, fastopen},
	{"fastopen-connect", 2, fastopen_connect},
	{"udp-sendto", 2, udp_sendto},
	{"udp-sendmsg", 2, udp_sendmsg},
	{"udp-sendmmsg", 2, udp_sendmmsg},
	{"udp-connected", 2, udp_connected},
	{"udp-readdress", 4, udp_readdress},
	{"udp-unspec", 2, udp_unspec},
	{"udplite", 2, udplite},
	{0},
};
