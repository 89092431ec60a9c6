/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The session's network: `lo`, and no way out.
 *
 * With NET_RELAY and NET_DECOY the whole address space is local to it (`ip route add local
 * 0.0.0.0/0 dev lo` and the same for IPv6): a connection to any address ends at whoever listens
 * there in this namespace, which is the supervisor, by sockets that it has the init make.
 * getsockname(2) of what it accepts is the address that was meant. Sources: ip-route(8), type
 * local; rtnetlink(7).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "common/cleanup.h"
#include "sandbox/launch.h"

#define LOOPBACK_INDEX 1 /* of `lo`, the first of any network namespace */
#define BACKLOG	       1024

int net_loopback_up(struct launch *l, struct error *err)
{
	static const char *const layers[] = {
		[NET_NONE] = "net=lo only",
		[NET_RELAY] = "net=relay",
		[NET_DECOY] = "net=decoy",
	};
	struct ifreq request = {.ifr_flags = IFF_UP | IFF_RUNNING};
	_cleanup_close_ int socket_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	memcpy(request.ifr_name, "lo", sizeof("lo"));
	if (socket_fd < 0 || ioctl(socket_fd, SIOCSIFFLAGS, &request) < 0)
		return error_errno(err, errno, "bring up the session's loopback interface");
	launch_say(l, "%s", layers[l->spec.net]);
	return 0;
}

/* ---- every address is local ---- */

/* One rtnetlink request with what any of ours needs. */
struct request {
	struct nlmsghdr head;

	union {
		struct rtmsg route;
		struct ifaddrmsg address;
	};

	char attributes[128];
};

static void add_attribute(struct request *request, unsigned short type, const void *data,
			  size_t len)
{
	const size_t at = NLMSG_ALIGN(request->head.nlmsg_len);
	const struct rtattr attribute = {.rta_len = (unsigned short)RTA_LENGTH(len),
					 .rta_type = type};
	char *to = (char *)request + at;

	memcpy(to, &attribute, sizeof(attribute));
	memcpy(to + RTA_LENGTH(0), data, len);
	request->head.nlmsg_len = (uint32_t)(at + RTA_SPACE(len));
}

/* Return: 0, or the negative errno of the kernel's answer. */
static int carry_out(int netlink_fd, struct request *request)
{
	struct {
		struct nlmsghdr head;
		struct nlmsgerr result;
		char rest[256];
	} answer = {0};

	request->head.nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	if (send(netlink_fd, request, request->head.nlmsg_len, 0) < 0 ||
	    recv(netlink_fd, &answer, sizeof(answer), 0) < (ssize_t)NLMSG_LENGTH(sizeof(int)))
		return -errno;
	return answer.head.nlmsg_type == NLMSG_ERROR ? answer.result.error : -EPROTO;
}

static size_t address_size(int family)
{
	return family == AF_INET ? sizeof(struct in_addr) : sizeof(struct in6_addr);
}

/* Resolvers ask for a family only if the host has an address of it that is not loopback. */
static int add_address(int netlink_fd, int family, const void *address)
{
	const size_t size = address_size(family);
	struct request request = {
		.head = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct ifaddrmsg)),
			 .nlmsg_type = RTM_NEWADDR,
			 .nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL},
		.address = {.ifa_family = (unsigned char)family,
			    .ifa_prefixlen = (unsigned char)(8 * size),
			    .ifa_flags = family == AF_INET6 ? IFA_F_NODAD : 0,
			    .ifa_index = LOOPBACK_INDEX},
	};

	add_attribute(&request, IFA_LOCAL, address, size);
	add_attribute(&request, IFA_ADDRESS, address, size);
	return carry_out(netlink_fd, &request);
}

/* @source: what connections come from, or each would come from where it goes to. */
static int add_route(int netlink_fd, int family, const void *source)
{
	static const int32_t loopback = LOOPBACK_INDEX;
	struct request request = {
		.head = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct rtmsg)),
			 .nlmsg_type = RTM_NEWROUTE,
			 .nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL},
		.route = {.rtm_family = (unsigned char)family,
			  .rtm_table = RT_TABLE_LOCAL,
			  .rtm_protocol = RTPROT_BOOT,
			  .rtm_scope = RT_SCOPE_HOST,
			  .rtm_type = RTN_LOCAL},
	};

	add_attribute(&request, RTA_OIF, &loopback, sizeof(loopback));
	add_attribute(&request, RTA_PREFSRC, source, address_size(family));
	return carry_out(netlink_fd, &request);
}

static int make_local(int netlink_fd, int family, const char *own)
{
	unsigned char address[sizeof(struct in6_addr)];
	int r;

	(void)inet_pton(family, own, address);
	r = add_address(netlink_fd, family, address);
	return r < 0 ? r : add_route(netlink_fd, family, address);
}

static int write_setting(const char *path, const char *value)
{
	_cleanup_close_ int file_fd = open(path, O_WRONLY | O_CLOEXEC);

	return file_fd < 0 || write(file_fd, value, strlen(value)) < 0 ? -errno : 0;
}

static int set_up_ipv4(void)
{
	/* There is no path to measure and nothing is lost: what paces as it measures, as BBR does,
	 * would only cost time. */
	(void)write_setting("/proc/sys/net/ipv4/tcp_congestion_control", "reno");
	/* Servers that the session starts may have any port, as in a machine of its own. */
	return write_setting("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0");
}

int net_make_local(struct launch *l, struct error *err)
{
	int r;

	if (l->spec.net == NET_NONE)
		return 0;
	_cleanup_close_ int netlink_fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (netlink_fd < 0)
		return error_errno(err, errno, "open a socket for routes");
	r = make_local(netlink_fd, AF_INET, SPEC_NET_ADDRESS);
	if (r < 0)
		return error_errno(err, r, "make all IPv4 addresses local to the session");
	r = make_local(netlink_fd, AF_INET6, SPEC_NET_ADDRESS6);
	if (r < 0)
		return error_errno(err, r, "make all IPv6 addresses local to the session");
	r = set_up_ipv4();
	return r < 0 ? error_errno(err, r, "let the session's servers have ports below 1024") : 0;
}

/* ---- sockets for the supervisor ---- */

union socket_name {
	struct sockaddr generic;
	struct sockaddr_in inet;
	struct sockaddr_in6 inet6;
};

static socklen_t parse_name(const char *address, uint16_t port, union socket_name *ret)
{
	*ret = (union socket_name){0};
	if (inet_pton(AF_INET, address, &ret->inet.sin_addr) == 1) {
		ret->inet.sin_family = AF_INET;
		ret->inet.sin_port = htons(port);
		return sizeof(ret->inet);
	}
	if (inet_pton(AF_INET6, address, &ret->inet6.sin6_addr) == 1) {
		ret->inet6.sin6_family = AF_INET6;
		ret->inet6.sin6_port = htons(port);
		return sizeof(ret->inet6);
	}
	return 0;
}

static int set_option(int socket_fd, int level, int name)
{
	const int on = 1;

	return setsockopt(socket_fd, level, name, &on, sizeof(on)) < 0 ? -errno : 0;
}

static int prepare(int socket_fd, enum socket_kind kind, int family)
{
	int r = 0;

	if (family == AF_INET6)
		r = set_option(socket_fd, IPPROTO_IPV6, IPV6_V6ONLY);
	if (!r && kind == SOCKET_LISTEN)
		r = set_option(socket_fd, SOL_SOCKET, SO_REUSEADDR);
	/* For IPv6 a local route alone does not make an address one to bind to. */
	if (!r && kind != SOCKET_CONNECT && family == AF_INET6)
		r = set_option(socket_fd, IPPROTO_IPV6, IPV6_FREEBIND);
	if (!r && kind == SOCKET_DATAGRAM)
		r = family == AF_INET ? set_option(socket_fd, IPPROTO_IP, IP_PKTINFO)
				      : set_option(socket_fd, IPPROTO_IPV6, IPV6_RECVPKTINFO);
	return r;
}

static int diag_socket(void)
{
	const int socket_fd =
		socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG);

	return socket_fd < 0 ? -errno : socket_fd;
}

int net_socket(enum socket_kind kind, const char *address, uint16_t port)
{
	union socket_name name;
	const socklen_t len = parse_name(address, port, &name);
	const int type = kind == SOCKET_DATAGRAM ? SOCK_DGRAM : SOCK_STREAM;
	int r;

	if (kind == SOCKET_DIAG)
		return diag_socket();
	if (!len || kind > SOCKET_CONNECT)
		return -EINVAL;
	_cleanup_close_ int socket_fd =
		socket(name.generic.sa_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (socket_fd < 0)
		return -errno;
	r = prepare(socket_fd, kind, name.generic.sa_family);
	if (r < 0)
		return r;
	if (kind == SOCKET_CONNECT)
		r = connect(socket_fd, &name.generic, len);
	else
		r = bind(socket_fd, &name.generic, len);
	if (r == 0 && kind == SOCKET_LISTEN)
		r = listen(socket_fd, BACKLOG);
	return r < 0 && errno != EINPROGRESS ? -errno : take_fd(&socket_fd);
}
