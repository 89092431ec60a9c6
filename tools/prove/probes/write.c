/* SPDX-License-Identifier: Apache-2.0 */
/* Changing what is outside: read-only binds, workspaces, /usr, /proc/sys, set-id bits, devices. */
#include <linux/stat.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/xattr.h>

#include "sandbox/compat/syscalls.h"
#include "tools/prove/probes/attempt.h"

#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif

static int new_file_away(const struct arena *a)
{
	char path[PATH_BYTES];

	return create(fresh_name(path, a->away, "new"));
}

/* Every way to change a file or folder. Return: 0 if any one worked, else the first errno. */
static int change_every_way(const char *folder, const char *name)
{
	char file[PATH_BYTES];
	char other[PATH_BYTES];
	const struct timeval epoch[2] = {{0}};
	int r = overwrite(joined(file, folder, name));

	fresh_name(other, folder, "new");
	if (truncate(file, 0) == 0 || chmod(file, 0600) == 0 || utimes(file, epoch) == 0 ||
	    setxattr(file, "user.escape", "x", 1, 0) == 0)
		r = 0;
	if (create(other) == 0 || mkdir(other, 0755) == 0 || symlink(file, other) == 0 ||
	    link(file, other) == 0 || mknod(other, S_IFIFO | 0600, 0) == 0)
		r = 0;
	fresh_name(other, folder, "moved");
	if (rename(file, other) == 0 || unlink(file) == 0 || unlink(other) == 0)
		r = 0;
	return r;
}

static int change_bind(const struct arena *a)
{
	return change_every_way(a->bound, "file");
}

static int change_workspace(const struct arena *a)
{
	return change_every_way(a->work, "kept");
}

/* A descriptor for reading, reopened for writing by its magic link. */
static int reopen_stdin(const struct arena *a)
{
	(void)a;
	return overwrite("/proc/self/fd/0");
}

static int reopen_bound_file(const struct arena *a)
{
	char path[PATH_BYTES];
	const int file_fd = open(joined(path, a->bound, "file"), O_RDONLY | O_CLOEXEC);
	int r;

	if (file_fd < 0)
		return ATTEMPT_BROKEN;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", file_fd);
	r = overwrite(path);
	(void)close(file_fd);
	return r;
}

static int write_usr(const struct arena *a)
{
	char path[PATH_BYTES];

	(void)a;
	return create(fresh_name(path, "/usr/bin", "cordon-escape"));
}

static int write_root(const struct arena *a)
{
	char path[PATH_BYTES];

	(void)a;
	return create(fresh_name(path, "", "cordon-escape"));
}

static int write_etc(const struct arena *a)
{
	(void)a;
	return closed(open("/etc/passwd", O_WRONLY | O_CLOEXEC));
}

static int write_temporary(const struct arena *a)
{
	char path[PATH_BYTES];

	(void)a;
	return create(fresh_name(path, "/tmp", "twin"));
}

/* Opened only: on a host where that works, nothing must change. */
static int open_settings(const struct arena *a)
{
	static const char *const files[] = {
		"/proc/sys/user/max_user_namespaces", "/proc/sys/kernel/hostname",
		"/proc/sys/kernel/core_pattern",      "/proc/sys/kernel/modprobe",
		"/proc/sys/net/ipv4/ip_forward",      "/proc/sysrq-trigger",
		"/proc/sys/fs/binfmt_misc/register",  "/proc/sys/vm/overcommit_memory"};
	int r = EACCES;

	(void)a;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (closed(open(files[i], O_WRONLY | O_CLOEXEC)) == 0)
			r = 0;
	return r;
}

static int write_own_comm(const struct arena *a)
{
	(void)a;
	return overwrite("/proc/self/comm");
}

static int plain_file(const struct arena *a, char *path)
{
	fresh_name(path, a->work, "file");
	return create(path);
}

/* Every call that takes a mode, with each of the two bits. */
static int set_id_bits(const struct arena *a)
{
	static const mode_t bits[] = {S_ISUID, S_ISGID, S_ISUID | S_ISGID};
	char file[PATH_BYTES];
	char other[PATH_BYTES];
	int r = plain_file(a, file) ? ATTEMPT_BROKEN : EPERM;
	const int file_fd = open(file, O_RDONLY | O_CLOEXEC);

	for (size_t i = 0; i < 3 && r != ATTEMPT_BROKEN; i++) {
		const mode_t mode = bits[i] | 0755;

		if (syscall(SYS_chmod, file, mode) == 0 ||
		    syscall(SYS_fchmod, file_fd, mode) == 0 ||
		    syscall(SYS_fchmodat, AT_FDCWD, file, mode) == 0 ||
		    syscall(SYS_fchmodat2, AT_FDCWD, file, mode, 0) == 0)
			r = 0;
		if (syscall(SYS_open, fresh_name(other, a->work, "open"), O_CREAT | O_WRONLY,
			    mode) >= 0 ||
		    syscall(SYS_openat, AT_FDCWD, fresh_name(other, a->work, "openat"),
			    O_CREAT | O_WRONLY, mode) >= 0 ||
		    syscall(SYS_creat, fresh_name(other, a->work, "creat"), mode) >= 0 ||
		    syscall(SYS_mknod, fresh_name(other, a->work, "mknod"), S_IFREG | mode, 0) ==
			    0 ||
		    syscall(SYS_mknodat, AT_FDCWD, fresh_name(other, a->work, "mknodat"),
			    S_IFREG | mode, 0) == 0)
			r = 0;
	}
	(void)close(file_fd);
	return r;
}

/* A nameless file gets the bits, then a name. */
static int set_id_tmpfile(const struct arena *a)
{
	char path[PATH_BYTES];
	char from[64];
	const long file_fd =
		syscall(SYS_openat, AT_FDCWD, a->work, O_TMPFILE | O_WRONLY, S_ISUID | 0755);

	if (file_fd < 0)
		return errno;
	(void)snprintf(from, sizeof(from), "/proc/self/fd/%ld", file_fd);
	return outcome(linkat(AT_FDCWD, from, AT_FDCWD, fresh_name(path, a->work, "tmp"),
			      AT_SYMLINK_FOLLOW));
}

/* Bits above those that the kernel looks at must not hide the ones that count. */
static int set_id_high_bits(const struct arena *a)
{
	char file[PATH_BYTES];

	if (plain_file(a, file))
		return ATTEMPT_BROKEN;
	return outcome(syscall(SYS_chmod, file, 0xffffffff00000000ul | S_ISUID | 0755));
}

static int ordinary_modes(const struct arena *a)
{
	char file[PATH_BYTES];

	return plain_file(a, file) ? ATTEMPT_BROKEN : outcome(chmod(file, 01755));
}

static int file_capability(const struct arena *a)
{
	/* vfs_cap_data of revision 2: cap_setuid permitted and effective. */
	static const unsigned char value[20] = {1, 0, 0, 2, 128};
	char file[PATH_BYTES];

	return plain_file(a, file)
		       ? ATTEMPT_BROKEN
		       : outcome(setxattr(file, "security.capability", value, sizeof(value), 0));
}

/* Of all devices only the whiteout (0:0) needs no privilege. */
static int whiteout(const struct arena *a)
{
	char path[PATH_BYTES];

	return outcome(mknod(fresh_name(path, a->work, "node"), S_IFCHR | 0666, makedev(0, 0)));
}

static int null_node(const struct arena *a)
{
	char path[PATH_BYTES];

	return outcome(mknod(fresh_name(path, a->work, "node"), S_IFCHR | 0666, makedev(1, 3)));
}

static int fifo(const struct arena *a)
{
	char path[PATH_BYTES];

	return outcome(mknod(fresh_name(path, a->work, "fifo"), S_IFIFO | 0600, 0));
}

const struct row write_rows[] = {
	ROW("write.away", "19", "mount namespace, pivot_root", new_file_away,
	    .effect = EFFECT_CHANGE, .expect = {ENOENT}, .control = CONTROL_HOST),
	ROW("write.bind", "19", "read-only bind; Landlock", change_bind, .effect = EFFECT_CHANGE,
	    .expect = {EROFS}, .control = CONTROL_HOST),
	ROW("write.bind-reopen", "19,22", "read-only bind; Landlock", reopen_bound_file,
	    .effect = EFFECT_CHANGE, .expect = {EROFS}, .control = CONTROL_HOST),
	ROW("write.workspace-cow", "34", "overlay", change_workspace, .effect = EFFECT_CHANGE,
	    .control = CONTROL_HOST),
	ROW("write.workspace-ro", "34", "read-only bind; Landlock", change_workspace,
	    .effect = EFFECT_CHANGE, .expect = {EROFS}, .control = CONTROL_HOST, .flags = ROW_RO),
	ROW("write.stdin-reopen", "22,25", "Landlock", reopen_stdin, .effect = EFFECT_CHANGE,
	    .expect = {EACCES}, .control = CONTROL_HOST),
	ROW("write.usr", "34", "read-only bind; Landlock", write_usr, .twin = write_temporary,
	    .expect = {EROFS}),
	ROW("write.root", "34", "read-only root; Landlock", write_root, .twin = write_temporary,
	    .expect = {EROFS}),
	ROW("write.etc", "34", "read-only root; Landlock", write_etc, .twin = write_temporary,
	    .expect = {EROFS, EACCES}),
	ROW("write.proc-sys", "22,31", "no root inside", open_settings, .twin = write_own_comm,
	    .expect = {EACCES}, .control = CONTROL_BARE),
	ROW("write.set-id", "23", "seccomp", set_id_bits, .twin = ordinary_modes,
	    .effect = EFFECT_CHANGE, .expect = {EPERM}, .control = CONTROL_HOST, .flags = ROW_LIVE),
	ROW("write.set-id-tmpfile", "23", "seccomp", set_id_tmpfile, .twin = ordinary_modes,
	    .effect = EFFECT_CHANGE, .expect = {EPERM}, .control = CONTROL_HOST, .flags = ROW_LIVE),
	ROW("write.set-id-high-bits", "23", "seccomp", set_id_high_bits, .twin = ordinary_modes,
	    .effect = EFFECT_CHANGE, .expect = {EPERM}, .control = CONTROL_HOST, .flags = ROW_LIVE),
	ROW("write.file-capability", "23", "no capabilities", file_capability,
	    .twin = ordinary_modes, .expect = {EPERM}, .control = CONTROL_BARE, .flags = ROW_LIVE),
	ROW("write.whiteout", "22", "seccomp", whiteout, .twin = fifo, .effect = EFFECT_CHANGE,
	    .expect = {EPERM}, .control = CONTROL_HOST, .flags = ROW_LIVE),
	ROW("write.device", "22", "seccomp; Landlock; no capabilities", null_node, .twin = fifo,
	    .effect = EFFECT_CHANGE, .expect = {EPERM}, .flags = ROW_LIVE),
	{0},
};
