/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bind(2) of a UNIX socket to a path. The call has no form that takes a folder's descriptor, and
 * what it is told is what getsockname(2) says for good, which programs hand on: Python's
 * multiprocessing and Go do. So there are two ways.
 *
 * The last component alone, from the very folder that was judged: nothing is walked anew, but the
 * name is a short one. That is for folders of the host.
 *
 * The path as it was written, elsewhere. The kernel walks it anew, and where it leads may have
 * changed; a child that Landlock lets make a socket below the folder that was judged and nowhere
 * else does it, so that it lands in the session's own places whatever is exchanged. Where that
 * fails, as for "/proc/self/fd/7/name", whose self is another here, it is the first way as well.
 */
#include "sandbox/compat/landlock.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "sandbox/hands.h"

/* By a child that shares our memory. */
static volatile int result;

int landlock_for_sockets(int folder_fd)
{
	const struct compat_landlock_ruleset rules = {.handled_access_fs =
							      LANDLOCK_ACCESS_FS_MAKE_SOCK};
	const struct landlock_path_beneath_attr beneath = {
		.allowed_access = LANDLOCK_ACCESS_FS_MAKE_SOCK, .parent_fd = folder_fd};
	const size_t size = sizeof(rules.handled_access_fs);
	_cleanup_close_ int ruleset_fd = (int)syscall(SYS_landlock_create_ruleset, &rules, size, 0);

	if (ruleset_fd >= 0 && folder_fd >= 0 &&
	    syscall(SYS_landlock_add_rule, ruleset_fd, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) < 0)
		return -1;
	return take_fd(&ruleset_fd);
}

static int bind_to(int socket_fd, const char *path)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	const size_t head = offsetof(struct sockaddr_un, sun_path);
	size_t len = strlen(path);

	if (len > sizeof(name.sun_path))
		return -EINVAL;
	memcpy(name.sun_path, path, len);
	len += len < sizeof(name.sun_path); /* as long as may be, it has no NUL */
	return bind(socket_fd, (const struct sockaddr *)&name, (socklen_t)(head + len)) < 0 ? -errno
											    : 0;
}

static int bind_from(int folder_fd, int socket_fd, const char *path)
{
	return fchdir(folder_fd) < 0 ? -errno : bind_to(socket_fd, path);
}

/* In a child. */
static int bind_below(const struct hands_job *job)
{
	const int ruleset_fd = landlock_for_sockets(job->place[0].parent_fd);

	if (ruleset_fd < 0 || syscall(SYS_landlock_restrict_self, ruleset_fd, 0) < 0)
		return -errno;
	if (job->base_fd >= 0)
		return bind_from(job->base_fd, job->socket_fd, job->path);
	return bind_to(job->socket_fd, job->path);
}

static int bind_as_written(const struct hands_job *job)
{
	result = -EIO;
	/* vfork(2) is right here: the child is to have our memory, and makes system calls alone. */
	const pid_t pid = vfork(); /* NOLINT(clang-analyzer-security.insecureAPI.vfork) */

	if (!pid) {
		result = bind_below(job); /* NOLINT(clang-analyzer-unix.Vfork) */
		_exit(0);
	}
	return pid < 0 ? -EAGAIN : result;
}

int hands_bind(const struct hands_job *job)
{
	if (job->request->flags == HANDS_AS_WRITTEN && bind_as_written(job) == 0)
		return 0;
	return bind_from(job->place[0].parent_fd, job->socket_fd, job->place[0].last);
}
