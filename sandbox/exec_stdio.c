/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a caller may hand in as standard input, output and error. A descriptor keeps the mount and
 * the network namespace that it was made in, which no wall of the session is about: from a folder
 * the host's tree can be looked at, and a socket connected anew leads out of the session.
 */
#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/proto.h"
#include "sandbox/launch.h"

#define ABSTRACT_SCOPE_ABI \
	6 /* of Landlock: abstract names of the host lead nowhere from there on */

/* Return: what it is, if it may not be handed in; or NULL. */
static const char *refused_socket(const struct launch *l, uint32_t flags, int socket_fd)
{
	struct sockaddr_storage peer;
	socklen_t len = sizeof(int);
	int domain = 0;
	int type = 0;

	/* In lite the filter refuses to connect, bind and listen, whatever the socket is. */
	if (l->lite)
		return NULL;
	if (getsockopt(socket_fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) < 0 ||
	    getsockopt(socket_fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0 || domain != AF_UNIX)
		return "is a network socket of the host, by which the session could reach other "
		       "servers from there; use a pipe";
	if (type == SOCK_DGRAM)
		return (flags & EXEC_CONNECTS) || l->landlock_abi < ABSTRACT_SCOPE_ABI
			       ? "is a UNIX datagram socket, and each message through it could go "
				 "to a socket of the host that this session sees; use a pipe or a "
				 "stream socket"
			       : NULL;
	len = sizeof(peer);
	return getpeername(socket_fd, (struct sockaddr *)&peer, &len) < 0
		       ? "is a UNIX socket without a peer, which could get one on the host; use a "
			 "connected one"
		       : NULL;
}

int exec_check_stdio(const struct launch *l, uint32_t flags, const int fds[3], struct error *err)
{
	static const char *const names[] = {"input", "output", "error"};

	for (int i = 0; i < 3; i++) {
		const char *why = NULL;
		struct stat st;

		if (fstat(fds[i], &st) < 0)
			return error_errno(err, errno, "look at standard %s", names[i]);
		if (S_ISDIR(st.st_mode))
			why = "is a folder, from which all of the host could be looked at; show "
			      "it with --bind";
		else if (S_ISSOCK(st.st_mode))
			why = refused_socket(l, flags, fds[i]);
		if (why)
			return error_set(err, EACCES, "standard %s %s", names[i], why);
	}
	return 0;
}
