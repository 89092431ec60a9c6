/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/network/net_attacks.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/number.h"

void say(const char *what, long r)
{
	if (r < 0)
		printf("%s: %s\n", what, strerror(errno));
	else
		printf("%s: %ld\n", what, r);
}

socklen_t parse(const char *address, const char *port, union any *ret)
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

int new_socket(int family, int type, int protocol)
{
	const int fd = socket(family, type | SOCK_CLOEXEC, protocol);
	const struct timeval limit = {.tv_sec = 20};

	if (fd < 0)
		say("socket", fd);
	else
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	return fd;
}

int tell(int fd)
{
	const struct timeval limit = {.tv_sec = 5};
	char answer[64];

	say("send", send(fd, payload, sizeof(payload), MSG_NOSIGNAL));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	say("recv", recv(fd, answer, sizeof(answer), 0));
	return 0;
}

static const struct net_attack *find(const char *name)
{
	for (const struct net_attack *a = inet_attacks; a->name; a++)
		if (strcmp(a->name, name) == 0)
			return a;
	for (const struct net_attack *a = other_attacks; a->name; a++)
		if (strcmp(a->name, name) == 0)
			return a;
	return NULL;
}

int main(int argc, char **argv)
{
	const struct net_attack *attack = argc > 1 ? find(argv[1]) : NULL;

	if (attack && argc == attack->args + 2)
		return attack->run(argv + 2);
	(void)fprintf(stderr, "net_attacks: no such attack, or not its arguments\n");
	return 2;
}
