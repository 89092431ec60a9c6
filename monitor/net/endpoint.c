/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/net/endpoint.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "common/ipv4.h"

static const uint8_t v4_prefix[12] = {[10] = 0xff, [11] = 0xff};

bool endpoint_is_v4(const struct endpoint *endpoint)
{
	return memcmp(endpoint->address, v4_prefix, sizeof(v4_prefix)) == 0;
}

bool endpoint_equal(const struct endpoint *a, const struct endpoint *b)
{
	return a->port == b->port && memcmp(a->address, b->address, sizeof(a->address)) == 0;
}

bool endpoint_is_loopback(const struct endpoint *endpoint)
{
	static const uint8_t unspecified[16];
	static const uint8_t loopback[16] = {[15] = 1};
	const uint8_t *v4 = endpoint->address + 12;

	if (endpoint_is_v4(endpoint))
		return v4[0] == 127 || memcmp(v4, unspecified, 4) == 0;
	return memcmp(endpoint->address, loopback, 16) == 0 ||
	       memcmp(endpoint->address, unspecified, 16) == 0;
}

socklen_t endpoint_to_socket(const struct endpoint *endpoint, union socket_address *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (endpoint_is_v4(endpoint)) {
		ret->in.sin_family = AF_INET;
		ret->in.sin_port = htons(endpoint->port);
		memcpy(&ret->in.sin_addr, endpoint->address + 12, 4);
		return sizeof(ret->in);
	}
	ret->in6.sin6_family = AF_INET6;
	ret->in6.sin6_port = htons(endpoint->port);
	memcpy(&ret->in6.sin6_addr, endpoint->address, 16);
	return sizeof(ret->in6);
}

bool endpoint_from_socket(const union socket_address *address, struct endpoint *ret)
{
	switch (address->generic.sa_family) {
	case AF_INET:
		memcpy(ret->address, v4_prefix, sizeof(v4_prefix));
		memcpy(ret->address + 12, &address->in.sin_addr, 4);
		ret->port = ntohs(address->in.sin_port);
		return true;
	case AF_INET6:
		memcpy(ret->address, &address->in6.sin6_addr, 16);
		ret->port = ntohs(address->in6.sin6_port);
		return true;
	default:
		return false;
	}
}

void endpoint_text(const struct endpoint *endpoint, char ret[ENDPOINT_TEXT])
{
	if (endpoint_is_v4(endpoint))
		(void)ipv4_text(endpoint->address + 12, ret);
	else
		(void)inet_ntop(AF_INET6, endpoint->address, ret, ENDPOINT_TEXT);
}

bool endpoint_parse(const char *text, struct endpoint *ret)
{
	uint8_t v4[4];

	if (inet_pton(AF_INET, text, v4) == 1) {
		memcpy(ret->address, v4_prefix, sizeof(v4_prefix));
		memcpy(ret->address + 12, v4, sizeof(v4));
		return true;
	}
	return inet_pton(AF_INET6, text, ret->address) == 1;
}

typedef int (*name_getter)(int fd, struct sockaddr *address, socklen_t *len);

static int endpoint_by(name_getter get, int socket_fd, struct endpoint *ret)
{
	union socket_address address = {0};
	socklen_t len = sizeof(address);

	if (get(socket_fd, &address.generic, &len) < 0)
		return -errno;
	return endpoint_from_socket(&address, ret) ? 0 : -EAFNOSUPPORT;
}

static int get_own(int fd, struct sockaddr *address, socklen_t *len)
{
	return getsockname(fd, address, len);
}

static int get_peer(int fd, struct sockaddr *address, socklen_t *len)
{
	return getpeername(fd, address, len);
}

int endpoint_of_socket(int socket_fd, struct endpoint *ret)
{
	return endpoint_by(get_own, socket_fd, ret);
}

int endpoint_of_peer(int socket_fd, struct endpoint *ret)
{
	return endpoint_by(get_peer, socket_fd, ret);
}
