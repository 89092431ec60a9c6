/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The hands' walk against a hostile tree. The input is lines: each but the last makes something in
 * a temporary folder, the last is the path. What the kernel says of the same path is what the walk
 * must say.
 *
 *	d NAME		a folder
 *	f NAME		a file
 *	l NAME TEXT	a symbolic link
 */

#include "tests/support/fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "sandbox/hands.h"

#define MOST_ENTRIES 24
#define MOST_INPUT   ((size_t)3 * MAX_PATH_BYTES)

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	return at->level ? remove(path) : 0;
}

/* Names stay in the tree: what the fuzzer makes must not lie anywhere else. */
static bool is_harmless(const char *name)
{
	return name[0] && name[0] != '/' && !strstr(name, "..") && strlen(name) < 64;
}

/* Nor may a link on the way lead out: nothing is made behind one. */
static void make(int tree_fd, char *line)
{
	char *name = strchr(line, ' ');
	char *text = name ? strchr(name + 1, ' ') : NULL;

	if (!name || (line[0] != 'l' && text))
		return;
	name++;
	if (text)
		*text++ = '\0';
	if (!is_harmless(name) || strchr(name, '/'))
		return;
	if (line[0] == 'd' && mkdirat(tree_fd, name, 0700) == 0) {
		const int folder_fd =
			openat(tree_fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		(void)!symlinkat("..", folder_fd, "up");
		(void)mkdirat(folder_fd, "d", 0700);
		(void)close(folder_fd);
	} else if (line[0] == 'f') {
		(void)close(openat(tree_fd, name,
				   O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
	} else if (line[0] == 'l' && text) {
		(void)!symlinkat(text, tree_fd, name);
	}
}

static bool is_same(int a_fd, int b_fd)
{
	struct stat a;
	struct stat b;

	return fstat(a_fd, &a) == 0 && fstat(b_fd, &b) == 0 && a.st_dev == b.st_dev &&
	       a.st_ino == b.st_ino;
}

/* The name of what is not there has to be usable as it stands. */
static void check_absent(const struct place *place, int kernel_error)
{
	fuzz_expect(kernel_error == ENOENT);
	fuzz_expect(place->parent_fd >= 0 && place->last[0]);
	fuzz_expect(faccessat(place->parent_fd, place->last, F_OK, AT_SYMLINK_NOFOLLOW) < 0);
}

static bool is_scarce(int r)
{
	return r == -ENOMEM || r == -ENFILE || r == -EMFILE || r == -EAGAIN;
}

/* A walk that the kernel starts anew counts its links twice: only an ELOOP that stays is one. */
static int open_by_kernel(int tree_fd, const char *path, bool follow)
{
	int file_fd = -1;

	for (int i = 0; i < 8 && file_fd < 0; i++) {
		file_fd = openat(tree_fd, path, O_PATH | O_CLOEXEC | (follow ? 0 : O_NOFOLLOW));
		if (file_fd < 0 && errno != ELOOP)
			break;
	}
	return file_fd;
}

static void check(int tree_fd, const char *path, bool follow)
{
	const struct walker walker = {(uint32_t)getpid(), (uint32_t)syscall(SYS_gettid)};
	const size_t len = strlen(path);
	/* Behind a link that is not followed, the walk leaves to the operation what that asks for.
	 */
	const bool slash = len && path[len - 1] == '/';
	_cleanup_close_ int kernel_fd = open_by_kernel(tree_fd, path, follow);
	const int kernel_error = kernel_fd < 0 ? errno : 0;
	struct place place = PLACE_NONE;
	const int r = hands_walk(&walker, tree_fd, path, follow, &place);

	fuzz_expect(memchr(place.last, 0, sizeof(place.last)));
	if (is_scarce(r) || is_scarce(-kernel_error))
		; /* the machine is full: that says nothing of the path */
	else if (r < 0)
		fuzz_expect(place.parent_fd < 0 && place.target_fd < 0 && kernel_fd < 0 &&
			    r == -kernel_error);
	else if (place.target_fd < 0)
		check_absent(&place, kernel_error);
	else if (!slash || follow)
		fuzz_expect(kernel_fd >= 0 && is_same(place.target_fd, kernel_fd));
	place_done(&place);
}

static char folder[128];

static void remove_folder(void)
{
	(void)rmdir(folder);
}

/* Below $TMPDIR, best a tmpfs; a hundred times as fast as a disk. */
static int open_tree_folder(void)
{
	const char *tmp = getenv("TMPDIR"); /* NOLINT(concurrency-mt-unsafe) */

	if (!folder[0]) {
		(void)signal(SIGCHLD, SIG_IGN); /* as in the hands: a walk may start a process */
		(void)snprintf(folder, sizeof(folder), "%s/cordon-fuzz-XXXXXX", tmp ? tmp : "/tmp");
		fuzz_expect(mkdtemp(folder));
		(void)atexit(remove_folder);
	}
	return open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = xcalloc(size + 1, 1);
	_cleanup_close_ int tree_fd = -1;
	unsigned entries = 0;
	char *line;
	char *next;
	struct fuzz_fds before;

	if (size > MOST_INPUT || memchr(data, 0, size))
		return 0;
	memcpy(text, data, size);
	/* Our own descriptors, of which the walk has other ones open than the kernel. */
	if (strstr(text, "fd"))
		return 0;
	tree_fd = open_tree_folder();
	before = fuzz_free_fds();
	for (line = text; (next = strchr(line, '\n')) && entries < MOST_ENTRIES; line = next + 1) {
		*next = '\0';
		make(tree_fd, line);
		entries++;
	}
	check(tree_fd, line, true);
	check(tree_fd, line, false);
	(void)nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	fuzz_expect_free(&before);
	return 0;
}
