/* SPDX-License-Identifier: Apache-2.0 */
#include "common/open.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "common/cleanup.h"

int open_regular(const char *what, const char *path, struct error *err)
{
	/* O_NONBLOCK: so that the open itself does not wait; reads of files never do. */
	_cleanup_close_ int file_fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;

	if (file_fd < 0 || fstat(file_fd, &st) < 0)
		return error_errno(err, errno, "cannot open %s%s", what, path);
	if (!S_ISREG(st.st_mode))
		return error_set(err, EINVAL, "%s%s: not a file", what, path);
	return take_fd(&file_fd);
}
