/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process that carries file operations out, asked for what /proc has of itself: its program,
 * which is the host's, and what it has open. To each process the kernel gives its own without a
 * question, so the control is a process of ours that does what the hands would.
 */
#include <dirent.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "tools/prove/files.h"
#include "tools/prove/probes/attempt.h"

/* Has it that name, and no number but the one here? Outside there may be the hands of other
 * sessions. */
static bool is_named(const char *status, const char *name)
{
	const char *own = strstr(status, "\nName:\t");
	const char *numbers = strstr(status, "\nNSpid:\t");

	return own && strncmp(own + strlen("\nName:\t"), name, strlen(name)) == 0 && numbers &&
	       strcspn(numbers + strlen("\nNSpid:\t"), "\t\n") ==
		       strcspn(numbers + strlen("\nNSpid:\t"), "\n");
}

/* Return: the number of the process with that name; 0: there is none. */
static pid_t find_named(const char *name)
{
	DIR *dir = opendir("/proc");
	const struct dirent *entry;
	pid_t found = 0;

	while (dir && !found && (entry = readdir(dir))) { /* NOLINT(concurrency-mt-unsafe) */
		char path[64];
		char status[4096] = "\n";
		int file_fd;

		(void)snprintf(path, sizeof(path), "/proc/%.20s/status", entry->d_name);
		file_fd = open(path, O_RDONLY | O_CLOEXEC);
		if (file_fd >= 0 && read(file_fd, status + 1, sizeof(status) - 2) > 0 &&
		    is_named(status, name))
			found = (pid_t)strtol(entry->d_name, NULL, 10);
		if (file_fd >= 0)
			(void)close(file_fd);
	}
	if (dir)
		(void)closedir(dir);
	return found;
}

typedef int (*reach_fn)(const char *at);

/* Return: 0 if one of the ways led somewhere, else what was said to the last, or to one that is
 * not what the wall says. */
static int worst(int a, int b)
{
	return a == EACCES ? b : a;
}

static int reach_program(const char *at)
{
	static const struct timespec now[2] = {{.tv_nsec = UTIME_NOW}, {.tv_nsec = UTIME_NOW}};
	char path[PATH_BYTES];
	int r;

	joined(path, at, "exe");
	r = outcome(chmod(path, 0755));
	r = worst(r, outcome(utimensat(AT_FDCWD, path, now, 0)));
	return worst(r, outcome(setxattr(path, "user.escaped", "x", 1, 0)));
}

/* Of what is open nothing is changed: a control has the caller's streams among it. */
static int reach_descriptors(const char *at)
{
	char path[PATH_BYTES];
	int r = EACCES;

	for (int fd = 0; fd < 16; fd++) {
		struct stat st = {0};
		int said;

		(void)snprintf(path, sizeof(path), "%s/fd/%d", at, fd);
		/* As it is, where that can be seen: only in a control. */
		said = outcome(chmod(path, stat(path, &st) == 0 ? st.st_mode & 07777 : 0600));
		/* That there is none with this number may be known, but not of the first. */
		if (said == ENOENT && fd)
			continue;
		r = worst(r, said);
	}
	return r;
}

static int reach_folder(const char *at)
{
	char path[PATH_BYTES];
	const int r = outcome(utimensat(AT_FDCWD, joined(path, at, "cwd"), NULL, 0));

	return worst(r, outcome(utimensat(AT_FDCWD, joined(path, at, "cwd/."), NULL, 0)));
}

static int by_both_names(pid_t pid, reach_fn reach)
{
	char at[64];
	int r;

	(void)snprintf(at, sizeof(at), "/proc/%d", pid);
	r = reach(at);
	(void)snprintf(at, sizeof(at), "/proc/%d/task/%d", pid, pid);
	return worst(r, reach(at));
}

/* What nobody may look at, and does. */
static int as_hands(const void *arg)
{
	const reach_fn *reach = arg;

	(void)prctl(PR_SET_DUMPABLE, 0);
	return by_both_names(getpid(), *reach);
}

static int of_hands(const struct arena *a, reach_fn reach)
{
	char path[PATH_BYTES];
	pid_t hands;

	/* They come with the first operation. */
	if (create(fresh_name(path, a->work, "first")) != 0)
		return ATTEMPT_BROKEN;
	hands = find_named("cordon-hands");
	return hands ? by_both_names(hands, reach) : in_other(as_hands, &reach);
}

static int program(const struct arena *a)
{
	return of_hands(a, reach_program);
}

static int descriptors(const struct arena *a)
{
	return of_hands(a, reach_descriptors);
}

static int folder(const struct arena *a)
{
	return of_hands(a, reach_folder);
}

#define HANDS(id, attempt)                                                      \
	ROW("hands." id, "11,22", "links of /proc by another process", attempt, \
	    .expect = {EACCES}, .control = CONTROL_HOST, .flags = ROW_LIVE | ROW_FILES)

const struct row hands_rows[] = {
	HANDS("program", program),
	HANDS("descriptors", descriptors),
	HANDS("folder", folder),
	{0},
};
