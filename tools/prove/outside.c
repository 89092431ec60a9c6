/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/prove/outside.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/hex.h"
#include "tools/prove/arena.h"
#include "tools/prove/objects.h"

#define PATH_BYTES	 512
#define SURVIVOR_WAIT_MS 10000
#define VICTIM_WAIT_MS	 10000

const char *effect_name(unsigned effect)
{
	static const struct {
		unsigned effect;
		const char *name;
	} names[] = {{EFFECT_LEAK, "a secret was read"},
		     {EFFECT_CHANGE, "a file outside changed"},
		     {EFFECT_REACHED, "a listener outside was reached"},
		     {EFFECT_VICTIM, "a process outside was hit"},
		     {EFFECT_SURVIVOR, "a process outlived its call"},
		     {EFFECT_RAN, "the forbidden program ran"},
		     {EFFECT_TAKEN, "nothing was left to others"}};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (effect & names[i].effect)
			return names[i].name;
	return "no effect";
}

/* A signal that was sent comes before the answer does. */
static bool victim_was_hit(const struct outside *o)
{
	struct pollfd p = {.fd = o->victim_fd, .events = POLLIN};
	char byte = 'x';

	return send(o->victim_fd, &byte, 1, MSG_NOSIGNAL) != 1 ||
	       poll(&p, 1, VICTIM_WAIT_MS) != 1 || recv(o->victim_fd, &byte, 1, 0) != 1;
}

static struct share_of_host share_of(pid_t pid)
{
	cpu_set_t processors;
	struct rlimit files = {0};

	CPU_ZERO(&processors);
	(void)sched_getaffinity(pid, sizeof(processors), &processors);
	(void)prlimit(pid, RLIMIT_NOFILE, NULL, &files);
	return (struct share_of_host){.nice = getpriority(PRIO_PROCESS, (id_t)pid),
				      .policy = sched_getscheduler(pid),
				      .io = (int)syscall(SYS_ioprio_get, 1, pid), /* a process */
				      .processors = CPU_COUNT(&processors),
				      .files = files.rlim_cur};
}

static bool victim_has_less(const struct outside *o)
{
	const struct share_of_host now = share_of(o->arena.victim);
	const struct share_of_host *had = &o->victim_had;

	return now.nice != had->nice || now.policy != had->policy || now.io != had->io ||
	       now.processors != had->processors || now.files != had->files;
}

/* Its command line holds the secret, so that seeing it is a leak. It answers once it has that. */
static int start_victim(struct outside *o, const char *program)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	o->victim_fd = pair[0];
	o->arena.victim = fork();
	if (o->arena.victim == 0) {
		(void)dup2(pair[1], STDIN_FILENO);
		(void)execl(program, "escape", "--victim", o->secret, (char *)NULL);
		_exit(127);
	}
	(void)close(pair[1]);
	if (o->arena.victim < 0)
		return -errno;
	o->victim_had = share_of(o->arena.victim);
	return victim_was_hit(o) ? -ETIMEDOUT : 0;
}

static void make_secret(struct outside *o)
{
	unsigned char bytes[16] = {0};

	(void)!getrandom(bytes, sizeof(bytes), 0);
	hex_put(bytes, sizeof(bytes), o->secret);
}

static struct buf listing;
static bool listing_modes_only;

static int list_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	char text[256] = "";
	_cleanup_close_ int file_fd = -1;

	(void)at;
	if (listing_modes_only) {
		if (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode) || (st->st_mode & 06000))
			buf_printf(&listing, "%s %o\n", path, st->st_mode);
		return 0;
	}
	if (type == FTW_F && S_ISREG(st->st_mode))
		file_fd = open(path, O_RDONLY | O_CLOEXEC);
	if (file_fd >= 0 && read(file_fd, text, sizeof(text) - 1) < 0)
		return -1;
	buf_printf(&listing, "%s %o %lld %lld %s\n", path, st->st_mode, (long long)st->st_size,
		   (long long)(S_ISREG(st->st_mode) ? st->st_mtime : 0), text);
	return 0;
}

/* All that is in the watched folders, as text. */
static char *list_folders(const struct outside *o)
{
	const struct arena *a = &o->arena;

	listing = (struct buf)BUF_INIT(0);
	buf_putc(&listing, '\n');
	listing_modes_only = false;
	(void)nftw(a->away, list_one, 16, FTW_PHYS);
	(void)nftw(a->bound, list_one, 16, FTW_PHYS);
	listing_modes_only = o->live;
	(void)nftw(a->work, list_one, 16, FTW_PHYS);
	return listing.data;
}

int outside_open(struct outside *o, const char *program, bool live, bool objects)
{
	const char *tmp = getenv("TMPDIR"); /* NOLINT(concurrency-mt-unsafe) */
	char dir[sizeof(o->arena.dir)];
	int r;

	*o = (struct outside){.tcp_fd = -1,
			      .udp_fd = -1,
			      .abstract_fd = -1,
			      .abstract_datagram_fd = -1,
			      .path_fds = {-1, -1, -1},
			      .bound_datagram_fd = -1,
			      .victim_fd = -1,
			      .answer_fds = {-1, -1},
			      .segment = -1,
			      .queue = -1,
			      .terminal_fd = -1,
			      .terminal_peer_fd = -1,
			      .live = live};
	make_secret(o);
	if (snprintf(dir, sizeof(dir), "%s/cordon-prove-XXXXXX",
		     tmp && tmp[0] == '/' ? tmp : "/tmp") >= (int)sizeof(dir))
		return -ENAMETOOLONG;
	if (!mkdtemp(dir) || chmod(dir, 0755) < 0)
		return -errno;
	arena_name(&o->arena, dir);
	r = arena_fill(o, program);
	r = r ? r : arena_listen(o);
	r = r ? r : start_victim(o, program);
	r = r || !objects ? r : objects_make(o);
	o->before = list_folders(o);
	return r;
}

static bool was_reached(int server_fd, bool datagrams)
{
	char byte;

	if (datagrams)
		return recv(server_fd, &byte, 1, MSG_DONTWAIT) >= 0;
	{
		_cleanup_close_ int peer_fd = accept4(server_fd, NULL, NULL, SOCK_CLOEXEC);

		return peer_fd >= 0;
	}
}

/* Calls fn with each process that was started with this arena's name. Return: how many. */
static unsigned each_survivor(const struct outside *o, void (*fn)(pid_t pid))
{
	DIR *dir = opendir("/proc");
	const struct dirent *entry;
	unsigned count = 0;

	while (dir && (entry = readdir(dir))) { /* NOLINT(concurrency-mt-unsafe) */
		const pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
		char path[64];
		char line[4096];
		ssize_t n;

		if (pid <= 0 || pid == o->arena.victim || pid == getpid())
			continue;
		(void)snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
		_cleanup_close_ int line_fd = open(path, O_RDONLY | O_CLOEXEC);

		n = line_fd < 0 ? -1 : read(line_fd, line, sizeof(line));
		if (n <= 0 || !memmem(line, (size_t)n, o->arena.dir, strlen(o->arena.dir)))
			continue;
		count++;
		if (fn)
			fn(pid);
	}
	if (dir)
		(void)closedir(dir);
	return count;
}

static bool something_survives(const struct outside *o, bool patient)
{
	for (unsigned waited = 0; waited < (patient ? SURVIVOR_WAIT_MS : 1); waited += 50) {
		if (each_survivor(o, NULL) == 0)
			return false;
		(void)usleep(50000);
	}
	return true;
}

bool outside_record_says(const struct outside *o, const char *what)
{
	char path[PATH_BYTES];
	static char text[1u << 20];
	const size_t kept = strlen(what); /* of each piece, with the next */
	_cleanup_close_ int record_fd = -1;
	size_t have = 0;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "%s/record.jsonl", o->arena.dir);
	record_fd = open(path, O_RDONLY | O_CLOEXEC);
	while (record_fd >= 0 && (n = read(record_fd, text + have, sizeof(text) - have)) > 0) {
		have += (size_t)n;
		if (memmem(text, have, what, kept))
			return true;
		if (have > kept) {
			memmove(text, text + have - kept, kept);
			have = kept;
		}
	}
	return false;
}

unsigned outside_effects(struct outside *o, const char *output, bool patient)
{
	_cleanup_free_ char *after = list_folders(o);
	unsigned effects = 0;

	if (strstr(output, o->secret))
		effects |= EFFECT_LEAK;
	if (strstr(output, "the forbidden program runs"))
		effects |= EFFECT_RAN;
	if (o->is_taken)
		effects |= EFFECT_TAKEN;
	if (strcmp(o->before, after) != 0 ||
	    /* What attempts write when they may; the record is not theirs to write. */
	    outside_record_says(o, "escaped\n"))
		effects |= EFFECT_CHANGE;
	if (was_reached(o->tcp_fd, false) || was_reached(o->udp_fd, true) ||
	    was_reached(o->abstract_fd, false) || was_reached(o->abstract_datagram_fd, true) ||
	    was_reached(o->path_fds[0], false) || was_reached(o->path_fds[1], false) ||
	    was_reached(o->path_fds[2], false) || was_reached(o->bound_datagram_fd, true) ||
	    objects_terminal_was_reached(o))
		effects |= EFFECT_REACHED;
	if (victim_has_less(o) || victim_was_hit(o))
		effects |= EFFECT_VICTIM;
	if (something_survives(o, patient))
		effects |= EFFECT_SURVIVOR;
	return effects;
}

static void kill_it(pid_t pid)
{
	(void)kill(pid, SIGKILL);
}

void outside_close(struct outside *o)
{
	if (!o->arena.dir[0])
		return;
	(void)each_survivor(o, kill_it);
	if (o->arena.victim > 0) {
		(void)kill(o->arena.victim, SIGKILL);
		(void)waitpid(o->arena.victim, NULL, 0);
	}
	close_fd(&o->tcp_fd);
	close_fd(&o->udp_fd);
	close_fd(&o->abstract_fd);
	close_fd(&o->abstract_datagram_fd);
	close_fd(&o->bound_datagram_fd);
	objects_remove(o);
	close_fd(&o->victim_fd);
	close_fd(&o->answer_fds[0]);
	close_fd(&o->answer_fds[1]);
	for (size_t i = 0; i < 3; i++)
		close_fd(&o->path_fds[i]);
	arena_remove(o->arena.dir);
	free(o->before);
	o->before = NULL;
}
