/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A file of live/ is made and locked in two steps. The folder's own lock, shared by those who do
 * so, keeps a sweeper from taking what lies between for a dead session.
 */

#include "tools/toolkit/live.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "sandbox/private.h"
#include "sandbox/spec.h"
#include "tools/toolkit/layer.h"
#include "tools/toolkit/paths.h"
#include "tools/toolkit/ready.h"

/* Of one sweep; a later one finds the others. Each holds a descriptor. */
#define MAX_DEAD 64

/* What a file of live/ says: nothing, that the changes are nobody's, or whose they are (a path). */
static const char discard_word[] = "discard";

#define ENDING_MS 1000 /* at most, for a session of the same name */
#define PAUSE_MS  5

struct dead {
	char *session;
	int lock_fd;
};

/* Return: a descriptor of live/, which is made if need be. */
static int open_live(struct error *err)
{
	_cleanup_free_ char *path = NULL;
	int live_fd;
	int r = paths_live_dir(&path, err);

	if (r < 0)
		return r;
	live_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return live_fd < 0 ? error_errno(err, errno, "open %s", path) : live_fd;
}

/* Locks the session's file. Return: 0; -EWOULDBLOCK while somebody else has it; -ESTALE if it was
 * taken away before it was locked. */
static int lock_session(int live_fd, const char *session, int *ret)
{
	_cleanup_close_ int lock_fd =
		openat(live_fd, session, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	struct stat st;

	if (lock_fd < 0 || flock(lock_fd, LOCK_EX | LOCK_NB) < 0 || fstat(lock_fd, &st) < 0)
		return -errno;
	if (st.st_nlink == 0)
		return -ESTALE;
	*ret = take_fd(&lock_fd);
	return 0;
}

/* Who has just ended is waited for: its last processes may still be there when its command is not.
 */
static int await_session(int live_fd, const char *session, int *ret)
{
	const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};
	int r = lock_session(live_fd, session, ret);

	for (int waited = 0; (r == -EWOULDBLOCK || r == -ESTALE) && waited < ENDING_MS;
	     waited += PAUSE_MS) {
		(void)nanosleep(&pause, NULL);
		r = lock_session(live_fd, session, ret);
	}
	return r;
}

static void settle(int live_fd, const char *session, int lock_fd)
{
	_cleanup_free_ char *session_dir = NULL;
	_cleanup_free_ char *private_dir = spec_private_dir(session);
	_cleanup_free_ char *upper = NULL;
	char said[PATH_MAX] = "";
	bool discard;

	if (paths_session_dir(session, &session_dir, NULL) < 0)
		return;
	(void)!pread(lock_fd, said, sizeof(said) - 1, 0);
	/* A line end behind the word is of an older version, which may have been killed, too. */
	discard = strncmp(said, discard_word, strlen(discard_word)) == 0;
	upper = xasprintf("%s/layers/upper", session_dir);
	layer_settle(upper, said[0] == '/' ? said : NULL, discard);
	private_remove(private_dir);
	(void)rmdir(session_dir); /* goes if nothing is kept there */
	(void)unlinkat(live_fd, session, 0);
}

/*
 * The lock of a session that was killed and that no sweep came to: what it says of its changes is
 * heeded now, since ours will stand there.
 */
static bool settle_before(int live_fd, const char *session, int lock_fd)
{
	struct stat st;

	if (fstat(lock_fd, &st) < 0 || st.st_size == 0)
		return false;
	settle(live_fd, session, lock_fd);
	return true;
}

int live_enter(const char *session, bool discard, struct error *err)
{
	_cleanup_close_ int live_fd = open_live(err);
	_cleanup_close_ int lock_fd = -1;
	int r;

	if (live_fd < 0)
		return live_fd;
	while (flock(live_fd, LOCK_SH) < 0)
		if (errno != EINTR)
			return error_errno(err, errno, "lock the folder of live sessions");
	(void)ready_take_lock(live_fd, session);
	r = await_session(live_fd, session, &lock_fd);
	if (r == 0 && settle_before(live_fd, session, lock_fd)) {
		close_fd(&lock_fd);
		r = await_session(live_fd, session, &lock_fd);
	}
	if (r == -EWOULDBLOCK)
		return error_set(err, EBUSY,
				 "a session named %s is running; give another name with "
				 "--session, or none",
				 session);
	if (r < 0)
		return error_errno(err, r, "announce the session %s in the state folder", session);
	if (ftruncate(lock_fd, 0) < 0 ||
	    (discard &&
	     write(lock_fd, discard_word, strlen(discard_word)) != (ssize_t)strlen(discard_word))) {
		const int reason = errno;

		(void)unlinkat(live_fd, session, 0);
		return error_errno(err, reason, "announce the session %s in the state folder",
				   session);
	}
	return take_fd(&lock_fd);
}

int live_name_workspace(int lock_fd, const char *workspace, struct error *err)
{
	const size_t len = strlen(workspace);
	struct stat st;

	if (fstat(lock_fd, &st) == 0 && st.st_size) /* they are discarded */
		return 0;
	return write(lock_fd, workspace, len) == (ssize_t)len
		       ? 0
		       : error_errno(err, errno, "note the workspace %s in the state folder",
				     workspace);
}

void live_leave(const char *session, int *lock_fd)
{
	_cleanup_close_ int live_fd = *lock_fd < 0 ? -1 : open_live(NULL);

	if (live_fd >= 0)
		(void)unlinkat(live_fd, session, 0);
	close_fd(lock_fd);
}

/* Return: the lock of a file that nobody holds; -1 if the session lives, or has just left. */
static int lock_dead(int live_fd, const char *name)
{
	_cleanup_close_ int lock_fd =
		openat(live_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (lock_fd < 0 || fstat(lock_fd, &st) < 0 || !S_ISREG(st.st_mode) ||
	    flock(lock_fd, LOCK_EX | LOCK_NB) < 0)
		return -1;
	if (fstat(lock_fd, &st) < 0 || st.st_nlink == 0)
		return -1;
	return take_fd(&lock_fd);
}

static size_t find_dead(int live_fd, struct dead *ret)
{
	DIR *dir = fdopendir(fcntl(live_fd, F_DUPFD_CLOEXEC, 3));
	const struct dirent *entry;
	size_t count = 0;

	/* Somebody announces a session now: that start was swept, or the next one is. */
	if (dir && flock(live_fd, LOCK_EX | LOCK_NB) == 0) {
		while (count < MAX_DEAD && (entry = readdir(dir))) {
			const int lock_fd =
				entry->d_name[0] == '.' ? -1 : lock_dead(live_fd, entry->d_name);

			if (lock_fd >= 0)
				ret[count++] = (struct dead){xstrdup(entry->d_name), lock_fd};
		}
		(void)flock(live_fd, LOCK_UN);
	}
	if (dir)
		(void)closedir(dir);
	return count;
}

void live_sweep(void)
{
	_cleanup_close_ int live_fd = open_live(NULL);
	struct dead dead[MAX_DEAD];
	const size_t count = live_fd < 0 ? 0 : find_dead(live_fd, dead);

	for (size_t i = 0; i < count; i++) {
		settle(live_fd, dead[i].session, dead[i].lock_fd);
		free(dead[i].session);
		close_fd(&dead[i].lock_fd);
	}
}
