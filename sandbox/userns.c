/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ids: who the session's processes are on the host, and who owns its files.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/securebits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "sandbox/compat/syscalls.h"
#include "sandbox/launch.h"

static int write_file(pid_t pid, const char *name, const char *text)
{
	_cleanup_close_ int file_fd = -1;
	char path[64];
	const size_t len = strlen(text);

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	file_fd = open(path, O_WRONLY | O_CLOEXEC);
	if (file_fd < 0)
		return -errno;
	return write(file_fd, text, len) == (ssize_t)len ? 0 : -errno;
}

static int write_map(pid_t pid, const char *name, uint32_t inside, uint32_t outside, uint32_t count)
{
	char line[64];

	(void)snprintf(line, sizeof(line), "%u %u %u\n", inside, outside, count);
	return write_file(pid, name, line);
}

int userns_write_maps(const struct launch *l, pid_t init_pid, struct error *err)
{
	const struct spec *s = &l->spec;
	int r;

	if (l->range) {
		r = write_map(init_pid, "gid_map", 0, s->outer_base, s->outer_count);
		if (!r)
			r = write_map(init_pid, "uid_map", 0, s->outer_base, s->outer_count);
	} else {
		/* An ordinary user may map only their own ids, and only without setgroups(2). */
		r = write_file(init_pid, "setgroups", "deny");
		if (!r)
			r = write_map(init_pid, "gid_map", s->gid, getegid(), 1);
		if (!r)
			r = write_map(init_pid, "uid_map", s->uid, geteuid(), 1);
	}
	return r < 0 ? error_errno(
			       err, r, "map the session's ids (%s)",
			       l->range ? "a range of host ids; does this user namespace have it?"
					: "the caller's own")
		     : 0;
}

/*
 * C takes the session's id and keeps its capabilities, which reach no further than the new user
 * namespace: everything it makes in the view belongs to the session's user.
 */
int userns_enter(struct launch *l, struct error *err)
{
	const unsigned long bits = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |
				   SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE |
				   SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;
	const uid_t uid = l->spec.uid;
	const gid_t gid = l->spec.gid;

	if (prctl(PR_SET_SECUREBITS, bits, 0, 0, 0) < 0)
		return error_errno(err, errno, "set the secure bits of the session's init");
	if ((l->range && setgroups(0, NULL) < 0) || setresgid(gid, gid, gid) < 0 ||
	    setresuid(uid, uid, uid) < 0)
		return error_errno(err, errno, "become uid %u, gid %u inside", uid, gid);
	/* Changing ids cleared it. If P died meanwhile, the life pipe says so. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)prctl(PR_SET_DUMPABLE, 0);
	launch_say(l, "user=%s", l->range ? "range" : "single");
	return 0;
}

/* A namespace needs a process until a descriptor holds it; this one must not outlive the keeper. */
static int hold_namespace(void *ctx)
{
	const pid_t *keeper = ctx;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* The keeper may have gone before that; then somebody else is our parent. */
	while (getppid() == *keeper)
		(void)pause();
	_exit(0);
}

/*
 * In our memory, for a copy of it costs more than all the rest; and without a signal at its end, so
 * that it is reaped apart from everybody else: by userns_reap_holders(), when nobody waits for it.
 */
static pid_t start_holder(void)
{
	static char stack[16 << 10] __attribute__((aligned(16)));
	static pid_t keeper;

	keeper = getpid();
	return clone(hold_namespace, stack + sizeof(stack), CLONE_NEWUSER | CLONE_VM, &keeper);
}

void userns_reap_holders(void)
{
	while (waitpid(-1, NULL, (int)__WCLONE) > 0 || errno == EINTR)
		;
}

int userns_idmap(struct launch *l, uid_t owner, gid_t group, struct error *err)
{
	const struct spec *s = &l->spec;
	char path[64];
	int ns_fd = -1;
	pid_t holder;
	int r;

	/* The workspace and its layers have one owner. */
	if (l->id_map.ns_fd >= 0 && l->id_map.owner == owner && l->id_map.group == group)
		return l->id_map.ns_fd;
	userns_reap_holders(); /* the stack is free again */
	holder = start_holder();
	if (holder < 0)
		return launch_explain_clone(errno, "a user namespace for an id map", err);
	r = write_map(holder, "gid_map", group, s->outer_base + s->gid, 1);
	if (!r)
		r = write_map(holder, "uid_map", owner, s->outer_base + s->uid, 1);
	if (!r) {
		(void)snprintf(path, sizeof(path), "/proc/%d/ns/user", holder);
		ns_fd = open(path, O_RDONLY | O_CLOEXEC);
		r = ns_fd < 0 ? -errno : 0;
	}
	(void)kill(holder, SIGKILL);
	if (r < 0)
		return error_errno(err, r, "make an id map for files of %u:%u", owner, group);
	close_fd(&l->id_map.ns_fd);
	l->id_map = (struct id_map){ns_fd, owner, group};
	return ns_fd;
}
