/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/toolkit/ready.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "tools/toolkit/paths.h"

/* Each holds the one after it; whoever takes the first has what is in it by then. */
static const char *const folders[] = {"", "/layers", "/layers/upper", "/layers/work"};

void ready_make(void)
{
	_cleanup_free_ char *ready = NULL;
	_cleanup_free_ char *lock = NULL;
	_cleanup_close_ int lock_fd = -1;

	if (paths_ready_dir(&ready, NULL) < 0)
		return;
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		_cleanup_free_ char *path = xasprintf("%s/folder%s", ready, folders[i]);

		(void)mkdir(path, 0700);
	}
	lock = xasprintf("%s/lock", ready);
	lock_fd = open(lock, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
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
