/* SPDX-License-Identifier: Apache-2.0 */
/* Reaching a listener outside, by every address there is, and making a way out. */
#include <arpa/inet.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "tools/prove/probes/attempt.h"

/* Connects and sends a byte: the runner takes that for reached. */
static int reach(int family, int type, const void *address, socklen_t len)
{
	const int socket_fd = socket(family, type | SOCK_CLOEXEC, 0);
	int r;

	if (socket_fd < 0)
		return errno;
	r = outcome(connect(socket_fd, address, len));
	if (!r)
		r = outcome(send(socket_fd, "x", 1, MSG_NOSIGNAL));
	(void)close(socket_fd);
	return r;
}

static struct sockaddr_in v4(uint32_t host, int port)
{
	return (struct sockaddr_in){.sin_family = AF_INET,
				    .sin_port = htons((uint16_t)port),
				    .sin_addr.s_addr = htonl(host)};
}

static struct sockaddr_in6 mapped(int port)
{
	struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};

	(void)inet_pton(AF_INET6, "::ffff:127.0.0.1", &to.sin6_addr);
	return to;
}

static int tcp(const struct arena *a)
{
	const struct sockaddr_in to = v4(INADDR_LOOPBACK, a->port);

	return reach(AF_INET, SOCK_STREAM, &to, sizeof(to));
}

static int tcp_any(const struct arena *a)
{
	const struct sockaddr_in to = v4(INADDR_ANY, a->port);

	return reach(AF_INET, SOCK_STREAM, &to, sizeof(to));
}

static int tcp_mapped(const struct arena *a)
{
	const struct sockaddr_in6 to = mapped(a->port);

	return reach(AF_INET6, SOCK_STREAM, &to, sizeof(to));
}

/* Fast open connects by sendto: connect(2) is never called. */
static int tcp_fast_open(const struct arena *a)
{
	const struct sockaddr_in to = v4(INADDR_LOOPBACK, a->port);
	const int socket_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const int r = outcome(sendto(socket_fd, "x", 1, MSG_FASTOPEN | MSG_NOSIGNAL,
				     (const struct sockaddr *)&to, sizeof(to)));

	(void)close(socket_fd);
	return r;
}

/* Nobody tells whether a datagram arrived: the listener does. */
static int sent(int socket_fd, long r)
{
	const int result = outcome(r);

	(void)close(socket_fd);
	return result;
}

static int udp(const struct arena *a)
{
	const struct sockaddr_in to = v4(INADDR_LOOPBACK, a->port);
	const int socket_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	return sent(socket_fd,
		    sendto(socket_fd, "x", 1, 0, (const struct sockaddr *)&to, sizeof(to)));
}

static int udp_sendmmsg(const struct arena *a)
{
	struct sockaddr_in to = v4(INADDR_LOOPBACK, a->port);
	char byte = 'x';
	struct iovec part = {&byte, 1};
	struct mmsghdr many[2] = {{.msg_hdr = {.msg_name = &to,
					       .msg_namelen = sizeof(to),
					       .msg_iov = &part,
					       .msg_iovlen = 1}}};
	const int socket_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	many[1] = many[0];
	return sent(socket_fd, sendmmsg(socket_fd, many, 2, 0));
}

static int unix_socket(const char *name, socklen_t len)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};

	memcpy(to.sun_path, name, len);
	return reach(AF_UNIX, SOCK_STREAM, &to,
		     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
}

static int unix_abstract(const struct arena *a)
{
	char name[sizeof(a->abstract) + 1] = "";

	memcpy(name + 1, a->abstract, strlen(a->abstract));
	return unix_socket(name, (socklen_t)strlen(a->abstract) + 1);
}

static int unix_in(const char *folder)
{
	char path[PATH_BYTES];

	joined(path, folder, "sock");
	return unix_socket(path, (socklen_t)strlen(path) + 1);
}

static int unix_away(const struct arena *a)
{
	return unix_in(a->away);
}

static int unix_in_workspace(const struct arena *a)
{
	return unix_in(a->work);
}

static int unix_in_bind(const struct arena *a)
{
	return unix_in(a->bound);
}

/* An ordinary user's supervisor cannot read the address in a process that is not dumpable. */
static int unix_in_bind_unseen(const struct arena *a)
{
	if (prctl(PR_SET_DUMPABLE, 0) < 0)
		return ATTEMPT_BROKEN;
	return unix_in(a->bound);
}

/* A datagram to ourselves: that must work with all of the above refused. */
static int own_datagram(const struct arena *a)
{
	struct sockaddr_in at = v4(INADDR_LOOPBACK, 0);
	socklen_t len = sizeof(at);
	char byte = 0;
	const int socket_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int r = ATTEMPT_BROKEN;

	(void)a;
	if (bind(socket_fd, (const struct sockaddr *)&at, sizeof(at)) == 0 &&
	    getsockname(socket_fd, (struct sockaddr *)&at, &len) == 0)
		r = outcome(sendto(socket_fd, "x", 1, 0, (const struct sockaddr *)&at, len));
	if (!r && recv(socket_fd, &byte, 1, 0) != 1)
		r = ATTEMPT_BROKEN;
	(void)close(socket_fd);
	return r;
}

static int outside_address(const struct arena *a)
{
	const struct sockaddr_in to = v4(0xa9fea9feu, 80); /* 169.254.169.254 */

	(void)a;
	return reach(AF_INET, SOCK_STREAM, &to, sizeof(to));
}

/* Asks the kernel for a new dummy link, and for its answer. */
static int make_link(const struct arena *a)
{
	struct {
		struct nlmsghdr head;
		struct ifinfomsg link;
		char attributes[32];
	} ask = {.head = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct ifinfomsg)),
			  .nlmsg_type = RTM_DELLINK,
			  .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK},
		 .link = {.ifi_family = AF_UNSPEC, .ifi_index = 0x7ffffff}};

	struct {
		struct nlmsghdr head;
		struct nlmsgerr error;
		char rest[256];
	} answer = {0};

	const int netlink_fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	int r = ATTEMPT_BROKEN;

	(void)a;
	if (netlink_fd >= 0 && send(netlink_fd, &ask, ask.head.nlmsg_len, 0) > 0 &&
	    recv(netlink_fd, &answer, sizeof(answer), 0) > 0)
		r = -answer.error.error;
	(void)close(netlink_fd);
	/* There is no such link: who may ask is told so. */
	return r == ENODEV ? 0 : r;
}

static int take_loopback_down(const struct arena *a)
{
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = 0};
	const int socket_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	const int r = outcome(ioctl(socket_fd, SIOCSIFFLAGS, &request));

	(void)a;
	(void)close(socket_fd);
	return r;
}

static int raw_socket(const struct arena *a)
{
	(void)a;
	return closed(socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP));
}

static int udp_socket(const struct arena *a)
{
	(void)a;
	return closed(socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
}

static int packet_socket(const struct arena *a)
{
	(void)a;
	return closed(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
}

/* Families with a history, and those that reach past the network namespace. */
static int odd_families(const struct arena *a)
{
	static const int families[] = {AF_ALG,	AF_VSOCK, AF_PACKET,	AF_KEY,	    AF_CAN, AF_RDS,
				       AF_TIPC, AF_XDP,	  AF_BLUETOOTH, AF_QIPCRTR, AF_NFC, AF_KCM};
	static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_RAW, SOCK_SEQPACKET};
	int r = EAFNOSUPPORT;

	(void)a;
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		for (size_t k = 0; k < sizeof(types) / sizeof(types[0]); k++) {
			const int socket_fd = socket(families[i], types[k], 0);

			if (socket_fd < 0 && errno == EAFNOSUPPORT)
				continue;
			/* Any other errno comes from within the family. */
			r = 0;
			(void)close(socket_fd);
		}
	return r;
}

static int audit_netlink(const struct arena *a)
{
	(void)a;
	return closed(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 9));
}

static int route_netlink(const struct arena *a)
{
	(void)a;
	return closed(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
}

#define NET "network namespace with only lo"

const struct row network_rows[] = {
	ROW("network.tcp", "27,29", NET, tcp, .twin = own_datagram, .effect = EFFECT_REACHED,
	    .expect = {ECONNREFUSED}, .control = CONTROL_HOST),
	ROW("network.tcp-any", "27", NET, tcp_any, .effect = EFFECT_REACHED,
	    .expect = {ECONNREFUSED, EPERM}, .control = CONTROL_HOST),
	ROW("network.tcp-mapped", "27", NET, tcp_mapped, .effect = EFFECT_REACHED,
	    .expect = {ECONNREFUSED, EPERM}, .control = CONTROL_HOST),
	ROW("network.tcp-fast-open", "27", NET, tcp_fast_open, .effect = EFFECT_REACHED,
	    .expect = {ECONNREFUSED}, .control = CONTROL_HOST),
	ROW("network.udp", "27", NET, udp, .effect = EFFECT_REACHED, .control = CONTROL_HOST),
	ROW("network.udp-sendmmsg", "14,27", NET, udp_sendmmsg, .effect = EFFECT_REACHED,
	    .control = CONTROL_HOST),
	ROW("network.metadata", "29", "the gate; " NET, outside_address, .twin = own_datagram,
	    .expect = {EPERM, EACCES, ENETUNREACH}),
	ROW("network.unix-abstract", "25", NET, unix_abstract, .twin = own_datagram,
	    .effect = EFFECT_REACHED, .expect = {ECONNREFUSED, EPERM}, .control = CONTROL_HOST),
	ROW("network.unix-path", "25", "mount namespace", unix_away, .twin = own_datagram,
	    .effect = EFFECT_REACHED, .expect = {ENOENT}, .control = CONTROL_HOST),
	ROW("network.unix-workspace", "25", "overlay", unix_in_workspace, .twin = own_datagram,
	    .effect = EFFECT_REACHED, .control = CONTROL_HOST),
	ROW("network.unix-bind", "25", "the gate", unix_in_bind, .twin = own_datagram,
	    .effect = EFFECT_REACHED, .expect = {EPERM}, .control = CONTROL_HOST),
	ROW("network.unix-bind-unseen", "11,25", "the gate", unix_in_bind_unseen,
	    .twin = own_datagram, .effect = EFFECT_REACHED, .expect = {EPERM, EACCES},
	    .control = CONTROL_HOST),
	ROW("network.unix-workspace-ro", "25", "the gate", unix_in_workspace, .twin = own_datagram,
	    .effect = EFFECT_REACHED, .expect = {EPERM}, .control = CONTROL_HOST, .flags = ROW_RO),
	ROW("network.link", "23,27", "no capabilities", make_link, .twin = route_netlink,
	    .expect = {EPERM}, .control = CONTROL_BARE),
	ROW("network.loopback-down", "23,27", "no capabilities", take_loopback_down,
	    .twin = udp_socket, .expect = {EPERM}, .control = CONTROL_BARE),
	ROW("network.raw", "27", "no capabilities", raw_socket, .twin = udp_socket,
	    .expect = {EPERM}, .control = CONTROL_BARE),
	ROW("network.packet", "26", "seccomp", packet_socket, .twin = udp_socket,
	    .expect = {EAFNOSUPPORT}, .control = CONTROL_BARE),
	ROW("network.families", "26", "seccomp", odd_families, .twin = udp_socket,
	    .expect = {EAFNOSUPPORT}, .control = CONTROL_BARE),
	ROW("network.netlink-audit", "26", "seccomp", audit_netlink, .twin = route_netlink,
	    .expect = {EAFNOSUPPORT}, .control = CONTROL_BARE),
	{0},
};
