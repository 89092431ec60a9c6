/* SPDX-License-Identifier: Apache-2.0 */
/* Races over where a connection goes: its address, and the socket that it is made with. */
#include "tools/prove/probes/race.h"

#include <netinet/in.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
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
	const int socket_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un peer = {0};
	socklen_t len = sizeof(peer);
	int r = connect(socket_fd, race->address, race->address_len);

	if (r == 0)
		(void)getpeername(socket_fd, (struct sockaddr *)&peer, &len);
	r = r < 0 ? 2 : peer.sun_path[1] == 'd';
	(void)close(socket_fd);
	(void)close(accept4(race->fds[0], NULL, NULL, SOCK_CLOEXEC));
	return r;
}

/* The abstract name of the socket outside, but for a letter. */
static struct race *race_by_name(const struct arena *a, char letter)
{
	struct race *race = race_new(a);
	struct sockaddr_un *address = race_shared(sizeof(*address));

	if (!race || !address)
		return NULL;
	address->sun_family = AF_UNIX;
	memcpy(address->sun_path + 1, a->abstract, strlen(a->abstract));
	race->address_len =
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(a->abstract));
	address->sun_path[1] = letter;
	race->address = (struct sockaddr *)address;
	return race;
}

static int serve(const struct sockaddr *at, socklen_t len)
{
	const int server_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return bind(server_fd, at, len) < 0 || listen(server_fd, 64) < 0 ? -1 : server_fd;
}

static int address_by_thread(const struct arena *a)
{
	struct race *race = race_by_name(a, 'd');

	if (!race)
		return ATTEMPT_BROKEN;
	race->fds[0] = serve(race->address, race->address_len);
	race->exchange = exchange_address;
	race->try = try_connect;
	return race->fds[0] < 0 ? ATTEMPT_BROKEN : race_run(race, false);
}

static void exchange_socket(struct race *race, unsigned turn)
{
	(void)dup2(race->fds[turn], race->swapped_fd);
}

/*
 * To the socket of a process outside, by a descriptor that is now a UNIX socket and now one for
 * which that address means nothing. What a name that nobody has comes to by the same descriptor
 * tells which of the two it was: nobody listens there (1), or it is of the wrong family.
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

static bool open_both(struct race *race)
{
	race->fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	race->fds[1] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	race->swapped_fd = dup(race->fds[0]);
	return race->swapped_fd >= 0;
}

static int socket_by_dup(const struct arena *a)
{
	struct race *race = race_by_name(a, 'e');

	if (!race || !open_both(race))
		return ATTEMPT_BROKEN;
	joined(race->link, a->bound, "sock");
	race->exchange = exchange_socket;
	race->try = try_swapped;
	return race_run(race, false);
}

/* ---- a socket of the host in a folder that is shown read-only ---- */

/* Is it connected to the one outside? Its server's name ends in /sock, our own server's in /own. */
static bool has_reached(int socket_fd)
{
	static const char end[] = "/sock";
	struct sockaddr_un peer = {0};
	socklen_t len = sizeof(peer);

	if (getpeername(socket_fd, (struct sockaddr *)&peer, &len) < 0)
		return false;
	len = (socklen_t)strnlen(peer.sun_path, sizeof(peer.sun_path));
	return len >= sizeof(end) &&
	       strncmp(peer.sun_path + len - strlen(end), end, strlen(end)) == 0;
}

/* 1: our own, 0: the one outside. */
static int try_name(struct race *race)
{
	const int socket_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int r = connect(socket_fd, race->address, race->address_len) < 0 ? 2 : 1;

	if (has_reached(socket_fd))
		r = 0;
	(void)close(socket_fd);
	(void)close(accept4(race->fds[0], NULL, NULL, SOCK_CLOEXEC));
	return r;
}

/* Two links: m leads to a server of our own, n to the one outside. The address names m. */
static struct race *race_beside_shown_socket(const struct arena *a)
{
	struct race *race = race_new(a);
	struct sockaddr_un *address = race_shared(sizeof(*address));
	struct sockaddr_un own = {.sun_family = AF_UNIX};
	char folder[PATH_BYTES];
	char link[PATH_BYTES];

	if (!race || !address || mkdir(fresh_name(folder, "/tmp", "shown"), 0700) < 0)
		return NULL;
	(void)snprintf(own.sun_path, sizeof(own.sun_path), "%.80s/own", folder);
	race->fds[0] = serve((const struct sockaddr *)&own, sizeof(own));
	joined(race->targets[0], folder, "m");
	joined(race->targets[1], folder, "n");
	joined(link, a->bound, "sock");
	if (race->fds[0] < 0 || symlink("own", race->targets[0]) < 0 ||
	    symlink(link, race->targets[1]) < 0)
		return NULL;
	address->sun_family = AF_UNIX;
	(void)snprintf(address->sun_path, sizeof(address->sun_path), "%.80s/m", folder);
	race->path = address->sun_path;
	race->address = (struct sockaddr *)address;
	race->address_len = sizeof(*address);
	race->try = try_name;
	return race;
}

static int shown_by_name(const struct arena *a)
{
	struct race *race = race_beside_shown_socket(a);

	if (!race)
		return ATTEMPT_BROKEN;
	race->exchange = race_exchange_letter;
	return race_run(race, false);
}

static void exchange_links(struct race *race, unsigned turn)
{
	(void)turn;
	(void)syscall(SYS_renameat2, AT_FDCWD, race->targets[0], AT_FDCWD, race->targets[1],
		      2 /* EXCHANGE */);
}

static int shown_by_link(const struct arena *a)
{
	struct race *race = race_beside_shown_socket(a);

	if (!race)
		return ATTEMPT_BROKEN;
	race->exchange = exchange_links;
	return race_run(race, false);
}

/* Now a conversation with nobody, by the network, and now with the one outside. */
static void exchange_both(struct race *race, unsigned turn)
{
	const struct sockaddr_in nobody = {.sin_family = AF_INET,
					   .sin_port = htons(1),
					   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_un outside = {.sun_family = AF_UNIX};

	memcpy(outside.sun_path, race->link, strlen(race->link));
	if (turn)
		memcpy(race->address, &outside, sizeof(outside));
	else
		memcpy(race->address, &nobody, sizeof(nobody));
	(void)dup2(race->fds[turn], race->swapped_fd);
}

static int try_both(struct race *race)
{
	const int fresh_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int r;

	(void)dup2(fresh_fd, race->fds[1]);
	r = connect(race->swapped_fd, race->address, race->address_len) < 0 && errno == EPERM ? 2
											      : 1;
	if (has_reached(fresh_fd))
		r = 0;
	(void)close(fresh_fd);
	return r;
}

static int shown_by_dup(const struct arena *a)
{
	struct race *race = race_by_name(a, 'e');

	if (!race || !open_both(race))
		return ATTEMPT_BROKEN;
	joined(race->link, a->bound, "sock");
	race->address_len = sizeof(struct sockaddr_un);
	race->exchange = exchange_both;
	race->try = try_both;
	return race_run(race, false);
}

const struct row race_connect_rows[] = {
	RACE_ROW("race.connect-address", "1", "network namespace with only lo", address_by_thread,
		 EFFECT_REACHED, 0),
	RACE_ROW("race.connect-dup2", "3", "the gate goes by the address", socket_by_dup,
		 EFFECT_REACHED, 0),
	RACE_ROW("race.connect-shown-text", "1,25", "the hands", shown_by_name, EFFECT_REACHED, 0),
	RACE_ROW("race.connect-shown-dup2", "3,25", "the hands", shown_by_dup, EFFECT_REACHED, 0),
	RACE_ROW("race.connect-shown-symlink", "20,25", "the hands", shown_by_link, EFFECT_REACHED,
		 0),
	{0},
};
