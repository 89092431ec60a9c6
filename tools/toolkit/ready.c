/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/toolkit/ready.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "sandbox/compat/libc.h"
#include "tools/toolkit/paths.h"

/* Each holds the one after it; whoever takes the first has what is in it by then. */
static const char *const folders[] = {"", "/layers", "/layers/upper", "/layers/work"};

/*
 * ext2 to ext4 take what is made in a folder from the folder's own part of the disk, and new
 * folders from that of the one above, but for one with this flag (chattr(1), T): what is made in it
 * goes to where there is most room. Without a journal, ext4 passes over what was deleted in the
 * last minutes, one by one: of all sessions in one place, or of one in a place of its own. Finding
 * that place can take milliseconds, of which nobody waits for one. Elsewhere it means nothing.
 */
static void spread(const char *folder)
{
	_cleanup_close_ int folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int flags;

	if (folder_fd < 0 || ioctl(folder_fd, FS_IOC_GETFLAGS, &flags) < 0 ||
	    (flags & FS_TOPDIR_FL))
		return;
	flags |= FS_TOPDIR_FL;
	(void)ioctl(folder_fd, FS_IOC_SETFLAGS, &flags);
}

void ready_make(void)
{
	_cleanup_free_ char *ready = NULL;
	_cleanup_free_ char *lock = NULL;
	int lock_fd;

	if (paths_ready_dir(&ready, NULL) < 0)
		return;
	spread(ready);
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		_cleanup_free_ char *path = xasprintf("%s/folder%s", ready, folders[i]);

		(void)mkdir(path, 0700);
	}
	lock = xasprintf("%s/lock", ready);
	lock_fd = open(lock, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	close_fd(&lock_fd);
}

bool ready_take_lock(int live_fd, const char *session)
{
	_cleanup_free_ char *state = NULL;
	_cleanup_free_ char *lock = NULL;

	if (paths_state_dir(&state, NULL) < 0)
		return false;
	lock = xasprintf("%s/ready/lock", state);
	/* One of this name may be alive. */
	return renameat2(AT_FDCWD, lock, live_fd, session, RENAME_NOREPLACE) == 0;
}

bool ready_take_folder(const char *session)
{
	_cleanup_free_ char *state = NULL;
	_cleanup_free_ char *folder = NULL;
	_cleanup_free_ char *to = NULL;

	if (paths_state_dir(&state, NULL) < 0)
		return false;
	folder = xasprintf("%s/ready/folder", state);
	to = xasprintf("%s/sessions/%s", state, session);
	/* Fails where the name has a folder with something in it, which stays as it is. */
	return rename(folder, to) == 0;
}
