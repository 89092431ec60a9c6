/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>

#include "common/cleanup.h"
#include "tools/cordon/doctor/doctor.h"

/* Newer than the headers of the oldest system that we build on. */
#define FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#define IOCTL_NOTIF_SET_FLAGS	SECCOMP_IOW(4, __u64)
#define NOTIF_FD_SYNC_WAKE_UP	1UL

/* Restricts the child for real: a kernel that takes the ruleset but ignores it would be found. */
static void try_landlock(struct probe_result *ret)
{
	const struct landlock_ruleset_attr attr = {.handled_access_fs =
							   LANDLOCK_ACCESS_FS_READ_FILE};
	const long abi =
		syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	_cleanup_close_ int ruleset_fd = -1;

	if (abi < 1) {
		probe_set(ret, PROBE_MISSING, "landlock_create_ruleset: %s", strerror(errno));
		probe_remedy(ret, "a kernel of 5.13 or later with CONFIG_SECURITY_LANDLOCK, and "
				  "\"landlock\" in the boot parameter lsm=");
		return;
	}
	ruleset_fd = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
	if (ruleset_fd < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    syscall(SYS_landlock_restrict_self, ruleset_fd, 0) < 0) {
		probe_set(ret, PROBE_MISSING, "landlock_restrict_self: %s", strerror(errno));
		return;
	}
	if (open("/proc/self/status", O_RDONLY | O_CLOEXEC) >= 0 || errno != EACCES) {
		probe_set(ret, PROBE_MISSING, "a restricted process could still read a file");
		return;
	}
	if (abi < 3) {
		probe_set(ret, PROBE_WEAKER, "ABI %ld: truncating a file is not covered", abi);
		probe_remedy(ret, "a kernel of 6.2 or later");
		return;
	}
	probe_set(ret, PROBE_HOLDS, "ABI %ld%s", abi,
		  abi >= 6 ? ", with signal and abstract socket scopes"
			   : "; signal and abstract socket scopes come with 6.12");
}

void probe_landlock(struct probe_result *ret)
{
	probe_in_child(try_landlock, ret);
}

static void try_no_new_privs(struct probe_result *ret)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		probe_set(ret, PROBE_MISSING, "prctl(PR_SET_NO_NEW_PRIVS): %s", strerror(errno));
	else
		probe_set(ret, PROBE_HOLDS, "set, and read back");
}

void probe_no_new_privs(struct probe_result *ret)
{
	probe_in_child(try_no_new_privs, ret);
}

/* A filter that turns getppid(2) into a notification. */
static int listener_open(unsigned long flags)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = {.len = sizeof(code) / sizeof(code[0]), .filter = code};
	const long fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
				flags | SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);

	return fd < 0 ? -errno : (int)fd;
}

/* One notification, answered with EDOM. Return: 0 or -errno. */
static int answer_one(int listener_fd)
{
	/* Kernels may know larger structures than our headers. */
	union {
		struct seccomp_notif request;
		char room[1024];
	} in = {0};

	union {
		struct seccomp_notif_resp response;
		char room[1024];
	} out = {0};

	if (ioctl(listener_fd, SECCOMP_IOCTL_NOTIF_RECV, &in) < 0)
		return -errno;
	out.response.id = in.request.id;
	out.response.error = -EDOM;
	return ioctl(listener_fd, SECCOMP_IOCTL_NOTIF_SEND, &out) < 0 ? -errno : 0;
}

static void try_notify(struct probe_result *ret)
{
	_cleanup_close_ int listener_fd = -1;
	bool killable = true;
	bool sync_wake;
	int status = 0;
	pid_t asker;
	int r;

	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	listener_fd = listener_open(FLAG_WAIT_KILLABLE_RECV);
	if (listener_fd == -EINVAL) {
		killable = false;
		listener_fd = listener_open(0);
	}
	if (listener_fd < 0) {
		probe_set(ret, PROBE_MISSING, "seccomp(NEW_LISTENER): %s%s", strerror(-listener_fd),
			  listener_fd == -EBUSY ? " (this process is under such a filter itself)"
						: "");
		probe_remedy(ret, "a kernel of 5.5 or later with CONFIG_SECCOMP_FILTER; not below "
				  "another seccomp supervisor");
		return;
	}
	sync_wake = ioctl(listener_fd, IOCTL_NOTIF_SET_FLAGS, NOTIF_FD_SYNC_WAKE_UP) == 0;
	asker = fork();
	if (asker == 0)
		_exit(syscall(SYS_getppid) == -1 && errno == EDOM ? 0 : 1);
	r = asker < 0 ? -errno : answer_one(listener_fd);
	if (asker > 0)
		(void)waitpid(asker, &status, 0);
	if (r < 0 || status != 0) {
		probe_set(ret, PROBE_MISSING, "a notification could not be answered: %s",
			  r < 0 ? strerror(-r) : "the caller did not get the answer");
		return;
	}
	probe_set(ret, killable ? PROBE_HOLDS : PROBE_WEAKER,
		  "a notification was answered; wait-killable %s, synchronous wake-up %s",
		  killable ? "yes" : "no", sync_wake ? "yes" : "no");
	if (!killable)
		probe_remedy(ret, "a kernel of 5.19 or later: without it a signal can interrupt a "
				  "call that is being decided");
}

void probe_notify(struct probe_result *ret)
{
	probe_in_child(try_notify, ret);
}

static void try_io_uring(struct probe_result *ret)
{
	/* struct io_uring_params is 120 bytes of zeros for a plain ring. */
	uint64_t params[15] = {0};
	const long fd = syscall(SYS_io_uring_setup, 1, params);

	if (fd < 0) {
		probe_set(ret, PROBE_HOLDS, "refused by the kernel already (%s)", strerror(errno));
		return;
	}
	probe_set(ret, PROBE_WEAKER, "on; sessions get ENOSYS from the filter alone");
	probe_remedy(ret, "sysctl -w kernel.io_uring_disabled=2, if nothing on the host needs it");
}

void probe_io_uring(struct probe_result *ret)
{
	probe_in_child(try_io_uring, ret);
}

/* In a user namespace of its own the child has no privilege over the terminal's: as sessions. */
static void try_tiocsti(struct probe_result *ret)
{
	int master_fd = -1;
	int slave_fd = -1;

	if (openpty(&master_fd, &slave_fd, NULL, NULL, NULL) < 0 || setsid() < 0 ||
	    ioctl(slave_fd, TIOCSCTTY, 0) < 0) {
		probe_set(ret, PROBE_WEAKER, "no pty to try it on: %s", strerror(errno));
		return;
	}
	if (unshare(CLONE_NEWUSER) < 0) {
		probe_set(ret, PROBE_WEAKER, "not tried: no user namespace");
		return;
	}
	if (ioctl(slave_fd, TIOCSTI, "x") < 0) {
		probe_set(ret, PROBE_HOLDS, "TIOCSTI is refused by the kernel already (%s)",
			  strerror(errno));
		return;
	}
	probe_set(ret, PROBE_WEAKER,
		  "TIOCSTI works on this kernel; sessions have a terminal of "
		  "their own, and the filter refuses it");
	probe_remedy(ret, "sysctl -w dev.tty.legacy_tiocsti=0");
}

void probe_tiocsti(struct probe_result *ret)
{
	probe_in_child(try_tiocsti, ret);
}
