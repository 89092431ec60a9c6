/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/mount.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "tools/cordon/doctor/doctor.h"
#include "tools/toolkit/paths.h"

/* Return: the number in a /proc/sys file, or -1 if the file is not there. */
static long sysctl_number(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	char text[32] = "";

	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		return -1;
	return strtol(text, NULL, 10);
}

static int write_text(const char *path, const char *text)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);
	const size_t len = strlen(text);

	if (fd < 0)
		return -errno;
	return write(fd, text, len) == (ssize_t)len ? 0 : -errno;
}

/* Why user namespaces are refused, as far as the host tells. */
static void explain_userns(struct probe_result *ret)
{
	if (sysctl_number("/proc/sys/user/max_user_namespaces") == 0)
		probe_remedy(ret, "sysctl -w user.max_user_namespaces=15000");
	else if (sysctl_number("/proc/sys/kernel/unprivileged_userns_clone") == 0)
		probe_remedy(ret, "sysctl -w kernel.unprivileged_userns_clone=1");
	else if (sysctl_number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == 1)
		probe_remedy(ret, "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, or an "
				  "AppArmor profile with \"userns,\" for cordon-launch");
	else
		probe_remedy(ret, "inside a container: allow unshare and mount in its seccomp "
				  "profile (docker: --security-opt seccomp=unconfined), or run "
				  "cordon on the host");
}

/* Enters new user and mount namespaces as their root. Return: 0, or -errno with the result set. */
static int enter_userns(struct probe_result *ret)
{
	char map[64];
	const unsigned uid = getuid();
	const unsigned gid = getgid();
	int r;

	if (unshare(CLONE_NEWUSER) < 0) {
		r = -errno;
		probe_set(ret, PROBE_MISSING, "unshare(CLONE_NEWUSER): %s", strerror(-r));
		explain_userns(ret);
		return r;
	}
	(void)write_text("/proc/self/setgroups", "deny");
	(void)snprintf(map, sizeof(map), "0 %u 1", uid);
	r = write_text("/proc/self/uid_map", map);
	(void)snprintf(map, sizeof(map), "0 %u 1", gid);
	if (r == 0)
		r = write_text("/proc/self/gid_map", map);
	if (r < 0)
		probe_set(ret, PROBE_MISSING, "writing the id map: %s", strerror(-r));
	else if (unshare(CLONE_NEWNS) < 0 ||
		 mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		 mount("tmpfs", "/tmp", "tmpfs", 0, NULL) < 0) {
		r = -errno;
		probe_set(ret, PROBE_MISSING, "mounting in a user namespace: %s", strerror(-r));
		explain_userns(ret);
	}
	return r;
}

static void try_namespaces(struct probe_result *ret)
{
	static const struct {
		int flag;
		const char *name;
	} kinds[] = {
		{CLONE_NEWPID, "pid"}, {CLONE_NEWNET, "net"},	    {CLONE_NEWIPC, "ipc"},
		{CLONE_NEWUTS, "uts"}, {CLONE_NEWCGROUP, "cgroup"},
	};

	if (enter_userns(ret) < 0)
		return;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (unshare(kinds[i].flag) < 0) {
			probe_set(ret, PROBE_MISSING, "%s namespace: %s", kinds[i].name,
				  strerror(errno));
			probe_remedy(ret,
				     "sysctl -w user.max_%s_namespaces=15000, and a kernel "
				     "with CONFIG_NAMESPACES",
				     kinds[i].name);
			return;
		}
	}
	probe_set(ret, PROBE_HOLDS, "user, mount, pid, net, ipc, uts and cgroup namespaces made");
}

void probe_namespaces(struct probe_result *ret)
{
	probe_in_child(try_namespaces, ret);
}

static void try_overlay(struct probe_result *ret)
{
	if (enter_userns(ret) < 0)
		return;
	if (mkdir("/tmp/lower", 0700) < 0 || mkdir("/tmp/upper", 0700) < 0 ||
	    mkdir("/tmp/work", 0700) < 0 || mkdir("/tmp/view", 0700) < 0) {
		probe_set(ret, PROBE_MISSING, "mkdir in a tmpfs: %s", strerror(errno));
		return;
	}
	if (mount("overlay", "/tmp/view", "overlay", MS_NOSUID | MS_NODEV,
		  "lowerdir=/tmp/lower,upperdir=/tmp/upper,workdir=/tmp/work,userxattr") < 0) {
		probe_set(ret, PROBE_MISSING, "mounting overlayfs in a user namespace: %s",
			  strerror(errno));
		probe_remedy(ret, "a kernel of 5.11 or later with overlayfs (modprobe overlay); or "
				  "--workspace DIR:ro or DIR:live, which need none");
		return;
	}
	probe_set(ret, PROBE_HOLDS,
		  "mounted in a user namespace: changes to the workspace are kept "
		  "apart");
}

void probe_overlay(struct probe_result *ret)
{
	probe_in_child(try_overlay, ret);
}

/* A user namespace with a map of its own, held open through its first process. */
static int userns_fd(void)
{
	char path[64];
	int ready[2];
	char byte = 0;
	int fd = -1;
	pid_t pid;

	if (pipe2(ready, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid == 0) {
		byte = unshare(CLONE_NEWUSER) == 0;
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)!write(ready[1], &byte, 1);
		(void)pause();
		_exit(0);
	}
	if (pid > 0 && read(ready[0], &byte, 1) == 1 && byte) {
		(void)snprintf(path, sizeof(path), "/proc/%d/uid_map", (int)pid);
		(void)write_text(path, "0 100000 65536");
		(void)snprintf(path, sizeof(path), "/proc/%d/gid_map", (int)pid);
		(void)write_text(path, "0 100000 65536");
		(void)snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
		fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	if (pid > 0) {
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
	}
	(void)close(ready[0]);
	(void)close(ready[1]);
	return fd >= 0 ? fd : -EPERM;
}

static void try_idmap(struct probe_result *ret)
{
	_cleanup_close_ int tree_fd = -1;
	_cleanup_close_ int ns_fd = userns_fd();
	_cleanup_free_ char *folder = NULL;
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_IDMAP};
	struct error err;

	if (paths_state_dir(&folder, &err) < 0)
		folder = xstrdup("/");
	if (ns_fd < 0) {
		probe_set(ret, PROBE_MISSING, "no user namespace to map ids by");
		return;
	}
	attr.userns_fd = (unsigned)ns_fd;
	tree_fd =
		(int)syscall(SYS_open_tree, AT_FDCWD, folder, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (tree_fd < 0 ||
	    syscall(SYS_mount_setattr, tree_fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0) {
		probe_set(ret, PROBE_MISSING, "idmapped mount of %s: %s", folder, strerror(errno));
		probe_remedy(ret, "a kernel of 5.12 or later and a file system that supports it "
				  "(ext4, xfs, btrfs, tmpfs from 6.3) for the state folder and the "
				  "workspace");
		return;
	}
	probe_set(ret, PROBE_HOLDS, "the owner of a file on the host is the session's user inside");
}

void probe_idmap(struct probe_result *ret)
{
	if (geteuid() != 0)
		probe_set(ret, PROBE_HOLDS, "not needed: an ordinary user's session has one id");
	else
		probe_in_child(try_idmap, ret);
}
