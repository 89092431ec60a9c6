/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/prove/place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "sandbox/compat/syscalls.h"
#include "tools/prove/handed.h"
#include "tools/prove/share.h"

#define MAX_ARGS       64
#define LONGEST_RUN_MS 180000
/* What the caller has open when it starts cordon; none of it is for the session. */
#define LEAKED_FILE_FD	 20
#define LEAKED_FOLDER_FD 21

struct words {
	const char *word[MAX_ARGS];
	size_t count;
};

static void add(struct words *w, const char *word)
{
	if (w->count < MAX_ARGS - 1)
		w->word[w->count++] = word;
}

static volatile sig_atomic_t interrupted;

static void interrupt(int sig)
{
	(void)sig;
	interrupted = 1;
}

void place_take_signals(void)
{
	const struct sigaction action = {.sa_handler = interrupt}; /* no SA_RESTART: poll ends */

	(void)sigaction(SIGINT, &action, NULL);
	(void)sigaction(SIGTERM, &action, NULL);
	(void)sigaction(SIGHUP, &action, NULL);
}

bool place_interrupted(void)
{
	return interrupted;
}

char *place_backend(void)
{
	static const char name[] = "CORDON_TRACE_BACKEND=";

	for (char **one = environ; *one; one++)
		if (strncmp(*one, name, sizeof(name) - 1) == 0)
			return *one;
	return NULL;
}

/* The options of a row, beyond the defaults. */
static void add_options(struct words *w, const struct outside *o, unsigned flags)
{
	static char workspace[128];
	static char policy[128];
	static char record[128];

	(void)snprintf(workspace, sizeof(workspace), "%s%s", o->arena.work,
		       flags & ROW_RO	  ? ":ro"
		       : flags & ROW_LIVE ? ":live"
					  : "");
	(void)snprintf(record, sizeof(record), "%s/record.jsonl", o->arena.dir);
	(void)snprintf(policy, sizeof(policy), "%s/%s.json", o->arena.dir,
		       flags & ROW_FILES    ? "files"
		       : flags & ROW_HANDED ? "handed"
					    : "policy");
	add(w, "--workspace");
	add(w, workspace);
	add(w, "--record");
	add(w, record);
	if (flags & (ROW_POLICY | ROW_FILES | ROW_HANDED)) {
		add(w, "--policy");
		add(w, policy);
	}
	if (flags & ROW_LIMITS) {
		add(w, "--pids=64");
		add(w, "--memory=128M");
		add(w, "--file-size=16M");
	}
	if (flags & ROW_LAYER)
		add(w, "--layer-size=16M");
}

static void session_command(struct words *w, const struct places *p, const struct outside *o,
			    unsigned flags)
{
	add(w, p->cordon);
	add(w, "run");
	add(w, "--quiet");
	add(w, "--discard");
	add(w, p->trace ? "--trace=on" : "--trace=auto");
	add(w, "--bind");
	add(w, o->arena.bound);
	add(w, "--bind");
	add(w, o->arena.bin);
	add_options(w, o, flags);
	add(w, "--");
}

static int write_text(const char *path, const char *text)
{
	_cleanup_close_ int file_fd = open(path, O_WRONLY | O_CLOEXEC);

	return file_fd < 0 || write(file_fd, text, strlen(text)) < 0 ? -errno : 0;
}

/* The caller as root of fresh namespaces, with all capabilities there and no other wall. */
static int enter_bare(void)
{
	char map[64];
	const uid_t uid = geteuid();
	const gid_t gid = getegid();
	pid_t child;
	int status = 0;

	if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC |
		    CLONE_NEWUTS | CLONE_NEWCGROUP) < 0)
		return -errno;
	(void)write_text("/proc/self/setgroups", "deny");
	(void)snprintf(map, sizeof(map), "0 %u 1", uid);
	if (write_text("/proc/self/uid_map", map) < 0)
		return -EPERM;
	(void)snprintf(map, sizeof(map), "0 %u 1", gid);
	if (write_text("/proc/self/gid_map", map) < 0)
		return -EPERM;
	child = fork();
	if (child) {
		while (waitpid(child, &status, 0) < 0 && errno == EINTR)
			;
		_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	}
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("proc", "/proc", "proc", 0, NULL) < 0 ||
	    mount("devpts", "/dev/pts", "devpts", 0, "newinstance,ptmxmode=0666") < 0)
		return -errno;
	(void)mount("/dev/pts/ptmx", "/dev/ptmx", NULL, MS_BIND, NULL);
	/* What is filled there goes away with us. */
	return mount("none", "/dev/shm", "tmpfs", 0, NULL) < 0 ? -errno : 0;
}

static void leave_things_open(const struct outside *o, enum place place, unsigned flags)
{
	char path[128];
	const int handed_fd = o->left ? o->answer_fds[0] : handed_open(flags, place == PLACE_SENT);

	(void)snprintf(path, sizeof(path), "%s/%s", o->arena.away,
		       flags & ROW_STDIN_FOLDER ? "." : "given");
	(void)dup2(handed_fd >= 0 ? handed_fd : open(path, O_RDONLY | O_CLOEXEC), STDIN_FILENO);
	(void)snprintf(path, sizeof(path), "%s/secret", o->arena.away);
	(void)dup2(open(path, O_RDONLY | O_CLOEXEC), LEAKED_FILE_FD);
	(void)dup2(open(o->arena.away, O_RDONLY | O_DIRECTORY | O_CLOEXEC), LEAKED_FOLDER_FD);
	(void)!chdir(o->arena.away);
}

/*
 * The folder of a resident supervisor that is to watch the rows' sessions, as ESCAPE_RESIDENT names
 * it: its files get a name in the row's own state folder, too. For whom loading the trace for each
 * row takes too long. Return: false if there is none.
 */
static bool offer_resident(const struct outside *o)
{
	const char *given = getenv("ESCAPE_RESIDENT"); /* NOLINT(concurrency-mt-unsafe) */
	char place[128];
	DIR *dir = given ? opendir(given) : NULL;
	const struct dirent *entry;
	bool is_there = false;

	(void)snprintf(place, sizeof(place), "%s/state", o->arena.dir);
	(void)mkdir(place, 0700);
	(void)snprintf(place, sizeof(place), "%s/state/resident", o->arena.dir);
	(void)mkdir(place, 0700);
	while (dir && (entry = readdir(dir))) { /* NOLINT(concurrency-mt-unsafe) */
		_cleanup_free_ char *from = xasprintf("%s/%s", given, entry->d_name);
		_cleanup_free_ char *to = xasprintf("%s/%s", place, entry->d_name);

		if (entry->d_name[0] != '.')
			is_there |= link(from, to) == 0;
	}
	if (dir)
		(void)closedir(dir);
	return is_there;
}

_Noreturn static void become(enum place place, const struct outside *o, unsigned flags,
			     const struct words *w, int output_fd)
{
	char state[128];
	char secret[128];
	char path[] = "PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin";
	/* One would be started for the one run that there is of a state folder. */
	char alone[] = "CORDON_RESIDENT=off";
	char watched[] = "CORDON_RESIDENT=auto";
	char scratch[128];
	/* A session has a /tmp of its own; what a control leaves in the host's would stay. */
	const bool is_control = place == PLACE_HOST || place == PLACE_BARE;
	/* Where the run is to be killed it must be the supervisor. */
	const bool is_watched = !is_control && !(flags & ROW_ORPHAN) && offer_resident(o);
	char *const env[] = {state,
			     secret,
			     path,
			     is_watched ? watched : alone,
			     is_control ? scratch : place_backend(),
			     NULL};
	char *argv[MAX_ARGS];

	(void)snprintf(state, sizeof(state), "CORDON_STATE_DIR=%s/state", o->arena.dir);
	(void)snprintf(secret, sizeof(secret), "ESCAPE_SECRET=%s", o->secret);
	(void)snprintf(scratch, sizeof(scratch), "TMPDIR=%s/tmp", o->arena.dir);
	if (o->left)
		share_lower();
	(void)setsid();
	(void)dup2(output_fd, STDOUT_FILENO);
	(void)dup2(output_fd, STDERR_FILENO);
	leave_things_open(o, place, flags);
	if (place == PLACE_BARE && enter_bare() < 0) {
		(void)dprintf(STDOUT_FILENO, "bare: %s\n", strerror(errno)); /* NOLINT */
		_exit(126);
	}
	memcpy(argv, w->word, sizeof(argv));
	(void)execve(argv[0], argv, env);
	_exit(127);
}

/*
 * Until everybody has closed the pipe, or the supervisor is killed: then survivors may hold it. It
 * is ended as well when it takes too long or we are to end.
 */
static void take_output(struct outside *o, int pipe_fd, pid_t child, unsigned flags,
			struct buf *output)
{
	char bytes[4096];
	struct pollfd p = {.fd = pipe_fd, .events = POLLIN};

	while (poll(&p, 1, LONGEST_RUN_MS) > 0) {
		const ssize_t n = read(pipe_fd, bytes, sizeof(bytes));

		/* Searched as text later; what /proc tells has NULs in it. */
		for (ssize_t i = 0; i < n; i++)
			if (!bytes[i])
				bytes[i] = ' ';
		if (n <= 0)
			return;
		buf_put(output, bytes, (size_t)n);
		if (o->left)
			share_look(o, output);
		if ((flags & ROW_ORPHAN) && strstr(output->data, "@@ kill the supervisor")) {
			(void)kill(child, SIGKILL);
			return;
		}
	}
	(void)kill(child, SIGKILL);
}

int place_run(const struct places *p, enum place place, struct outside *o, unsigned flags,
	      const char *const *argv, struct buf *output)
{
	struct words w = {.count = 0};
	char program[128];
	_cleanup_close_ int read_fd = -1;
	int ends[2];
	int status = 0;
	pid_t child;

	(void)snprintf(program, sizeof(program), "%s/escape", o->arena.bin);
	if (place == PLACE_UNRULED)
		session_command(&w, p, o, flags & ~(unsigned)(ROW_POLICY | ROW_FILES | ROW_LAYER));
	else if (place == PLACE_SESSION || place == PLACE_SENT)
		session_command(&w, p, o, flags);
	add(&w, program);
	for (; *argv; argv++)
		add(&w, *argv);
	if (pipe2(ends, O_CLOEXEC) < 0 || (o->left && pipe2(o->answer_fds, O_CLOEXEC) < 0))
		return -errno;
	read_fd = ends[0];
	child = fork();
	if (child == 0)
		become(place, o, flags, &w, ends[1]);
	(void)close(ends[1]);
	if (child < 0)
		return -errno;
	buf_puts(output, "");
	take_output(o, read_fd, child, flags, output);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
