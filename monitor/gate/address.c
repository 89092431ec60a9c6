/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/gate/address.h"

#include <errno.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "common/ipv4.h"

#define MIN_INET6_BYTES 24u /* SIN6_LEN_RFC2133: without a scope */

static bool is_outgoing(enum action_kind kind)
{
	return kind == ACTION_CONNECT || kind == ACTION_SEND;
}

/* "Any" as a destination is this machine. */
static bool is_loopback_v4(const uint8_t v4[4], enum action_kind kind)
{
	static const uint8_t any[4];

	return v4[0] == 127 || (is_outgoing(kind) && memcmp(v4, any, sizeof(any)) == 0);
}

static int decode_inet(const uint8_t *bytes, size_t len, enum action_kind kind, struct address *ret)
{
	struct sockaddr_in in;

	if (len < sizeof(in))
		return -EINVAL;
	memcpy(&in, bytes, sizeof(in));
	ret->family = "inet";
	(void)ipv4_text((const uint8_t *)&in.sin_addr, ret->text);
	ret->port = ntohs(in.sin_port);
	ret->loopback = is_loopback_v4((const uint8_t *)&in.sin_addr, kind);
	return 0;
}

static int decode_inet6(const uint8_t *bytes, size_t len, enum action_kind kind,
			struct address *ret)
{
	struct sockaddr_in6 in6 = {0};

	if (len < MIN_INET6_BYTES)
		return -EINVAL;
	memcpy(&in6, bytes, len < sizeof(in6) ? len : sizeof(in6));
	ret->port = ntohs(in6.sin6_port);
	const uint8_t *a = in6.sin6_addr.s6_addr;

	if (IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr)) {
		/* On the wire this is IPv4, and one address has one spelling. */
		ret->family = "inet";
		(void)ipv4_text(a + 12, ret->text);
		ret->loopback = is_loopback_v4(a + 12, kind);
		return 0;
	}
	ret->family = "inet6";
	(void)inet_ntop(AF_INET6, a, ret->text, sizeof(ret->text));
	ret->loopback = IN6_IS_ADDR_LOOPBACK(&in6.sin6_addr) ||
			(is_outgoing(kind) && IN6_IS_ADDR_UNSPECIFIED(&in6.sin6_addr));
	return 0;
}

static int decode_unix(const uint8_t *bytes, size_t len, enum action_kind kind, struct address *ret)
{
	const size_t head = offsetof(struct sockaddr_un, sun_path);
	const char *name = (const char *)bytes + head;

	if (len > sizeof(struct sockaddr_un) || (len == head && is_outgoing(kind)))
		return -EINVAL;
	ret->family = "unix";
	ret->loopback = true;
	if (len == head) /* bind(2) picks an abstract name; an unbound socket has none */
		return 0;
	const size_t max = len - head;

	if (name[0]) {
		ret->is_path = true;
		ret->path_len = strnlen(name, max);
		memcpy(ret->path, name, ret->path_len);
	} else {
		ret->path_len = max;
		memcpy(ret->path, name, max);
		ret->path[0] = '@';
	}
	ret->path[ret->path_len] = '\0';
	return 0;
}

static int decode_netlink(const uint8_t *bytes, size_t len, struct address *ret)
{
	struct sockaddr_nl nl;

	if (len < sizeof(nl))
		return -EINVAL;
	memcpy(&nl, bytes, sizeof(nl));
	ret->family = "netlink";
	ret->port = nl.nl_pid; /* 0: the kernel */
	ret->loopback = true;
	return 0;
}

int address_decode(const uint8_t *bytes, size_t len, enum action_kind kind, struct address *ret)
{
	sa_family_t family;

	memset(ret, 0, sizeof(*ret));
	ret->family = "other";
	if (len < sizeof(family) || len > MAX_ADDRESS_BYTES)
		return -EINVAL;
	memcpy(&family, bytes, sizeof(family));
	switch (family) {
	case AF_INET:
		return decode_inet(bytes, len, kind, ret);
	case AF_INET6:
		return decode_inet6(bytes, len, kind, ret);
	case AF_UNIX:
		return decode_unix(bytes, len, kind, ret);
	case AF_NETLINK:
		return decode_netlink(bytes, len, ret);
	case AF_UNSPEC:
		if (kind == ACTION_CONNECT)
			return ADDRESS_NONE;
		/* IPv4's sendto and bind take it for AF_INET (udp_sendmsg, __inet_bind). */
		if (decode_inet(bytes, len, kind, ret) < 0)
			ret->family = "other";
		return 0;
	default:
		return 0;
	}
}
