/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net_attacks NAME ARG...: one attempt to get bytes past the network of a session, as raw as the
 * kernel takes it. It says what the calls returned; whether anything got out is not for it to say:
 * test_attacks.py reads the capture. Static, so that it runs in any view.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_alg.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/support/number.h"

#define PROTOCOL_MPTCP 262
#define PROTOCOL_SCTP  132
#define OLD_SIZE       16 /* of the first struct sockaddr: what a caller of the eighties passes */

static const char text[] = "attack\n";

union any {
	struct sockaddr generic;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	struct sockaddr_un un;
	struct sockaddr_nl nl;
	struct sockaddr_ll ll;
	struct sockaddr_storage storage;
};

static void say(const char *what, long r)
{
	if (r < 0)
		printf("%s: %s\n", what, strerror(errno));
	else
		printf("%s: %ld\n", what, r);
}

static socklen_t parse(const char *address, const char *port, union any *ret)
{
	*ret = (union any){0};
	ret->in.sin_port = htons((uint16_t)number(port)); /* sin6_port is at the same place */
	if (inet_pton(AF_INET, address, &ret->in.sin_addr) == 1) {
		ret->in.sin_family = AF_INET;
		return sizeof(ret->in);
	}
	if (inet_pton(AF_INET6, address, &ret->in6.sin6_addr) == 1) {
		ret->in6.sin6_family = AF_INET6;
		return sizeof(ret->in6);
	}
	(void)fprintf(stderr, "net_attacks: %s is no address\n", address);
	exit(2);
}

static int new_socket(int family, int type, int protocol)
{
	const int fd = socket(family, type | SOCK_CLOEXEC, protocol);
	const struct timeval limit = {.tv_sec = 20};

	if (fd < 0)
		say("socket", fd);
	else
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	return fd;
}

static int tell(int fd)
{
	const struct timeval limit = {.tv_sec = 5};
	char answer[64];

	say("send", send(fd, text, sizeof(text), MSG_NOSIGNAL));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	say("recv", recv(fd, answer, sizeof(answer), 0));
	return 0;
}

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

	say("sendto", sendto(fd, text, sizeof(text), 0, &to.generic, len));
	return 0;
}

static int udp_sendmsg(char **argv)
{
	union any to;
	const socklen_t len = parse(argv[0], argv[1], &to);
	const int fd = new_socket(to.generic.sa_family, SOCK_DGRAM, 0);
	char copy[sizeof(text)];
	struct iovec part = {.iov_base = copy, .iov_len = sizeof(copy)};
	struct msghdr message = {
		.msg_name = &to, .msg_namelen = len, .msg_iov = &part, .msg_iovlen = 1};

	memcpy(copy, text, sizeof(copy));
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
	char copy[sizeof(text)];
	struct iovec part = {.iov_base = copy, .iov_len = sizeof(copy)};
	struct mmsghdr messages[2] = {{.msg_hdr = {.msg_name = &to[0],
						   .msg_namelen = len[0],
						   .msg_iov = &part,
						   .msg_iovlen = 1}},
				      {.msg_hdr = {.msg_name = &to[1],
						   .msg_namelen = len[1],
						   .msg_iov = &part,
						   .msg_iovlen = 1}}};

	memcpy(copy, text, sizeof(copy));
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
	say("sendto", sendto(fd, text, sizeof(text), 0, &to.generic, len));
	say("connect again", connect(fd, &to.generic, len));
	say("send", send(fd, text, sizeof(text), 0));
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
	say("sendto", sendto(fd, text, sizeof(text), 0, &to.generic, len));
	return 0;
}

static int fastopen(char **argv)
{
	union any to;
	const socklen_t len = parse(argv[0], argv[1], &to);
	const int fd = new_socket(to.generic.sa_family, SOCK_STREAM, 0);

	say("sendto",
	    sendto(fd, text, sizeof(text), MSG_FASTOPEN | MSG_NOSIGNAL, &to.generic, len));
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

static int ping_on(int type, char **argv)
{
	const struct icmphdr echo = {.type = ICMP_ECHO, .checksum = htons(0xf7ff)};
	union any to;
	const socklen_t len = parse(argv[0], "0", &to);
	const int fd = new_socket(AF_INET, type, IPPROTO_ICMP);

	say("sendto", sendto(fd, &echo, sizeof(echo), 0, &to.generic, len));
	return 0;
}

static int ping_raw(char **argv)
{
	return ping_on(SOCK_RAW, argv);
}

static int ping_datagram(char **argv)
{
	return ping_on(SOCK_DGRAM, argv);
}

/* Any protocol, header and all: here one that no host knows. */
static int raw(char **argv)
{
	union any to;
	const socklen_t len = parse(argv[0], "0", &to);
	const int fd = new_socket(AF_INET, SOCK_RAW, 253);

	say("sendto", sendto(fd, text, sizeof(text), 0, &to.generic, len));
	return 0;
}

/* Frames on every interface there is, past all routes. */
static int packet(char **argv)
{
	const int fd = new_socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
	struct if_nameindex *all = if_nameindex();
	unsigned char frame[64] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2,
				   0,	 0,    0,    0,	   1,	 0x88, 0xb5};

	(void)argv;
	memcpy(frame + 14, text, sizeof(text));
	for (int i = 0; all && all[i].if_index; i++) {
		union any to = {.ll = {.sll_family = AF_PACKET,
				       .sll_ifindex = (int)all[i].if_index,
				       .sll_halen = 6}};

		memset(to.ll.sll_addr, 0xff, 6);
		say(all[i].if_name,
		    sendto(fd, frame, sizeof(frame), 0, &to.generic, sizeof(to.ll)));
	}
	return 0;
}

/* FAMILY TYPE PROTOCOL: is there such a socket at all? Exit status 0 if so. */
static int family(char **argv)
{
	const int fd = new_socket((int)number(argv[0]), (int)number(argv[1]), (int)number(argv[2]));

	return fd < 0 ? 1 : 0;
}

/* A route back to where the world is: what changes the namespace needs a right that nobody inside
 * has. */
static int netlink(char **argv)
{
	struct {
		struct nlmsghdr head;
		struct ifaddrmsg body;
		struct rtattr attribute;
		struct in_addr address;
	} request = {
		.head = {.nlmsg_len = sizeof(request),
			 .nlmsg_type = RTM_NEWADDR,
			 .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE},
		.body = {.ifa_family = AF_INET, .ifa_prefixlen = 32, .ifa_index = 1},
		.attribute = {.rta_len = RTA_LENGTH(4), .rta_type = IFA_LOCAL}};

	struct {
		struct nlmsghdr head;
		struct nlmsgerr error;
		char rest[256];
	} answer = {0};

	const int fd = new_socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);

	(void)inet_pton(AF_INET, argv[0], &request.address);
	say("send", send(fd, &request, sizeof(request), 0));
	if (recv(fd, &answer, sizeof(answer), 0) < (ssize_t)sizeof(answer.head))
		return 1;
	errno = -answer.error.error;
	say("new address", errno ? -1 : 0);
	return errno ? 1 : 0;
}

/* PATH (@NAME: abstract): takes a socket from whoever listens there, and uses it. */
static int passed(char **argv)
{
	union any to = {.un = {.sun_family = AF_UNIX}};
	char byte, room[CMSG_SPACE(sizeof(int))];
	struct iovec part = {.iov_base = &byte, .iov_len = 1};
	struct msghdr message = {.msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = room,
				 .msg_controllen = sizeof(room)};
	const int fd = new_socket(AF_UNIX, SOCK_STREAM, 0);
	const size_t len = strlen(argv[0]);
	int given;

	if (len >= sizeof(to.un.sun_path))
		return 2;
	memcpy(to.un.sun_path, argv[0], len);
	if (to.un.sun_path[0] == '@')
		to.un.sun_path[0] = '\0';
	say("connect",
	    connect(fd, &to.generic, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)));
	say("recvmsg", recvmsg(fd, &message, 0));
	if (!CMSG_FIRSTHDR(&message))
		return 1;
	memcpy(&given, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(given));
	return tell(given);
}

/* Every descriptor that this process was born with. */
static int inherited(char **argv)
{
	(void)argv;
	for (int fd = 3; fd < 256; fd++)
		if (send(fd, text, sizeof(text), MSG_NOSIGNAL) > 0)
			printf("sent on %d\n", fd);
	return 0;
}

static const struct {
	const char *name;
	int args;
	int (*run)(char **argv);
} attacks[] = {
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
	{"ping-raw", 1, ping_raw},
	{"ping-datagram", 1, ping_datagram},
	{"raw", 1, raw},
	{"packet", 0, packet},
	{"family", 3, family},
	{"netlink", 1, netlink},
	{"passed", 1, passed},
	{"inherited", 0, inherited},
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < sizeof(attacks) / sizeof(attacks[0]); i++)
		if (strcmp(attacks[i].name, argv[1]) == 0 && argc == attacks[i].args + 2)
			return attacks[i].run(argv + 2);
	(void)fprintf(stderr, "net_attacks: no such attack, or not its arguments\n");
	return 2;
}
