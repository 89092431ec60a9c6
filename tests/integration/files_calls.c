/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Makes every file operation, in an empty working directory, and prints what each call gave: one
 * line a call. The same program prints the same lines where its files are gated and where not.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <utime.h>

#define RAW(...) ((long)syscall(__VA_ARGS__))

static void say(const char *what, long r)
{
	(void)printf("%s: %s\n", what, r < 0 ? strerrorname_np(errno) : "ok");
}

#define TRY(_call) say(#_call, (long)(_call))

static bool kernel_is_since(unsigned long major, unsigned long minor)
{
	struct utsname name;
	unsigned long has_major, has_minor;
	char *rest;

	if (uname(&name) < 0)
		return false;
	has_major = strtoul(name.release, &rest, 10);
	has_minor = *rest == '.' ? strtoul(rest + 1, NULL, 10) : 0;
	return has_major > major || (has_major == major && has_minor >= minor);
}

/* A descriptor's number may differ; what it is may not. */
static long opened(int file_fd)
{
	char text[8] = "";
	struct stat st;

	if (file_fd < 0)
		return -1;
	if (fstat(file_fd, &st) < 0)
		return -1;
	(void)printf("  mode %o size %lld flags %o cloexec %d read %zd\n", st.st_mode,
		     (long long)st.st_size,
		     (unsigned)fcntl(file_fd, F_GETFL) & ~(unsigned)O_NOFOLLOW,
		     fcntl(file_fd, F_GETFD), pread(file_fd, text, sizeof(text), 0));
	(void)close(file_fd);
	return 0;
}

static void put(const char *path, const char *text)
{
	const int file_fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	if (file_fd < 0 || write(file_fd, text, strlen(text)) < 0)
		say(path, -1);
	(void)close(file_fd);
}

static void opens(void)
{
	TRY(opened(open("new", O_WRONLY | O_CREAT, 0666)));
	TRY(opened(open("new", O_WRONLY | O_CREAT | O_EXCL, 0666)));
	TRY(opened(open("absent", O_WRONLY)));
	TRY(opened(open("", O_WRONLY | O_CREAT, 0600)));
	TRY(opened(open("absent/x", O_WRONLY | O_CREAT, 0600)));
	TRY(opened(open("new/x", O_WRONLY | O_CREAT, 0600)));
	TRY(opened(open("new/", O_WRONLY)));
	TRY(opened(open("fresh/", O_WRONLY | O_CREAT, 0600)));
	TRY(opened(open(".", O_WRONLY)));
	TRY(opened(open(".", O_RDONLY | O_CREAT, 0600)));
	TRY(opened(open("/", O_RDWR)));
	put("text", "12345678");
	TRY(opened(open("text", O_RDWR)));
	TRY(opened(open("text", O_RDWR | O_APPEND | O_CLOEXEC)));
	TRY(opened(open("text", O_RDWR | O_NONBLOCK | O_SYNC)));
	TRY(opened(open("text", O_RDWR | O_DIRECTORY)));
	TRY(opened(open("text", O_WRONLY | O_RDWR)));
	TRY(opened(open("text", O_RDONLY | O_TRUNC)));
	TRY(opened(open("made-by-reader", O_RDONLY | O_CREAT, 0640)));
	TRY(opened(open("masked", O_RDWR | O_CREAT, 0777)));
	(void)umask(077);
	TRY(opened(open("masked2", O_RDWR | O_CREAT, 0777)));
	(void)umask(022);
	TRY(opened(open("unreadable", O_RDWR | O_CREAT, 0)));
	TRY(opened(open("unreadable", O_RDWR)));
	TRY(opened(creat("created", 0604)));
	TRY(opened(open(".", O_TMPFILE | O_RDWR, 0600)));
	TRY(opened(open("text", O_TMPFILE | O_RDWR, 0600)));
	TRY(opened(open("absent", O_TMPFILE | O_RDWR, 0600)));
	TRY(opened(openat(-5, "text", O_WRONLY)));
	TRY(opened(openat(999, "text", O_WRONLY)));
	TRY(opened((int)RAW(SYS_openat, AT_FDCWD, 8, O_WRONLY, 0)));
	TRY(opened(open("/etc/passwd", O_WRONLY)));
	TRY(opened(open("/etc/new-file", O_WRONLY | O_CREAT, 0600)));
	TRY(open("/proc/self/comm", O_WRONLY));
	TRY(opened(open("/dev/null", O_RDWR)));
	TRY(opened(open("/dev/full", O_WRONLY)));
	TRY(opened(open("setuid", O_WRONLY | O_CREAT, 04755)));
	TRY(opened(open("text", O_PATH | O_RDWR)));
	TRY(opened(open("absent", O_PATH | O_RDWR)));
	TRY(opened(open("text", O_PATH | O_RDWR | O_DIRECTORY)));
}

static void links(void)
{
	put("target", "abcdefgh");
	TRY(symlink("target", "to-target"));
	TRY(symlink("nowhere", "dangling"));
	TRY(symlink("loop-b", "loop-a"));
	TRY(symlink("loop-a", "loop-b"));
	TRY(mkdir("folder", 0755));
	TRY(symlink("folder", "to-folder"));
	TRY(symlink("..", "folder/up"));
	TRY(symlink("", "empty"));
	TRY(symlink("x", "to-target"));
	TRY(opened(open("to-target", O_RDWR)));
	TRY(opened(open("to-target", O_RDWR | O_NOFOLLOW)));
	TRY(opened(open("to-target", O_RDWR | O_CREAT | O_EXCL, 0600)));
	TRY(opened(open("to-target/", O_RDWR)));
	TRY(opened(open("dangling", O_RDWR)));
	TRY(opened(open("dangling", O_RDWR | O_CREAT | O_NOFOLLOW, 0600)));
	TRY(opened(open("dangling", O_RDWR | O_CREAT, 0600)));
	TRY(access("nowhere", F_OK));
	TRY(opened(open("loop-a", O_RDWR)));
	TRY(opened(open("loop-a/x", O_RDWR | O_CREAT, 0600)));
	TRY(opened(open("to-folder/inside", O_RDWR | O_CREAT, 0600)));
	TRY(opened(open("folder/up/folder/../target", O_RDWR)));
	TRY(opened(open("folder/up/to-folder//./inside", O_RDWR)));
	TRY(opened(open("/../../../dev/null", O_WRONLY)));
	TRY(link("target", "hard"));
	TRY(link("target", "hard"));
	TRY(link("absent", "hard2"));
	TRY(link("folder", "hard2"));
	TRY(link("to-target", "hard-link-of-link"));
	TRY(linkat(AT_FDCWD, "to-target", AT_FDCWD, "followed", AT_SYMLINK_FOLLOW));
	TRY(linkat(AT_FDCWD, "target", AT_FDCWD, "bad", 0x4000));
	TRY(unlink("hard-link-of-link"));
	TRY(unlink("to-target"));
	TRY(unlink("folder"));
	TRY(unlink("folder/"));
	TRY(unlink("target/"));
	TRY(unlink("absent"));
	TRY(unlink(""));
	TRY(unlink("/"));
	TRY(unlink("/dev/null"));
}

static void names(void)
{
	put("a", "a");
	put("b", "b");
	TRY(rename("a", "a2"));
	TRY(rename("a", "a2"));
	TRY(rename("a2", "b"));
	TRY(renameat2(AT_FDCWD, "b", AT_FDCWD, "target", RENAME_NOREPLACE));
	TRY(renameat2(AT_FDCWD, "b", AT_FDCWD, "target", RENAME_EXCHANGE));
	TRY(renameat2(AT_FDCWD, "b", AT_FDCWD, "target", 0x80));
	TRY(rename("folder", "folder/below"));
	TRY(rename("b", "folder"));
	TRY(rename("folder", "b"));
	TRY(rename("b", "/dev/shm/b"));
	TRY(rename("b", "/etc/b"));
	TRY(rename(".", "b"));
	TRY(rename("folder/..", "b"));
	TRY(rename("folder/", "moved/"));
	TRY(rename("moved", "folder"));
	TRY(mkdir("d", 0777));
	TRY(mkdir("d", 0777));
	TRY(mkdir("d/e/", 0777));
	TRY(mkdir("d/.", 0777));
	TRY(mkdir("d/..", 0777));
	TRY(mkdir("/", 0777));
	TRY(mkdir("absent/e", 0777));
	TRY(mkdir("/etc/e", 0777));
	TRY(rmdir("d"));
	TRY(rmdir("d/e/."));
	TRY(rmdir("d/e/.."));
	TRY(rmdir("/"));
	TRY(rmdir("d/e/"));
	TRY(rmdir("to-folder"));
	TRY(rmdir("to-folder/"));
	TRY(rmdir("b"));
	TRY(unlinkat(AT_FDCWD, "d", AT_REMOVEDIR));
	TRY(unlinkat(AT_FDCWD, "b", 0x4000));
	TRY(mknod("fifo", S_IFIFO | 0666, 0));
	TRY(mknod("fifo", S_IFIFO | 0666, 0));
	TRY(mknod("plain", S_IFREG | 0666, 0));
	TRY(mknod("device", S_IFCHR | 0666, 0x103));
	TRY(mknod("socket", S_IFSOCK | 0666, 0));
	TRY(opened(open("fifo", O_WRONLY | O_NONBLOCK)));
	TRY(opened(open("socket", O_WRONLY)));
}

/* fchmodat2: a kernel without it has a gate that knows it all the same. */
static void chmod_with_flags(int file_fd)
{
	if (!kernel_is_since(6, 6))
		return;
	TRY(RAW(452, AT_FDCWD, "loop-a", 0600, AT_SYMLINK_NOFOLLOW));
	TRY(RAW(452, file_fd, "", 0644, AT_EMPTY_PATH));
}

static void attributes(void)
{
	struct timespec times[2] = {{1000, 5}, {2000, 7}};
	struct timespec bad[2] = {{1, 2000000000}, {2, 0}};
	struct timeval micro[2] = {{1, 1}, {2, 2}};
	struct utimbuf seconds = {5, 6};
	struct stat st;
	const int file_fd = open("target", O_RDONLY);
	char value[8] = "";

	TRY(chmod("target", 0640));
	TRY(chmod("to-folder", 0750));
	TRY(chmod("absent", 0640));
	TRY(chmod("target/", 0640));
	TRY(chmod("/etc/passwd", 0640));
	TRY(chmod("target", 04755));
	TRY(fchmod(file_fd, 0604));
	TRY(fchmod(-1, 0604));
	chmod_with_flags(file_fd);
	TRY(chown("target", (uid_t)-1, (gid_t)-1));
	TRY(chown("target", 0, 0));
	TRY(lchown("loop-a", getuid(), getgid()));
	TRY(lchown("loop-a", 0, 0));
	TRY(fchown(file_fd, getuid(), getgid()));
	TRY(fchownat(file_fd, "", getuid(), getgid(), AT_EMPTY_PATH));
	TRY(fchownat(AT_FDCWD, "", getuid(), getgid(), 0));
	TRY(truncate("target", 3));
	TRY(truncate("target", -1));
	TRY(truncate("folder", 3));
	TRY(truncate("absent", 3));
	TRY(truncate("/etc/passwd", 3));
	TRY(utimensat(AT_FDCWD, "target", times, 0));
	TRY(utimensat(AT_FDCWD, "target", bad, 0));
	TRY(utimensat(AT_FDCWD, "loop-a", times, AT_SYMLINK_NOFOLLOW));
	TRY(utimensat(AT_FDCWD, "loop-a", times, 0));
	TRY(futimens(file_fd, times));
	TRY(RAW(SYS_utimes, "target", micro));
	TRY(RAW(SYS_utime, "target", &seconds));
	TRY(RAW(SYS_futimesat, AT_FDCWD, "target", NULL));
	TRY(utimensat(AT_FDCWD, "target", times, 0));
	if (stat("target", &st) == 0)
		(void)printf("  %o %lld %ld.%ld %ld.%ld\n", st.st_mode, (long long)st.st_size,
			     st.st_atim.tv_sec, st.st_atim.tv_nsec, st.st_mtim.tv_sec,
			     st.st_mtim.tv_nsec);
	TRY(setxattr("target", "user.a", "value", 5, 0));
	TRY(setxattr("target", "user.a", "value", 5, XATTR_CREATE));
	TRY(setxattr("target", "trusted.a", "value", 5, 0));
	TRY(setxattr("target", "none", "value", 5, 0));
	TRY(setxattr("absent", "user.a", "value", 5, 0));
	TRY(lsetxattr("loop-a", "user.a", "value", 5, 0));
	TRY(fsetxattr(file_fd, "user.b", "", 0, 0));
	TRY(getxattr("target", "user.a", value, sizeof(value)));
	(void)printf("  %s\n", value);
	TRY(removexattr("target", "user.a"));
	TRY(removexattr("target", "user.a"));
	TRY(lremovexattr("target", "user.b"));
	TRY(fremovexattr(file_fd, "user.b"));
	(void)close(file_fd);
}

/* What a name in /proc stands for is the caller's own. */
static void aliases(void)
{
	char path[64];
	int file_fd = open("text", O_RDONLY);
	int folder_fd = open("folder", O_RDONLY | O_DIRECTORY);
	int pipe_fds[2];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", file_fd);
	TRY(opened(open(path, O_RDWR)));
	TRY(opened(open(path, O_WRONLY | O_NOFOLLOW)));
	(void)snprintf(path, sizeof(path), "/dev/fd/%d", file_fd);
	TRY(opened(open(path, O_RDWR | O_APPEND)));
	(void)snprintf(path, sizeof(path), "/proc/thread-self/fd/%d", file_fd);
	TRY(opened(open(path, O_RDWR)));
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d/deep", folder_fd);
	TRY(opened(open(path, O_RDWR | O_CREAT, 0600)));
	TRY(opened(openat(folder_fd, "deeper", O_RDWR | O_CREAT, 0600)));
	TRY(opened(openat(file_fd, "deeper", O_RDWR | O_CREAT, 0600)));
	TRY(opened(open("/proc/self/cwd/by-cwd", O_RDWR | O_CREAT, 0600)));
	TRY(opened(open("/proc/self/root/dev/null", O_RDWR)));
	TRY(opened(open("/proc/self/fd/99", O_RDWR)));
	TRY(opened(open("/proc/self/exe", O_RDWR)));
	TRY(opened(open("/proc/1/fd/0", O_RDWR)));
	TRY(opened(open("/proc/1/root/dev/null", O_RDWR)));
	TRY(pipe(pipe_fds));
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", pipe_fds[0]);
	TRY(open(path, O_WRONLY));
	TRY(mkdir(path, 0700));
	TRY(unlink(path));
	(void)close(file_fd);
	file_fd = open(".", O_TMPFILE | O_RDWR, 0640);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", file_fd);
	TRY(linkat(AT_FDCWD, path, AT_FDCWD, "linked-tmpfile", AT_SYMLINK_FOLLOW));
	/* Before, it took a capability to name a file by its descriptor alone. */
	if (kernel_is_since(6, 10))
		TRY(linkat(file_fd, "", AT_FDCWD, "linked-tmpfile2", AT_EMPTY_PATH));
	(void)close(file_fd);
	file_fd = open("gone", O_RDWR | O_CREAT, 0600);
	(void)unlink("gone");
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", file_fd);
	TRY(opened(open(path, O_RDWR | O_TRUNC)));
	TRY(linkat(AT_FDCWD, path, AT_FDCWD, "back", AT_SYMLINK_FOLLOW));
	(void)close(file_fd);
	(void)close(folder_fd);
}

/* A FIFO waits for its reader, and nobody else waits with it. */
static void fifos(void)
{
	char text[8] = "";
	const pid_t pid = fork();
	int file_fd;
	int status = 0;

	if (!pid) {
		file_fd = open("fifo", O_WRONLY);
		_exit(file_fd < 0 || write(file_fd, "through", 7) != 7);
	}
	for (int i = 0; i < 50; i++) {
		put("meanwhile", "x");
		(void)usleep(1000);
	}
	file_fd = open("fifo", O_RDONLY);
	TRY(read(file_fd, text, sizeof(text)));
	(void)waitpid(pid, &status, 0);
	(void)printf("  fifo: %s, %d\n", text, status);
	(void)close(file_fd);
}

int main(void)
{
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	(void)umask(022);
	opens();
	links();
	names();
	attributes();
	aliases();
	fifos();
	return 0;
}
