/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cordon-launch: builds one session from a spec and keeps it until it ends.
 *
 * Started with a socket as descriptor 3, by which the spec and a lock come (spec_wire.h), and the
 * control socket as 4. Whoever starts it does so before the spec is made: that a program begins
 * takes about as long as making one. Whatever cannot be put up is an ERROR message with the reason;
 * there is no weaker session.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "sandbox/compat/syscalls.h"
#include "sandbox/launch.h"
#include "sandbox/lite.h"
#include "sandbox/spec_wire.h"

#define OFFER_LITE "; or --isolation=lite, which needs none of it and holds less"
#define SESSION_NAMESPACES \
	(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS)

void launch_say(struct launch *l, const char *format, ...)
{
	char line[256];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	buf_put(&l->layers, line, strlen(line) + 1);
}

int launch_way_out(struct error *err, const char *way_out)
{
	return strstr(err->text, WAY_OUT) ? err->code : error_append(err, way_out);
}

int launch_lacks(struct error *err)
{
	return launch_way_out(err, WAY_OUT "`cordon doctor` tells what this host lacks");
}

int launch_offer_lite(struct error *err)
{
	if (landlock_abi() < LITE_LANDLOCK_ABI || strstr(err->text, OFFER_LITE))
		return err->code;
	return error_append(err, OFFER_LITE);
}

void launch_tell(const struct launch *l, const struct error *err)
{
	const struct msg m = {.type = MSG_ERROR,
			      .status = -err->code,
			      .payload_len = (uint32_t)strlen(err->text) + 1};

	(void)msg_send(l->control_fd, &m, err->text, NULL, 0);
}

void launch_fail(const struct launch *l, const struct error *err)
{
	launch_tell(l, err);
	_exit(LAUNCH_FAILED);
}

int launch_explain_clone(int code, const char *what, struct error *err)
{
	static const struct {
		const char *file;
		char refusing;
		const char *way_out;
	} switches[] = {
		{"/proc/sys/kernel/unprivileged_userns_clone", '0',
		 "sysctl kernel.unprivileged_userns_clone=1"},
		{"/proc/sys/kernel/apparmor_restrict_unprivileged_userns", '1',
		 "sysctl kernel.apparmor_restrict_unprivileged_userns=0, or an AppArmor profile "
		 "for cordon-launch that allows userns"},
		{"/proc/sys/user/max_user_namespaces", '0',
		 "sysctl user.max_user_namespaces=15000"},
	};

	size_t i = 0;

	for (; i < sizeof(switches) / sizeof(switches[0]); i++) {
		_cleanup_close_ int switch_fd = open(switches[i].file, O_RDONLY | O_CLOEXEC);
		char value = 0;

		if (switch_fd >= 0 && read(switch_fd, &value, 1) == 1 &&
		    value == switches[i].refusing)
			break;
	}
	if (i < sizeof(switches) / sizeof(switches[0])) {
		(void)error_set(err, code, "create %s: %s forbids it on this host" WAY_OUT "%s",
				what, switches[i].file, switches[i].way_out);
	} else {
		(void)error_errno(err, code, "create %s", what);
		(void)error_append(err, WAY_OUT WAY_OUT_CONTAINER
				   "clone and unshare; below chroot(2) the kernel refuses them, "
				   "below pivot_root(2) it does not");
	}
	return launch_offer_lite(err);
}

static unsigned long long namespaces_of(const struct launch *l)
{
	return l->lite ? 0 : SESSION_NAMESPACES;
}

/* Born in the session's v2 cgroup; -1 where there is none, or clone3(2) is not allowed. */
static pid_t clone_into_cgroup(const struct launch *l, int *ret_pidfd)
{
	const struct clone_args args = {
		.flags = namespaces_of(l) | CLONE_PIDFD | CLONE_INTO_CGROUP,
		.pidfd = (unsigned long long)(uintptr_t)ret_pidfd,
		.exit_signal = SIGCHLD,
		.cgroup = (unsigned long long)l->cgroup.folder_fd,
	};

	if (l->cgroup.folder_fd < 0)
		return -1;
	return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

static int start_init(struct launch *l, int *ret_pidfd, struct error *err)
{
	pid_t pid = clone_into_cgroup(l, ret_pidfd);
	int r;

	if (!pid)
		init_run(l);
	if (pid > 0)
		return pid;
	pid = (pid_t)syscall(SYS_clone, namespaces_of(l) | CLONE_PIDFD | SIGCHLD, NULL, ret_pidfd,
			     NULL, 0);
	if (pid < 0)
		return launch_explain_clone(
			errno, "the session's namespaces (user, mount, pid, net, ipc, uts)", err);
	if (!pid)
		init_run(l);
	r = cgroup_add(l, pid, err);
	if (r < 0)
		(void)kill(pid, SIGKILL);
	return r < 0 ? r : pid;
}

static int prepare_sources(struct launch *l, struct error *err)
{
	int r = sources_make_layers(l, err);

	if (r < 0 || !l->range)
		return r;
	r = sources_open(l, err);
	if (r != -ENOSYS && r != -EPERM)
		return r;
	(void)launch_way_out(err, WAY_OUT_MOUNTING);
	return launch_offer_lite(err);
}

/* Everything that must be opened with the rights of the host, before C exists. */
static int prepare(struct launch *l, struct error *err)
{
	int lock_fd = -1; /* held until we end, as by those that we start */
	int r = spec_receive(LAUNCH_SPEC_FD, &l->spec, &lock_fd, err);

	if (r == -EPIPE)
		_exit(0); /* who started us has come to nothing, and says so */
	if (!r)
		r = spec_check(&l->spec, err);
	if (r < 0)
		return r;
	(void)close(LAUNCH_SPEC_FD);
	l->range = l->spec.outer_count > 1;
	l->lite = l->spec.isolation == ISOLATION_LITE;
	launch_say(l, "isolation=%s", isolation_name(l->spec.isolation));
	l->sources = xcalloc(l->spec.mount_count, sizeof(*l->sources));
	for (size_t i = 0; i < l->spec.mount_count; i++)
		l->sources[i] = (struct source){-1, -1};
	r = l->lite ? lite_prepare(l, err) : prepare_sources(l, err);
	if (!r)
		r = disk_open(l, err);
	if (r < 0)
		return r;
	cgroup_make(l);
	r = cgroup_check(l, err);
	if (r < 0)
		cgroup_remove(l);
	return r;
}

static int let_go(struct launch *l, pid_t init_pid, int life_fd, struct error *err)
{
	const int r = l->lite ? 0 : userns_write_maps(l, init_pid, err);

	if (r < 0)
		return r;
	/* Only now: a task that is not dumpable cannot be given maps by an ordinary user. */
	(void)prctl(PR_SET_DUMPABLE, 0);
	if (write(life_fd, &(const char){KEEPER_GO}, 1) != 1)
		return error_errno(err, errno, "let the session's init go");
	return 0;
}

/* Without it the session's end takes a little longer. */
static int open_view(const struct launch *l, pid_t init_pid)
{
	_cleanup_free_ char *path = xasprintf("/proc/%d/ns/mnt", init_pid);

	return l->lite ? -1 : open(path, O_RDONLY | O_CLOEXEC);
}

/* What goes wrong is said on the control socket; the caller's terminal is not for us to hold. */
static void detach_stdio(void)
{
	const int null_fd = open("/dev/null", O_RDWR);

	for (int i = 0; null_fd >= 0 && i < 3; i++)
		(void)dup2(null_fd, i);
	if (null_fd > 2)
		(void)close(null_fd);
}

int main(void)
{
	struct launch l = {.control_fd = LAUNCH_CONTROL_FD,
			   .root_fd = -1,
			   .life_fd = -1,
			   .id_map = {.ns_fd = -1},
			   .disk = {.folder_fd = -1, .users_fd = -1, .report_fd = -1},
			   .cgroup = {.join_fds = {-1, -1, -1}, .folder_fd = -1}};
	struct error err = {0};
	int life[2];
	int init_pidfd = -1;
	pid_t init_pid;

	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)umask(022);
	(void)fcntl(LAUNCH_CONTROL_FD, F_SETFD, FD_CLOEXEC);
	(void)syscall(SYS_close_range, LAUNCH_CONTROL_FD + 1, ~0u, 0);
	detach_stdio();
	if (prepare(&l, &err) < 0)
		launch_fail(&l, &err);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, life) < 0) {
		(void)error_errno(&err, errno, "make a socket pair");
		launch_fail(&l, &err);
	}
	l.life_fd = life[0];
	l.keeper_end_fd = life[1];
	init_pid = start_init(&l, &init_pidfd, &err);
	l.view_fd = init_pid > 0 ? open_view(&l, init_pid) : -1;
	if (init_pid > 0)
		disk_begin(&l, init_pid);
	if (init_pid < 0 || let_go(&l, init_pid, life[1], &err) < 0) {
		if (init_pid > 0)
			(void)kill(init_pid, SIGKILL);
		cgroup_remove(&l);
		launch_fail(&l, &err);
	}
	userns_reap_holders();
	sources_close(&l);
	(void)close(life[0]);
	cgroup_sweep(&l);
	keeper_run(&l, init_pid, init_pidfd);
}
