/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Which addresses are this host's: those of its interfaces, and what else its routes say is
 * delivered here. The agents of some clouds add the addresses of load balancers so, and no
 * interface has them.
 */

#include <errno.h>
#include <ifaddrs.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "monitor/net/endpoint.h"
#include "monitor/net/upstream_address.h"

#ifndef NETLINK_GET_STRICT_CHK
#define NETLINK_GET_STRICT_CHK 12 /* Linux 4.20 */
#endif

#define ANSWER_BYTES (32u << 10) /* at least what the kernel puts into one message of a dump */
#define MORE	     1

struct own_list {
	struct cidr *nets;
	size_t count;
};

static void add(struct own_list *list, const struct endpoint *at, uint8_t bits)
{
	struct cidr *net;

	/* Loopback is a range of its own. */
	if (endpoint_is_loopback(at))
		return;
	list->nets = xrealloc_array(list->nets, list->count + 1, sizeof(*list->nets));
	net = &list->nets[list->count++];
	memcpy(net->address, at->address, sizeof(net->address));
	net->bits = bits;
}

/* ---- of its interfaces ---- */

static bool of_interface(const struct ifaddrs *one, struct endpoint *ret)
{
	union socket_address address = {0};

	if (!one->ifa_addr)
		return false;
	switch (one->ifa_addr->sa_family) {
	case AF_INET:
		memcpy(&address.in, one->ifa_addr, sizeof(address.in));
		break;
	case AF_INET6:
		memcpy(&address.in6, one->ifa_addr, sizeof(address.in6));
		break;
	default:
		return false;
	}
	return endpoint_from_socket(&address, ret);
}

static int add_interfaces(struct own_list *list)
{
	struct ifaddrs *all;

	if (getifaddrs(&all) < 0)
		return -errno;
	for (const struct ifaddrs *one = all; one; one = one->ifa_next) {
		struct endpoint found;

		if (of_interface(one, &found))
			add(list, &found, 128);
	}
	freeifaddrs(all);
	return 0;
}

/* ---- of its routes ---- */

static void add_destination(struct own_list *list, const struct rtmsg *route,
			    struct rtattr *destination)
{
	union socket_address address = {.generic.sa_family = route->rtm_family};
	struct endpoint at;

	if (route->rtm_family == AF_INET && RTA_PAYLOAD(destination) == sizeof(address.in.sin_addr))
		memcpy(&address.in.sin_addr, RTA_DATA(destination), sizeof(address.in.sin_addr));
	else if (route->rtm_family == AF_INET6 &&
		 RTA_PAYLOAD(destination) == sizeof(address.in6.sin6_addr))
		memcpy(&address.in6.sin6_addr, RTA_DATA(destination),
		       sizeof(address.in6.sin6_addr));
	else
		return;
	if (endpoint_from_socket(&address, &at))
		add(list, &at,
		    (uint8_t)(route->rtm_dst_len + (route->rtm_family == AF_INET ? 96 : 0)));
}

/*
 * Of the table that every packet is looked up in first: in others such routes are for packets that
 * a proxy has marked. One without a destination takes all that there is, and tells nothing.
 */
static void add_route(struct own_list *list, struct nlmsghdr *message)
{
	const struct rtmsg *route = NLMSG_DATA(message);
	struct rtattr *one;

	if (message->nlmsg_len < NLMSG_LENGTH(sizeof(*route)) ||
	    route->rtm_table != RT_TABLE_LOCAL || !route->rtm_dst_len ||
	    (route->rtm_type != RTN_LOCAL && route->rtm_type != RTN_ANYCAST))
		return;
	for (size_t at = NLMSG_SPACE(sizeof(*route)); at + sizeof(*one) <= message->nlmsg_len;
	     at += RTA_ALIGN(one->rta_len)) {
		one = (void *)((char *)message + at);
		if (one->rta_len < sizeof(*one) || one->rta_len > message->nlmsg_len - at)
			return;
		if (one->rta_type == RTA_DST)
			add_destination(list, route, one);
	}
}

static int error_of(struct nlmsghdr *message)
{
	const struct nlmsgerr *result = NLMSG_DATA(message);

	if (message->nlmsg_len < NLMSG_LENGTH(sizeof(*result)))
		return -EPROTO;
	/* There is no such table: of that family nothing is routed. */
	return result->error == -ENOENT || result->error == -EOPNOTSUPP ? 0 : result->error;
}

/* Return: MORE, 0 at the end, or a negative errno. */
static int read_answer(struct own_list *list, int netlink_fd, void *room)
{
	const ssize_t n = recv(netlink_fd, room, ANSWER_BYTES, 0);
	struct nlmsghdr *message = room;
	size_t left = n > 0 ? (size_t)n : 0;

	if (n < 0)
		return errno == EINTR ? MORE : -errno;
	for (; NLMSG_OK(message, left); message = NLMSG_NEXT(message, left)) {
		if (message->nlmsg_type == NLMSG_DONE)
			return 0;
		if (message->nlmsg_type == NLMSG_ERROR)
			return error_of(message);
		if (message->nlmsg_type == RTM_NEWROUTE)
			add_route(list, message);
	}
	return n ? MORE : -EPROTO;
}

static int add_routes(struct own_list *list, int family)
{
	const int on = 1;

	struct {
		struct nlmsghdr head;
		struct rtmsg route;
	} request = {
		.head = {.nlmsg_len = sizeof(request),
			 .nlmsg_type = RTM_GETROUTE,
			 .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
		.route = {.rtm_family = (unsigned char)family, .rtm_table = RT_TABLE_LOCAL},
	};

	_cleanup_free_ void *room = xcalloc(1, ANSWER_BYTES);
	_cleanup_close_ int netlink_fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	int r = MORE;

	if (netlink_fd < 0)
		return -errno;
	/* The kernel leaves out other tables then, which may be long; else it is done here. */
	(void)setsockopt(netlink_fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
	if (send(netlink_fd, &request, sizeof(request), 0) < 0)
		return -errno;
	while (r == MORE)
		r = read_answer(list, netlink_fd, room);
	return r;
}

int upstream_own_addresses(struct cidr **ret, size_t *ret_count, struct error *err)
{
	struct own_list list = {0};
	int r = add_interfaces(&list);

	if (r == 0)
		r = add_routes(&list, AF_INET);
	if (r == 0)
		r = add_routes(&list, AF_INET6);
	if (r < 0) {
		free(list.nets);
		return error_errno(err, r, "ask for the addresses of this host");
	}
	*ret = list.nets;
	*ret_count = list.count;
	return 0;
}
