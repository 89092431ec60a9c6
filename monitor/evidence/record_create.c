/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>

#include "monitor/evidence/record.h"

int record_create(const char *path, struct error *err)
{
	const int output_fd =
		open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (output_fd < 0 && errno == EEXIST)
		return error_set(err, EEXIST,
				 "the record %s exists already; a record is never written over, "
				 "give another name",
				 path);
	if (output_fd < 0)
		return error_errno(err, errno, "cannot create the record %s", path);
	return output_fd;
}
