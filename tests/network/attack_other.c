/* SPDX-License-Identifier: Apache-2.0 */
/* By ICMP, raw packets, other families, and sockets that were not made here. */
#include <arpa/inet.h>
#include <errno.h>
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

#include "tests/network/net_attacks.h"
#include "tests/support/number.h"

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

	say("sendto", sendto(fd, payload, sizeof(payload), 0, &to.generic, len));
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
	memcpy(frame + 14, payload, sizeof(payload));
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
		if (send(fd, payload, sizeof(payload), MSG_NOSIGNAL) > 0)
			printf("sent on %d\n", fd);
	return 0;
}

const struct net_attack other_attacks[] = {
	{"ping-raw", 1, ping_raw},
	{"ping-datagram", 1, ping_datagram},
	{"raw", 1, raw},
	{"packet", 0, packet},
	{"family", 3, family},
	{"netlink", 1, netlink},
	{"passed", 1, passed},
	{"inherited", 0, inherited},
	{0},
};
