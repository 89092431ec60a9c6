/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The walls of isolation lite that the full one has no need of. Theory of operation:
 *
 *	C takes the session's id and makes its private folder; every wall on files, signals and
 *	sockets is put up by each execution for itself (landlock.c, filter.c), so that what it
 *	starts can neither signal nor trace L, C and P, which stand outside its Landlock
 *	domain.
 *
 *	No pid namespace dies with its init here. Instead P, C and L are each a subreaper: whoever
 *	loses his parent becomes a child of the nearest of them that lives, and that one kills its
 *	children until it has none. Each hears of the end of the one above: C by the life pipe, L by
 *	SIGTERM (PR_SET_PDEATHSIG), which nobody inside can send.
 */
#include "sandbox/lite.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "sandbox/private.h"

#define LEAST_DESCRIPTORS 64u /* a leaf's own, and some to look around with */
#define MAX_LIST_BYTES	  (64u << 10)

/* ---- ids and folders ---- */

int lite_become(const struct launch *l)
{
	const uid_t uid = l->spec.outer_base + l->spec.uid;
	const gid_t gid = l->spec.outer_base + l->spec.gid;

	if (!l->range || geteuid() == uid)
		return 0;
	if (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
		return -errno;
	return 0;
}

int lite_enter(struct launch *l, struct error *err)
{
	const int r = lite_become(l);

	if (r < 0)
		return error_errno(err, r, "become the host's uid %u",
				   l->spec.outer_base + l->spec.uid);
	if (geteuid() == 0 || getuid() == 0)
		return error_set(err, EPERM,
				 "isolation lite cannot run as uid 0: root's files would be the "
				 "session's own; run as an ordinary user");
	/* Unlike the full init it is not killed with P: it has children to kill first. */
	(void)prctl(PR_SET_DUMPABLE, 0);
	launch_say(l, "user=%s", l->range ? "range" : "caller");
	return 0;
}

int lite_check_places(struct launch *l, struct error *err)
{
	const struct spec *s = &l->spec;

	for (size_t i = 0; i < s->mount_count; i++) {
		const struct spec_mount *m = &s->mounts[i];

		if (m->kind != MOUNT_BIND ||
		    access(m->target, m->writable ? R_OK | W_OK : R_OK) == 0)
			continue;
		if (m->optional)
			continue;
		return error_errno(
			err, errno,
			"%s cannot be %s by the session, which is uid %u on the host: isolation "
			"lite maps no ids; start cordon as the owner of what is to be worked on "
			"(setpriv --reuid ID --regid ID --clear-groups cordon ...)",
			m->target, m->writable ? "written" : "read", geteuid());
	}
	return 0;
}

int lite_make_private(struct launch *l, struct error *err)
{
	_cleanup_free_ char *folder = spec_private_dir(l->spec.session);
	unsigned bound = 0;

	*l->has_private = true; /* before, for we may be killed inside the call */
	if (mkdir(folder, 0700) < 0) {
		const int reason = errno;

		*l->has_private = false;
		return error_errno(err, reason,
				   "make the session's private folder %s (left by another? remove "
				   "it, or give another --session)",
				   folder);
	}
	for (size_t i = 0; i < l->spec.mount_count; i++) {
		const struct spec_mount *m = &l->spec.mounts[i];

		if (m->kind == MOUNT_TMPFS && mkdir(m->target, 0700) < 0)
			return error_errno(err, errno, "make the session's folder %s", m->target);
		if (m->kind == MOUNT_BIND && m->writable)
			launch_say(l, "bound.%u=%s", ++bound, m->target);
	}
	launch_say(l, "private=%s", folder);
	return 0;
}

void lite_remove_private(const struct launch *l)
{
	_cleanup_free_ char *folder = spec_private_dir(l->spec.session);

	if (!*l->has_private)
		return;
	/* Never with more rights than who filled it had. */
	if (lite_become(l) == 0)
		private_remove(folder);
}

/* ---- processes ---- */

/* The children of a thread, as the kernel lists them: numbers with spaces behind. */
static ssize_t list_children(pid_t pid, pid_t tid, char *to, size_t size)
{
	char path[64];
	_cleanup_close_ int list_fd = -1;
	size_t len = 0;
	ssize_t n = 0;

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, tid);
	list_fd = open(path, O_RDONLY | O_CLOEXEC);
	while (list_fd >= 0 && len < size - 1 && (n = read(list_fd, to + len, size - 1 - len)) > 0)
		len += (size_t)n;
	if (list_fd < 0 || n < 0)
		return -errno;
	/* The last number may be cut off; it comes with the next list. */
	while (len == size - 1 && len && to[len - 1] != ' ')
		len--;
	to[len] = '\0';
	return (ssize_t)len;
}

static pid_t next_number(const char **at)
{
	char *end;
	const long number = strtol(*at, &end, 10);

	*at = end;
	return (pid_t)number;
}

/* Who has no descriptor left cannot look for whom to kill, and never ends. */
static int check_descriptors(struct error *err)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < LEAST_DESCRIPTORS)
		return error_set(
			err, EMFILE,
			"a process may have %llu files open, of which isolation lite needs "
			"%u to see to the end of its processes; allow more (ulimit -n %u)",
			(unsigned long long)limit.rlim_cur, LEAST_DESCRIPTORS, LEAST_DESCRIPTORS);
	return 0;
}

int lite_prepare(struct launch *l, struct error *err)
{
	const int r = check_descriptors(err);

	if (r < 0)
		return r;
	l->has_private = mmap(NULL, sizeof(*l->has_private), PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (l->has_private == MAP_FAILED)
		return error_errno(err, errno, "get memory to share with the session's init");
	return lite_watch_children(l, err);
}

int lite_watch_children(struct launch *l, struct error *err)
{
	static char list[MAX_LIST_BYTES];
	const ssize_t n = list_children(getpid(), getpid(), list, sizeof(list));

	(void)l;
	if (n < 0)
		return error_errno(
			err, (int)n,
			"list this process's children in /proc, as isolation lite must (a "
			"kernel with CONFIG_PROC_CHILDREN, and /proc mounted)");
	if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
		return error_errno(err, errno, "become the parent of the session's orphans");
	return 0;
}

/* Return: how many there were. A number stays that child's own until it is reaped here. */
static unsigned kill_listed(const char *list, bool (*spares)(pid_t pid))
{
	unsigned count = 0;

	for (unsigned reap = 0; reap < 2; reap++) {
		const char *at = list;

		for (pid_t pid; (pid = next_number(&at)) > 0;) {
			if (spares && spares(pid))
				continue;
			if (!reap)
				(void)kill(pid, SIGKILL);
			while (reap && waitpid(pid, NULL, __WALL) < 0 && errno == EINTR)
				;
			count += reap;
		}
	}
	return count;
}

/* Processes found below ours; what does not fit is found once these are gone. */
static struct {
	pid_t pids[65536];
	size_t count;
} tree;

static void add_children(pid_t pid, pid_t tid, bool (*spares)(pid_t pid))
{
	static char list[MAX_LIST_BYTES];
	const char *at = list;

	if (list_children(pid, tid, list, sizeof(list)) < 0)
		return; /* gone: its children are found elsewhere */
	for (pid_t child; (child = next_number(&at)) > 0;)
		if (!(spares && spares(child)) && tree.count < sizeof(tree.pids) / sizeof(pid_t))
			tree.pids[tree.count++] = child;
}

static void add_children_of_threads(pid_t pid, bool (*spares)(pid_t pid))
{
	char path[64];
	DIR *dir;
	const struct dirent *entry;

	(void)snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) { /* NOLINT(concurrency-mt-unsafe) */
		const pid_t tid = (pid_t)strtol(entry->d_name, NULL, 10);

		if (tid > 0)
			add_children(pid, tid, spares);
	}
	if (dir)
		(void)closedir(dir);
}

size_t lite_list_below(pid_t pid, const pid_t **ret)
{
	tree.count = 0;
	add_children_of_threads(pid, NULL);
	for (size_t i = 0; i < tree.count; i++)
		add_children_of_threads(tree.pids[i], NULL);
	*ret = tree.pids;
	return tree.count;
}

/*
 * A limit of 0 processes, which nobody inside can raise; and the last place in the queue for a CPU,
 * so that hundreds of them do not hold us up. Return: false if it has it.
 */
static bool forbid_fork(pid_t pid)
{
	const struct rlimit none = {0, 0};
	struct rlimit before;

	(void)setpriority(PRIO_PROCESS, (id_t)pid, 19);
	return prlimit(pid, RLIMIT_NPROC, &none, &before) == 0 && before.rlim_max != 0;
}

/*
 * Whoever is killed makes room for one more below a limit, and a program that forks without end
 * takes it at once. So nobody is killed before nobody can fork: a child has the limit of the one
 * who made it.
 */
static void forbid_forks(bool (*spares)(pid_t pid))
{
	bool found = true;

	while (found) {
		found = false;
		tree.count = 0;
		add_children(getpid(), getpid(), spares);
		for (size_t i = 0; i < tree.count; i++) {
			found |= forbid_fork(tree.pids[i]);
			add_children_of_threads(tree.pids[i], NULL);
		}
	}
}

/* By what forbid_fork() gave it: its number may be somebody else's by now. */
static void kill_forbidden(pid_t pid)
{
	_cleanup_close_ int process_fd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct rlimit limit;

	if (process_fd >= 0 && prlimit(pid, RLIMIT_NPROC, NULL, &limit) == 0 && limit.rlim_max == 0)
		(void)syscall(SYS_pidfd_send_signal, process_fd, SIGKILL, NULL, 0);
}

void lite_kill_children(bool (*spares)(pid_t pid))
{
	static char list[MAX_LIST_BYTES];
	const struct timespec pause = {.tv_nsec = 1000000};

	for (;;) {
		forbid_forks(spares);
		for (size_t i = tree.count; i-- > 0;)
			kill_forbidden(tree.pids[i]);
		if (list_children(getpid(), getpid(), list, sizeof(list)) < 0)
			(void)nanosleep(&pause, NULL); /* short of memory: never given up */
		else if (!kill_listed(list, spares))
			return;
	}
}

int lite_prepare_leaf(pid_t init_pid, struct error *err)
{
	if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0) < 0)
		return error_errno(err, errno, "become the parent of the call's orphans");
	if (getppid() != init_pid)
		_exit(0); /* C ended before it could be heard */
	return 0;
}

static sigset_t leaf_signals(void)
{
	sigset_t signals;

	(void)sigemptyset(&signals);
	(void)sigaddset(&signals, SIGTERM);
	(void)sigaddset(&signals, SIGCHLD);
	return signals;
}

void lite_hold_signals(void)
{
	const sigset_t signals = leaf_signals();

	(void)sigprocmask(SIG_BLOCK, &signals, NULL);
}

void lite_wait_for_child(void)
{
	const sigset_t signals = leaf_signals();

	if (sigwaitinfo(&signals, NULL) != SIGTERM)
		return;
	lite_kill_children(NULL);
	_exit(LAUNCH_FAILED);
}
