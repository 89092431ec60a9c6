/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"

#include "monitor/evidence/record.h"

int record_create(const char *path, enum record_sync sync, int *ret_settle_fd, struct error *err)
{
	const int waits = sync == RECORD_SYNC_WRITE ? O_DSYNC : 0;
	const int output_fd =
		open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW | O_CLOEXEC | waits,
		     0600);

	if (output_fd < 0 && errno == EEXIST)
		return error_set(err, EEXIST,
				 "the record %s exists already; a record is never written over, "
				 "give another name",
				 path);
	if (output_fd < 0)
		return error_errno(err, errno, "cannot create the record %s", path);
	*ret_settle_fd = -1;
	if (sync == RECORD_SYNC_NEVER)
		return output_fd;
	*ret_settle_fd = fcntl(output_fd, F_DUPFD_CLOEXEC, 0);
	if (*ret_settle_fd < 0) {
		const int r = error_errno(err, errno, "keep the record %s open", path);

		(void)unlink(path); /* ours, and empty */
		(void)close(output_fd);
		return r;
	}
	return output_fd;
}

/* A file that the disk has and no folder names is no record either. */
static int settle_name(const char *path)
{
	_cleanup_free_ char *folder = xstrdup(path);
	_cleanup_close_ int folder_fd = -1;
	char *slash = strrchr(folder, '/');

	if (slash)
		slash[slash == folder ? 1 : 0] = '\0';
	folder_fd = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return folder_fd < 0 || fsync(folder_fd) < 0 ? -errno : 0;
}

int record_settle(int *settle_fd, const char *path, struct error *err)
{
	int r = 0;

	if (*settle_fd >= 0)
		r = fdatasync(*settle_fd) < 0 ? -errno : settle_name(path);
	close_fd(settle_fd);
	return r < 0 ? error_errno(err, -r, "have the disk take the record %s", path) : 0;
}
