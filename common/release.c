/* SPDX-License-Identifier: Apache-2.0 */
#include "common/release.h"

#include <stdbool.h>
#include <sys/socket.h>

#include "common/cleanup.h"

static bool is_connected(int socket_fd)
{
	struct sockaddr_storage peer;
	socklen_t len = sizeof(peer);

	return getpeername(socket_fd, (struct sockaddr *)&peer, &len) == 0;
}

void release_socket(int *socket_fd)
{
	const struct linger none = {0};
	struct linger linger = {0};
	socklen_t len = sizeof(linger);

	/* The kernel tells a very long one cut to an int: any number but 0. */
	if (*socket_fd >= 0 && getsockopt(*socket_fd, SOL_SOCKET, SO_LINGER, &linger, &len) == 0 &&
	    linger.l_onoff && linger.l_linger && is_connected(*socket_fd))
		(void)setsockopt(*socket_fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
	close_fd(socket_fd);
}
