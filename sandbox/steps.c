/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The walls of a session, in the order in which its init puts them up. Adding one is a file with
 * an apply function and a row here. A step that fails ends the session: none is skipped.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "sandbox/compat/syscalls.h"
#include "sandbox/launch.h"
#include "sandbox/lite.h"

static int enter_cgroup_namespace(struct launch *l, struct error *err)
{
	if (unshare(CLONE_NEWCGROUP) < 0)
		return error_errno(err, errno, "create the session's cgroup namespace");
	launch_say(l, "pid=on");
	launch_say(l, "ipc=on");
	launch_say(l, "cgroup=on");
	return 0;
}

static int set_host_name(struct launch *l, struct error *err)
{
	if (sethostname(l->spec.hostname, strlen(l->spec.hostname)) < 0)
		return error_errno(err, errno, "set the session's host name");
	launch_say(l, "uts=on");
	return 0;
}

static int write_limit(const char *path, const char *value, const char *what, struct error *err)
{
	_cleanup_close_ int limit_fd = open(path, O_WRONLY | O_CLOEXEC);
	const ssize_t len = (ssize_t)strlen(value);

	if (limit_fd < 0 || write(limit_fd, value, (size_t)len) != len)
		return error_errno(err, errno, "%s (%s)", what, path);
	return 0;
}

/*
 * Watches on files are counted for whoever made this namespace, too, and without them much of a
 * host does not start. A session gets a share of what the host allows each of its users.
 */
static int share_watches(struct error *err)
{
	static const char *const limits[][2] = {
		{"/proc/sys/fs/inotify/max_user_instances", "/proc/sys/user/max_inotify_instances"},
		{"/proc/sys/fs/inotify/max_user_watches", "/proc/sys/user/max_inotify_watches"},
	};

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		_cleanup_close_ int host_fd = open(limits[i][0], O_RDONLY | O_CLOEXEC);
		char text[32] = "";
		int r;

		if (host_fd < 0)
			continue; /* a kernel without inotify */
		if (read(host_fd, text, sizeof(text) - 1) <= 0)
			return error_errno(err, errno, "read %s", limits[i][0]);
		(void)snprintf(text, sizeof(text), "%lu",
			       strtoul(text, NULL, 10) / LAUNCH_USER_SHARE);
		r = write_limit(limits[i][1], text, "limit watches on files", err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Not even a process that got past the filter may make user namespaces. Needs /proc of the view. */
static int set_user_limits(struct launch *l, struct error *err)
{
	const int r = write_limit("/proc/sys/user/max_user_namespaces", "0",
				  "forbid new user namespaces", err);

	if (r < 0)
		return r;
	launch_say(l, "userns.inner=off");
	return share_watches(err);
}

static int check_filter(struct launch *l, struct error *err)
{
	const unsigned actions[] = {SECCOMP_RET_USER_NOTIF, SECCOMP_RET_KILL_PROCESS};

	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
		if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &actions[i]) < 0)
			return error_errno(err, errno,
					   "seccomp of this kernel lacks a needed action (Linux "
					   "5.0 with CONFIG_SECCOMP_FILTER is the least)");
	launch_say(l, "seccomp=on");
	return 0;
}

/* Which isolation a step is of. */
enum {
	FULL = 1u << ISOLATION_FULL,
	LITE = 1u << ISOLATION_LITE
};

struct step {
	const char *name;
	unsigned of;
	int (*apply)(struct launch *l, struct error *err);
	const char *way_out; /* of a host that refuses it; NULL: the reason tells itself */
};

static const struct step steps[] = {
	/* Needs the maps that P wrote. Gives the id that everything below is made with. */
	{"user", FULL, userns_enter,
	 WAY_OUT WAY_OUT_CONTAINER "setresuid, setresgid, setgroups and prctl"},
	/* Takes the id of whatever is started. */
	{"ids", LITE, lite_enter, NULL},
	/* In the place of a pid namespace. */
	{"children", LITE, lite_watch_children, NULL},
	/* Needs to be in the cgroup (P); must come before /proc is looked at by anybody. */
	{"cgroup-namespace", FULL, enter_cgroup_namespace,
	 WAY_OUT "a kernel with CONFIG_CGROUPS; " WAY_OUT_CONTAINER "unshare"},
	{"host-name", FULL, set_host_name, WAY_OUT WAY_OUT_CONTAINER "sethostname"},
	{"loopback", FULL, net_loopback_up, WAY_OUT WAY_OUT_CONTAINER "socket and ioctl"},
	/* Opens an ordinary user's sources, hence before anything covers them. */
	{"root", FULL, mounts_make_root, WAY_OUT_MOUNTING},
	/* Needs the host's /proc still visible: the kernel lets us mount a fresh one only then. */
	{"view", FULL, mounts_build_view, WAY_OUT_MOUNTING},
	/* Removes the host's mounts for good. */
	{"pivot", FULL, mounts_pivot,
	 WAY_OUT WAY_OUT_CONTAINER "pivot_root, umount2 and mount_setattr"},
	{"user-limits", FULL, set_user_limits, WAY_OUT "a kernel with CONFIG_SYSCTL"},
	/* Needs /proc of the view. */
	{"relay", FULL, net_make_local, WAY_OUT "Linux with IPv4 and IPv6; or --net=none"},
	/* As the session's user: may it read and write what it was given? */
	{"places", LITE, lite_check_places, NULL},
	/* Removes the way back to any capability; the init's own last until it ends. */
	{"capabilities", FULL | LITE, caps_lock, WAY_OUT WAY_OUT_CONTAINER "prctl"},
	/* Each execution applies these two for itself, last. */
	{"landlock", FULL | LITE, landlock_probe, NULL},
	{"filter", FULL | LITE, check_filter, NULL},
	/* Last: what was made is removed only behind a session that stood. */
	{"private-folder", LITE, lite_make_private, NULL},
};

/* Our caller's own limits are met (ulimit -f, -n): another host would not help. */
static bool is_of_limits(int code)
{
	return code == -EFBIG || code == -EMFILE;
}

int steps_apply(struct launch *l, struct error *err)
{
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		const struct step *step = &steps[i];
		int r;

		if (!(step->of & 1u << l->spec.isolation))
			continue;
		r = step->apply(l, err);
		if (r == 0)
			continue;
		(void)error_prefix(err, "sandbox step %s", step->name);
		if (is_of_limits(r))
			return r;
		if (step->way_out)
			r = launch_way_out(err, step->way_out);
		return step->of == FULL ? launch_offer_lite(err) : r;
	}
	return 0;
}
