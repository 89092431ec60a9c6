/* SPDX-License-Identifier: Apache-2.0 */
/* Every call that writes or changes a path, in its old and its new form, on what a rule protects.
 */
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/xattr.h>
#include <utime.h>

#include "tools/prove/files.h"
#include "tools/prove/probes/attempt.h"

#define RAW(...)  ((long)syscall(__VA_ARGS__))
#define PROTECTED "denied/file"
#define NEW	  "denied/new"
#define FCHMODAT2 452 /* Linux 6.6 */
#define HERE	  AT_FDCWD

static int folder(void)
{
	return open("denied", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int reader(void)
{
	return open(PROTECTED, O_RDONLY | O_CLOEXEC);
}

/* Writes through a descriptor that was to be had, or keeps the failure. */
static long wrote(long file_fd)
{
	return file_fd < 0 ? -1 : write((int)file_fd, "escaped\n", 8);
}

/* A file without a name gets one. */
static long named(long file_fd)
{
	char path[64];

	if (file_fd < 0)
		return -1;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%ld", file_fd);
	return linkat(HERE, path, HERE, NEW, AT_SYMLINK_FOLLOW);
}

static long opens(struct file_turn *t)
{
	FILE_TRY(t, "open", wrote(RAW(SYS_open, PROTECTED, O_WRONLY)));
	FILE_TRY(t, "open-append", wrote(RAW(SYS_open, PROTECTED, O_RDWR | O_APPEND)));
	FILE_TRY(t, "open-truncate", RAW(SYS_open, PROTECTED, O_RDONLY | O_TRUNC));
	FILE_TRY(t, "open-create", wrote(RAW(SYS_open, NEW, O_WRONLY | O_CREAT, 0600)));
	FILE_TRY(t, "open-create-reading", RAW(SYS_open, NEW, O_RDONLY | O_CREAT, 0600));
	FILE_TRY(t, "open-odd-mode", RAW(SYS_open, NEW, 3 | O_CREAT, 0600));
	return FILE_NOT_MINE;
}

static long creates(struct file_turn *t)
{
	FILE_TRY(t, "openat", wrote(RAW(SYS_openat, folder(), "file", O_RDWR)));
	FILE_TRY(t, "openat-create",
		 wrote(RAW(SYS_openat, folder(), "new", O_RDWR | O_CREAT, 0600)));
	FILE_TRY(t, "creat", wrote(RAW(SYS_creat, NEW, 0600)));
	FILE_TRY(t, "creat-over", wrote(RAW(SYS_creat, PROTECTED, 0600)));
	FILE_TRY(t, "tmpfile", named(open("denied", O_TMPFILE | O_RDWR, 0600)));
	FILE_TRY(t, "tmpfile-linked", named(open(".", O_TMPFILE | O_RDWR, 0600)));
	FILE_TRY(t, "truncate", RAW(SYS_truncate, PROTECTED, 0));
	return FILE_NOT_MINE;
}

static long renames(struct file_turn *t)
{
	FILE_TRY(t, "rename-away", RAW(SYS_rename, PROTECTED, "out"));
	FILE_TRY(t, "rename-over", RAW(SYS_rename, "text", PROTECTED));
	FILE_TRY(t, "rename-into", RAW(SYS_rename, "text", NEW));
	FILE_TRY(t, "rename-folder", RAW(SYS_rename, "denied", "allowed"));
	FILE_TRY(t, "renameat-away", RAW(SYS_renameat, folder(), "file", HERE, "out"));
	FILE_TRY(t, "renameat-into", RAW(SYS_renameat, HERE, "text", folder(), "new"));
	FILE_TRY(t, "renameat2", RAW(SYS_renameat2, HERE, "text", folder(), "new", 1));
	FILE_TRY(t, "renameat2-exchange", RAW(SYS_renameat2, HERE, "text", folder(), "file", 2));
	FILE_TRY(t, "renameat2-exchange-folder",
		 RAW(SYS_renameat2, HERE, "other", HERE, "denied", 2));
	return FILE_NOT_MINE;
}

static long names(struct file_turn *t)
{
	FILE_TRY(t, "link-away", RAW(SYS_link, PROTECTED, "out"));
	FILE_TRY(t, "link-into", RAW(SYS_link, "text", NEW));
	FILE_TRY(t, "linkat-away", RAW(SYS_linkat, folder(), "file", HERE, "out", 0));
	FILE_TRY(t, "linkat-into", RAW(SYS_linkat, HERE, "text", folder(), "new", 0));
	FILE_TRY(t, "symlink", RAW(SYS_symlink, "x", NEW));
	FILE_TRY(t, "symlinkat", RAW(SYS_symlinkat, "x", folder(), "new"));
	FILE_TRY(t, "unlink", RAW(SYS_unlink, PROTECTED));
	FILE_TRY(t, "unlinkat", RAW(SYS_unlinkat, folder(), "file", 0));
	return FILE_NOT_MINE;
}

static long folders(struct file_turn *t)
{
	FILE_TRY(t, "rmdir", RAW(SYS_rmdir, "denied/folder"));
	FILE_TRY(t, "unlinkat-rmdir", RAW(SYS_unlinkat, folder(), "folder", AT_REMOVEDIR));
	FILE_TRY(t, "mkdir", RAW(SYS_mkdir, NEW, 0700));
	FILE_TRY(t, "mkdirat", RAW(SYS_mkdirat, folder(), "new", 0700));
	FILE_TRY(t, "mknod-fifo", RAW(SYS_mknod, NEW, S_IFIFO | 0600, 0));
	FILE_TRY(t, "mknod-file", RAW(SYS_mknod, NEW, S_IFREG | 0600, 0));
	FILE_TRY(t, "mknodat", RAW(SYS_mknodat, folder(), "new", S_IFIFO | 0600, 0));
	return FILE_NOT_MINE;
}

static long modes(struct file_turn *t)
{
	const uid_t uid = getuid();
	const gid_t gid = getgid();

	FILE_TRY(t, "chmod", RAW(SYS_chmod, PROTECTED, 0777));
	FILE_TRY(t, "chmod-folder", RAW(SYS_chmod, "denied", 0777));
	FILE_TRY(t, "fchmod", RAW(SYS_fchmod, reader(), 0777));
	FILE_TRY(t, "fchmodat", RAW(SYS_fchmodat, folder(), "file", 0777));
	FILE_TRY(t, "fchmodat2", RAW(FCHMODAT2, reader(), "", 0777, AT_EMPTY_PATH));
	FILE_TRY(t, "chown", RAW(SYS_chown, PROTECTED, uid, gid));
	FILE_TRY(t, "lchown", RAW(SYS_lchown, PROTECTED, uid, gid));
	FILE_TRY(t, "fchown", RAW(SYS_fchown, reader(), uid, gid));
	FILE_TRY(t, "fchownat", RAW(SYS_fchownat, folder(), "file", uid, gid, 0));
	FILE_TRY(t, "fchownat-itself", RAW(SYS_fchownat, reader(), "", uid, gid, AT_EMPTY_PATH));
	return FILE_NOT_MINE;
}

static long attributes(struct file_turn *t)
{
	FILE_TRY(t, "setxattr", setxattr(PROTECTED, "user.a", "x", 1, 0));
	FILE_TRY(t, "lsetxattr", lsetxattr(PROTECTED, "user.a", "x", 1, 0));
	FILE_TRY(t, "fsetxattr", fsetxattr(reader(), "user.a", "x", 1, 0));
	FILE_TRY(t, "removexattr", removexattr(PROTECTED, "user.b"));
	FILE_TRY(t, "lremovexattr", lremovexattr(PROTECTED, "user.b"));
	FILE_TRY(t, "fremovexattr", fremovexattr(reader(), "user.b"));
	return FILE_NOT_MINE;
}

static long times(struct file_turn *t)
{
	const struct timespec fine[2] = {{1, 1}, {2, 2}};
	const struct timeval micro[2] = {{1, 1}, {2, 2}};
	const struct utimbuf seconds = {1, 2};

	FILE_TRY(t, "utime", RAW(SYS_utime, PROTECTED, &seconds));
	FILE_TRY(t, "utimes", RAW(SYS_utimes, PROTECTED, micro));
	FILE_TRY(t, "futimesat", RAW(SYS_futimesat, folder(), "file", micro));
	FILE_TRY(t, "utimensat", RAW(SYS_utimensat, folder(), "file", fine, 0));
	FILE_TRY(t, "futimens", RAW(SYS_utimensat, reader(), NULL, fine, 0));
	return FILE_NOT_MINE;
}

const struct file_family file_call_families[] = {
	{"15,34", opens},      {"15,34", creates}, {"15,34", renames},
	{"15,34", names},      {"15,34", folders}, {"15,34", modes},
	{"15,34", attributes}, {"15,34", times},   {0},
};
