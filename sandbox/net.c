/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The session's network: `lo`, and no way out.
 */
#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "common/cleanup.h"
#include "sandbox/launch.h"

int net_loopback_up(struct launch *l, struct error *err)
{
	struct ifreq request = {.ifr_flags = IFF_UP | IFF_RUNNING};
	_cleanup_close_ int socket_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	memcpy(request.ifr_name, "lo", sizeof("lo"));
	if (socket_fd < 0 || ioctl(socket_fd, SIOCSIFFLAGS, &request) < 0)
		return error_errno(err, errno, "bring up the session's loopback interface");
	launch_say(l, "net=lo only");
	return 0;
}
