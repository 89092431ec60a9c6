/* SPDX-License-Identifier: Apache-2.0 */
/* Out by what a session is started with: a socket keeps the network that it was made in. */
#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "common/packet.h"
#include "tools/prove/probes/attempt.h"

/* Standard input, or what is sent through it. */
static int handed(void)
{
	char byte;
	struct packet packet = {.head = &byte, .head_len = 1};
	struct msg_fds got = MSG_FDS_NONE;
	struct sockaddr_storage peer = {0};
	socklen_t len = sizeof(peer);

	if (getpeername(STDIN_FILENO, (struct sockaddr *)&peer, &len) < 0 ||
	    peer.ss_family != AF_UNIX)
		return STDIN_FILENO;
	return packet_recv(STDIN_FILENO, &packet, &got) == 0 ? got.fd[0] : -1;
}

static struct sockaddr_in listener(const struct arena *a)
{
	return (struct sockaddr_in){.sin_family = AF_INET,
				    .sin_port = htons((uint16_t)a->port),
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

/* Taken back from its peer, and connected to somebody else. */
static int connected_anew(const struct arena *a)
{
	const struct sockaddr none = {.sa_family = AF_UNSPEC};
	const struct sockaddr_in at = listener(a);
	const int socket_fd = handed();

	(void)connect(socket_fd, &none, sizeof(none));
	return outcome(connect(socket_fd, (const struct sockaddr *)&at, sizeof(at)));
}

static int datagram(const struct arena *a)
{
	const struct sockaddr_in at = listener(a);

	return outcome(sendto(handed(), "x", 1, 0, (const struct sockaddr *)&at, sizeof(at)));
}

static int unix_datagram(const struct arena *a)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};

	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%.90s/datagrams", a->bound);
	return outcome(sendto(handed(), "x", 1, 0, (const struct sockaddr *)&at, sizeof(at)));
}

/*
 * To listen by a name on which programs of the host look for somebody: that this one is taken tells
 * that it is the host's names among which it would stand.
 */
static int abstract_name(const struct arena *a)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	const size_t len = strlen(a->abstract);

	memcpy(at.sun_path + 1, a->abstract, len);
	if (bind(handed(), (const struct sockaddr *)&at,
		 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + len)) == 0)
		return EADDRNOTAVAIL;
	return errno == EADDRINUSE ? 0 : errno;
}

#define WALL "no socket of the host handed in"

const struct row handed_rows[] = {
	ROW("handed.tcp", "22,25,27", WALL, connected_anew, .effect = EFFECT_REACHED,
	    .control = CONTROL_SENT, .flags = ROW_HANDED_TCP),
	ROW("handed.udp", "22,25,27", WALL, datagram, .effect = EFFECT_REACHED,
	    .control = CONTROL_SENT, .flags = ROW_HANDED_UDP),
	ROW("handed.unix-datagram", "22,25", WALL, unix_datagram, .effect = EFFECT_REACHED,
	    .control = CONTROL_SENT, .flags = ROW_HANDED_DATAGRAM),
	ROW("handed.unix-no-peer", "22,25", WALL, abstract_name,
	    .expect = {EADDRNOTAVAIL, EACCES, EPERM}, .control = CONTROL_SENT,
	    .flags = ROW_HANDED_NO_PEER),
	{0},
};
