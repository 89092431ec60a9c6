/* SPDX-License-Identifier: Apache-2.0 */
/*
 * X: from a process of ours to the program that was asked for. Everything is given up here, the
 * filter last; after it only the program's own start is left, and the first execve(2) is already
 * one that the supervisor decides on.
 *
 * Where it is known beforehand which walls the execution will have, they are up before the order
 * to run it comes: nobody waits for them then. Nothing that the gate asks about is called between.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/limits.h"
#include "sandbox/exec_strings.h"
#include "sandbox/filter.h"
#include "sandbox/hands.h"
#include "sandbox/launch.h"

#define REPORT_FD 3 /* the only descriptor besides stdio that lives until the execve */

/* What is to be run, and what its strings are in. */
static struct {
	struct msg m;
	char payload[MAX_MESSAGE_BYTES];
	struct exec_strings strings;
	char **env;
	int stdio_fds[3];
} order;

_Noreturn static void fail(const struct leaf_ends *ends, int sync_fd, const struct error *err)
{
	const struct exec_sync sync = {.failed = true};

	leaf_report(ends->report_fd, EXEC_SETUP_ERROR, -err->code, err->text);
	(void)!write(sync_fd, &sync, sizeof(sync));
	_exit(LAUNCH_FAILED);
}

/* A pty of the session's own devpts; the program gets it as its controlling terminal. */
static int open_pty(int ret_stdio[3], int *ret_master_fd, struct error *err)
{
	_cleanup_close_ int master_fd = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	int unlock = 0;
	int slave_fd;

	if (master_fd < 0 || ioctl(master_fd, TIOCSPTLCK, &unlock) < 0)
		return error_errno(err, errno, "open a terminal for the call");
	slave_fd = ioctl(master_fd, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave_fd < 0 || ioctl(slave_fd, TIOCSCTTY, 0) < 0)
		return error_errno(err, errno, "take the call's terminal");
	ret_stdio[0] = ret_stdio[1] = ret_stdio[2] = slave_fd;
	*ret_master_fd = take_fd(&master_fd);
	return 0;
}

static int set_up_stdio(const struct launch *l, int *ret_pty_fd, struct error *err)
{
	const int checked = exec_check_stdio(l, order.m.flags, order.stdio_fds, err);

	if (checked < 0)
		return checked;
	/* No terminal of the caller can become ours: a new session has none. */
	if (setsid() < 0)
		return error_errno(err, errno, "start a session for the call");
	if (order.m.flags & EXEC_TTY) {
		const int r = open_pty(order.stdio_fds, ret_pty_fd, err);

		if (r < 0)
			return r;
	}
	for (int i = 0; i < 3; i++)
		if (dup2(order.stdio_fds[i], i) < 0)
			return error_errno(err, errno, "set up stdio");
	return 0;
}

static int take_order(const struct launch *l, int order_fd, struct exec_sync *sync,
		      struct error *err)
{
	struct msg_fds fds = MSG_FDS_NONE;

	if (msg_recv(order_fd, &order.m, order.payload, &fds) != 0)
		_exit(0); /* C is gone, or wants another */
	(void)close(order_fd);
	if (exec_strings_take(&order.m, order.payload, &order.strings) < 0 || fds.count != 3)
		return error_set(err, EPROTO, "malformed EXEC message");
	order.env = order.m.envc ? order.strings.env : l->spec.env;
	memcpy(order.stdio_fds, fds.fd, sizeof(order.stdio_fds));
	sync->exec = order.m.exec;
	return set_up_stdio(l, &sync->pty_fd, err);
}

static void reset_signals(void)
{
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++)
		(void)signal(sig, SIG_DFL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* When memory runs out the program goes first, not the init. */
static void prefer_for_oom(void)
{
	_cleanup_close_ int adj_fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (adj_fd >= 0)
		(void)!write(adj_fd, "500", 3);
}

static enum filter_kind filter_kind_of(uint32_t flags)
{
	if (!(flags & EXEC_GATE))
		return FILTER_PLAIN;
	return flags & EXEC_FILES ? FILTER_GATED_FILES : FILTER_GATED;
}

/*
 * Landlock says nothing of modes, owners, times and attributes of files: in lite they can be
 * changed through the hands only, which do it in writable folders only.
 */
static int check_lite(const struct launch *l, uint32_t flags, struct error *err)
{
	if (!l->lite || ((flags & EXEC_GATE) && (flags & EXEC_FILES)))
		return 0;
	return error_set(err, EPERM,
			 "isolation lite needs the gate on files; start it with EXEC_GATE "
			 "and EXEC_FILES");
}

/* All but the filter: what comes after may not be a call that the gate is asked about. */
static int give_up(const struct launch *l, uint32_t flags, struct exec_sync *sync,
		   struct error *err)
{
	int r = check_lite(l, flags, err);

	if (r < 0)
		return r;
	reset_signals();
	(void)umask(022);
	/* From here an ordinary user's supervisor may read the arguments of our calls. */
	(void)prctl(PR_SET_DUMPABLE, 1);
	prefer_for_oom();
	r = rlimits_apply(l, err);
	if (!r)
		r = landlock_apply(l, err);
	if (!r && (flags & EXEC_WITH_HANDS))
		r = sync->hands_pid = hands_start(l->lite ? &l->spec : NULL, &sync->hands_fd, err);
	if (r >= 0 && (flags & EXEC_FILES))
		r = landlock_make_no_sockets(l, err);
	return r < 0 ? launch_lacks(err) : 0;
}

static int put_up_filter(const struct launch *l, uint32_t flags, struct exec_sync *sync,
			 struct error *err)
{
	int r = flags & EXEC_CONNECTS ? filter_no_datagrams() : 0;

	if (!r)
		r = filter_load(filter_kind_of(flags), l->lite);
	if (r == -EBUSY)
		return error_set(
			err, r,
			"load the gate's filter: something outside already listens to this "
			"process (a sandbox around cordon?); run without the gate around it");
	if (r < 0) {
		(void)error_errno(err, r, "load the system call filter");
		return launch_lacks(err);
	}
	if (flags & EXEC_GATE)
		sync->listener_fd = r;
	return 0;
}

static int prepare(const struct launch *l, const struct leaf_ends *ends, struct exec_sync *sync,
		   struct error *err)
{
	int r = ends->expected ? 0 : take_order(l, ends->order_fd, sync, err);
	const uint32_t flags = ends->expected ? ends->expected : order.m.flags;

	if (!r)
		r = give_up(l, flags, sync, err);
	if (!r)
		r = put_up_filter(l, flags, sync, err);
	if (!r && ends->expected)
		r = take_order(l, ends->order_fd, sync, err);
	if (!r && order.m.flags != flags)
		r = error_set(err, EPROTO, "EXEC for a process with other walls");
	if (!r && chdir(order.strings.cwd) < 0)
		r = error_errno(err, errno, "enter the working directory %s", order.strings.cwd);
	/* Last: they put up their filter beside all this. */
	if (!r && sync->hands_fd >= 0)
		r = hands_take_bell(sync->hands_fd, &sync->bell_fd, err);
	return r;
}

/* A script without "#!" is for the shell, as execvp(3) has it. */
static int exec_file(const char *path, char **argv, char **env, size_t argc)
{
	(void)execve(path, argv, env);
	if (errno == ENOEXEC) {
		_cleanup_free_ char **shell = xcalloc(argc + 2, sizeof(*shell));
		char name[] = "/bin/sh";
		char *copy = xstrdup(path);

		shell[0] = name;
		shell[1] = copy;
		for (size_t i = 1; i < argc; i++)
			shell[i + 1] = argv[i];
		(void)execve(name, shell, env);
		free(copy);
	}
	return -errno;
}

static const char *path_of(char **env)
{
	for (; *env; env++)
		if (!strncmp(*env, "PATH=", 5))
			return *env + 5;
	return "/usr/local/bin:/usr/bin:/bin";
}

/* Candidates are looked at with access(2): each execve is a question to the supervisor. */
static int exec_search(void)
{
	char **argv = order.strings.argv;
	const char *name = argv[0];
	char candidate[MAX_PATH_BYTES];
	int worst = -ENOENT;

	if (!name[0])
		return -ENOENT;
	if (strchr(name, '/'))
		return exec_file(name, argv, order.env, order.m.argc);
	for (const char *at = path_of(order.env); at; at = strchr(at, ':')) {
		int len;
		struct stat st;

		at += *at == ':';
		len = (int)strcspn(at, ":");
		if (snprintf(candidate, sizeof(candidate), "%.*s/%s", len ? len : 1, len ? at : ".",
			     name) >= (int)sizeof(candidate))
			continue;
		if (stat(candidate, &st) < 0 || !S_ISREG(st.st_mode))
			continue;
		if (access(candidate, X_OK) == 0)
			return exec_file(candidate, argv, order.env, order.m.argc);
		worst = -EACCES;
	}
	return worst;
}

void exec_run(const struct launch *l, const struct leaf_ends *ends, int sync_fd, int go_fd)
{
	struct exec_sync sync = {.listener_fd = -1, .pty_fd = -1, .hands_fd = -1, .bell_fd = -1};
	struct error err = {0};
	char go;
	int r;

	if (prepare(l, ends, &sync, &err) < 0)
		fail(ends, sync_fd, &err);
	if (write(sync_fd, &sync, sizeof(sync)) != (ssize_t)sizeof(sync))
		_exit(LAUNCH_FAILED);
	while ((r = (int)read(go_fd, &go, 1)) < 0 && errno == EINTR)
		;
	/* L has left our table: what is closed now is closed for the program only. */
	if (r != 1 ||
	    (ends->report_fd != REPORT_FD && dup3(ends->report_fd, REPORT_FD, O_CLOEXEC) < 0) ||
	    syscall(SYS_close_range, REPORT_FD + 1, ~0u, 0) < 0)
		_exit(LAUNCH_FAILED);
	r = exec_search();
	leaf_report(REPORT_FD, EXEC_NOT_STARTED, -r, NULL);
	_exit(127);
}
