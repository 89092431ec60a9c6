/* SPDX-License-Identifier: Apache-2.0 */
/* Races over where a connection goes: its address, and the socket that it is made with. */
#include "tools/prove/probes/race.h"

#include <netinet/in.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/un.h>

static void exchange_address(struct race *race, unsigned turn)
{
	struct sockaddr_un *address = (struct sockaddr_un *)race->address;

	/* The first letter after the NUL of an abstract name. */
	((volatile char *)address->sun_path)[1] = turn ? 'c' : 'd';
}

/* 1: our own socket (its name starts with d), 0: the one outside. */
static int try_connect(struct race *race)
{
	const int socket_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un peer = {0};
	socklen_t len = sizeof(peer);
	int r = connect(socket_fd, race->address, race->address_len);

	if (r == 0)
		(void)getpeername(socket_fd, (struct sockaddr *)&peer, &len);
	if (r == 0 && peer.sun_path[1] != 'd')
		(void)send(socket_fd, "x", 1, MSG_NOSIGNAL);
	r = r < 0 ? 2 : peer.sun_path[1] == 'd';
	(void)close(socket_fd);
	return r;
}

/* A socket of our own, whose abstract name differs from that of the one outside by a letter. */
static struct race *race_beside_own_socket(const struct arena *a)
{
	struct race *race = race_new(a);
	struct sockaddr_un *address = race_shared(sizeof(*address));
	const int server_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (!race || !address)
		return NULL;
	address->sun_family = AF_UNIX;
	memcpy(address->sun_path + 1, a->abstract, strlen(a->abstract));
	race->address_len =
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(a->abstract));
	address->sun_path[1] = 'd';
	race->address = (struct sockaddr *)address;
	return bind(server_fd, race->address, race->address_len) < 0 ? NULL : race;
}

static int address_by_thread(const struct arena *a)
{
	struct race *race = race_beside_own_socket(a);

	if (!race)
		return ATTEMPT_BROKEN;
	race->exchange = exchange_address;
	race->try = try_connect;
	return race_run(race, false);
}

static void exchange_socket(struct race *race, unsigned turn)
{
	(void)dup2(race->fds[turn], race->swapped_fd);
}

/*
 * To the socket of a process outside, by a descriptor that is now a UNIX socket and now one for
 * which that address means nothing. How our own datagram socket answers the same descriptor tells
 * which of the two it was: for a stream socket nobody listens there (1), the other is of the wrong
 * family.
 */
static int try_swapped(struct race *race)
{
	struct sockaddr_un outside = {.sun_family = AF_UNIX};

	memcpy(outside.sun_path, race->link, strlen(race->link));
	if (connect(race->swapped_fd, (const struct sockaddr *)&outside, sizeof(outside)) == 0)
		return 0;
	if (connect(race->swapped_fd, race->address, race->address_len) == 0)
		return ATTEMPT_BROKEN;
	return errno == ECONNREFUSED ? 1 : 2;
}

static int socket_by_dup(const struct arena *a)
{
	struct race *race = race_beside_own_socket(a);

	if (!race)
		return ATTEMPT_BROKEN;
	joined(race->link, a->bound, "sock");
	race->fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	race->fds[1] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	race->swapped_fd = dup(race->fds[0]);
	race->exchange = exchange_socket;
	race->try = try_swapped;
	return race->swapped_fd < 0 ? ATTEMPT_BROKEN : race_run(race, false);
}

const struct row race_connect_rows[] = {
	RACE_ROW("race.connect-address", "1", "network namespace with only lo", address_by_thread,
		 EFFECT_REACHED, 0),
	RACE_ROW("race.connect-dup2", "3", "the gate goes by the address", socket_by_dup,
		 EFFECT_REACHED, 0),
	{0},
};
