/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's other entrances: foreign ABIs, rings, namespaces, mounts, filters. */
#include <linux/filter.h>
#include <linux/io_uring.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "sandbox/compat/syscalls.h"
#include "tools/prove/probes/attempt.h"

static int fork_and_wait(const struct arena *a)
{
	const pid_t child = fork();

	(void)a;
	if (!child)
		_exit(0);
	return child < 0 ? errno : outcome(waitpid(child, NULL, 0));
}

/* getpid by the x32 table. The kernel may lack it: then it says so, and nothing is killed. */
static int x32_call(const struct arena *a)
{
	(void)a;
	(void)syscall(0x40000000 | SYS_getpid);
	return 0;
}

/* getpid, 20 in the table of i386. */
static int i386_call(const struct arena *a)
{
	long r = 20;

	(void)a;
	__asm__ volatile("int $0x80" : "+a"(r) : : "memory", "r8", "r9", "r10", "r11");
	return 0;
}

static int ring(const struct arena *a)
{
	struct io_uring_params params = {0};

	(void)a;
	return closed((int)syscall(SYS_io_uring_setup, 4, &params));
}

static int cloned(unsigned long flags)
{
	const long child = syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL, 0);

	if (child == 0)
		_exit(0);
	return child < 0 ? errno : outcome(waitpid((pid_t)child, NULL, 0));
}

static int clone_user(const struct arena *a)
{
	(void)a;
	return cloned(CLONE_NEWUSER);
}

static int clone_each(const struct arena *a)
{
	static const unsigned long kinds[] = {CLONE_NEWNS,  CLONE_NEWPID, CLONE_NEWNET,
					      CLONE_NEWIPC, CLONE_NEWUTS, CLONE_NEWCGROUP};
	int r = EPERM;

	(void)a;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (cloned(kinds[i]) != EPERM)
			r = 0;
	return r;
}

static int clone3_user(const struct arena *a)
{
	uint64_t args[11] = {CLONE_NEWUSER, 0, 0, 0, SIGCHLD};
	const long child = syscall(SYS_clone3, args, sizeof(args));

	(void)a;
	if (child == 0)
		_exit(0);
	return child < 0 ? errno : outcome(waitpid((pid_t)child, NULL, 0));
}

static int unshare_each(const struct arena *a)
{
	static const int kinds[] = {CLONE_NEWUSER, CLONE_NEWNS,	 CLONE_NEWPID,	  CLONE_NEWNET,
				    CLONE_NEWIPC,  CLONE_NEWUTS, CLONE_NEWCGROUP, 0x80};
	int r = EPERM;

	(void)a;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (unshare(kinds[i]) == 0)
			r = 0;
	return r;
}

static int join_own_namespace(const struct arena *a)
{
	const int ns_fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	const int r = ns_fd < 0 ? ATTEMPT_BROKEN : outcome(setns(ns_fd, 0));

	(void)a;
	(void)close(ns_fd);
	return r;
}

static int mount_tmpfs(const struct arena *a)
{
	(void)a;
	return outcome(mount("none", "/tmp", "tmpfs", 0, NULL));
}

static int mount_tmpfs_by_fd(const struct arena *a)
{
	(void)a;
	return closed(fsopen("tmpfs", FSOPEN_CLOEXEC));
}

static int clone_tree(const struct arena *a)
{
	(void)a;
	return closed(open_tree(AT_FDCWD, "/proc", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
}

static int make_writable(const struct arena *a)
{
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_NOEXEC};

	(void)a;
	return outcome(mount_setattr(AT_FDCWD, "/proc", 0, &attr, sizeof(attr)));
}

static int unmount_proc(const struct arena *a)
{
	(void)a;
	return outcome(umount2("/proc", MNT_DETACH));
}

static int change_root(const struct arena *a)
{
	(void)a;
	return outcome(chroot("/tmp"));
}

static struct sock_filter allow_all[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
static const struct sock_fprog program = {.len = 1, .filter = allow_all};

static int no_new_privs(void)
{
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? ATTEMPT_BROKEN : 0;
}

static int nested_filter(const struct arena *a)
{
	(void)a;
	return no_new_privs() ? ATTEMPT_BROKEN
			      : outcome(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program));
}

static int nested_listener(const struct arena *a)
{
	(void)a;
	return no_new_privs() ? ATTEMPT_BROKEN
			      : closed((int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
						    SECCOMP_FILTER_FLAG_NEW_LISTENER, &program));
}

static int nested_filter_by_prctl(const struct arena *a)
{
	(void)a;
	return no_new_privs() ? ATTEMPT_BROKEN
			      : outcome(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0));
}

/* The kernel takes an int: what is above must not hide the option from the filter. */
static int nested_filter_high_bits(const struct arena *a)
{
	(void)a;
	return no_new_privs() ? ATTEMPT_BROKEN
			      : outcome(syscall(SYS_prctl, 0x100000000ul | PR_SET_SECCOMP,
						SECCOMP_MODE_FILTER, &program, 0, 0));
}

static int ask_for_filter(const struct arena *a)
{
	(void)a;
	return outcome(prctl(PR_SET_NAME, "twin", 0, 0, 0));
}

static int become_root(const struct arena *a)
{
	(void)a;
	return outcome(setuid(0));
}

static int become_self(const struct arena *a)
{
	(void)a;
	return outcome(setuid(getuid()));
}

static int fixed_addresses(const struct arena *a)
{
	(void)a;
	return outcome(personality(ADDR_NO_RANDOMIZE));
}

static int ask_personality(const struct arena *a)
{
	(void)a;
	return outcome(personality(0xffffffff));
}

#define NO_NS	 "seccomp; user.max_user_namespaces=0"
#define NO_MOUNT "seccomp; no capabilities"

const struct row kernel_rows[] = {
	ROW("kernel.x32", "16", "seccomp kills", x32_call, .twin = fork_and_wait,
	    .expect_signal = SIGSYS, .control = CONTROL_BARE),
	ROW("kernel.int80", "16", "seccomp kills", i386_call, .twin = fork_and_wait,
	    .expect_signal = SIGSYS, .control = CONTROL_BARE),
	ROW("kernel.io-uring", "13", "seccomp", ring, .expect = {ENOSYS}, .control = CONTROL_BARE),
	ROW("kernel.clone-user", "23", NO_NS, clone_user, .twin = fork_and_wait, .expect = {EPERM},
	    .control = CONTROL_BARE),
	ROW("kernel.clone-each", "23", NO_MOUNT, clone_each, .twin = fork_and_wait,
	    .expect = {EPERM}, .control = CONTROL_BARE),
	ROW("kernel.clone3-user", "14,23", NO_NS, clone3_user, .twin = fork_and_wait,
	    .expect = {ENOSYS}, .control = CONTROL_BARE),
	ROW("kernel.unshare", "23", NO_MOUNT, unshare_each, .twin = fork_and_wait,
	    .expect = {EPERM}, .control = CONTROL_BARE),
	ROW("kernel.setns", "23", NO_MOUNT, join_own_namespace, .expect = {EPERM},
	    .control = CONTROL_BARE),
	ROW("kernel.mount", "24", NO_MOUNT, mount_tmpfs, .expect = {EPERM},
	    .control = CONTROL_BARE),
	ROW("kernel.fsopen", "24", NO_MOUNT, mount_tmpfs_by_fd, .expect = {EPERM},
	    .control = CONTROL_BARE),
	ROW("kernel.open-tree", "24", NO_MOUNT, clone_tree, .expect = {EPERM},
	    .control = CONTROL_BARE),
	ROW("kernel.mount-setattr", "24", NO_MOUNT, make_writable, .expect = {EPERM},
	    .control = CONTROL_BARE),
	ROW("kernel.umount", "24", NO_MOUNT, unmount_proc, .expect = {EPERM},
	    .control = CONTROL_BARE),
	ROW("kernel.chroot", "24", NO_MOUNT, change_root, .expect = {EPERM},
	    .control = CONTROL_BARE),
	ROW("kernel.filter", "12", "seccomp", nested_filter, .twin = ask_for_filter,
	    .expect = {EPERM}, .control = CONTROL_BARE),
	ROW("kernel.filter-listener", "12", "seccomp", nested_listener, .twin = ask_for_filter,
	    .expect = {EPERM}, .control = CONTROL_BARE),
	ROW("kernel.filter-prctl", "12", "seccomp", nested_filter_by_prctl, .twin = ask_for_filter,
	    .expect = {EPERM}, .control = CONTROL_BARE),
	ROW("kernel.filter-high-bits", "12", "seccomp", nested_filter_high_bits,
	    .twin = ask_for_filter, .expect = {EPERM}, .control = CONTROL_BARE),
	ROW("kernel.setuid", "23", "user namespace; no capabilities", become_root,
	    .twin = become_self, .expect = {EPERM, EINVAL}, .control = CONTROL_BARE),
	ROW("kernel.personality", "31", "seccomp", fixed_addresses, .twin = ask_personality,
	    .expect = {EPERM}, .control = CONTROL_BARE),
	{0},
};
