/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running the forbidden program as something else: a copy, another name for its file, through the
 * dynamic loader, or as a permitted program that is told to load it.
 */
#include "tools/prove/probes/exec.h"

#include <stdlib.h>
#include <sys/mount.h>
#include <sys/sendfile.h>

static char *const no_env[] = {NULL};

struct command {
	const char *program;
	char *argv[3];
	char *env[2];
};

static int become(const void *arg)
{
	const struct command *c = arg;

	(void)execve(c->program, c->argv, c->env);
	return errno;
}

static int run(const struct command *c)
{
	const int status = in_other(become, c);

	return status == FORBIDDEN_STATUS ? 0 : status;
}

static int run_named(char *path)
{
	const struct command c = {.program = path, .argv = {path}};

	return run(&c);
}

static int copy_in(const struct arena *a, const char *folder)
{
	char from[PATH_BYTES];
	char to[PATH_BYTES];
	const int from_fd = open(joined(from, a->bin, "forbidden"), O_RDONLY | O_CLOEXEC);
	const int to_fd =
		open(fresh_name(to, folder, "copy"), O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	ssize_t n;

	if (from_fd < 0 || to_fd < 0)
		return ATTEMPT_BROKEN;
	while ((n = sendfile(to_fd, from_fd, NULL, 1u << 20)) > 0)
		;
	(void)close(from_fd);
	(void)close(to_fd);
	return n < 0 ? ATTEMPT_BROKEN : run_named(to);
}

static int copy_in_tmp(const struct arena *a)
{
	return copy_in(a, "/tmp");
}

static int copy_in_shm(const struct arena *a)
{
	return copy_in(a, "/dev/shm");
}

/* Another name beside it, in the workspace, and in a folder of our own. */
static int hard_link(const struct arena *a)
{
	const char *const folders[] = {a->bin, a->work, "/tmp"};
	char from[PATH_BYTES];
	char to[PATH_BYTES];
	int r = ATTEMPT_BROKEN;

	joined(from, a->bin, "forbidden");
	for (size_t i = 0; i < 3; i++) {
		r = outcome(link(from, fresh_name(to, folders[i], "name")));
		if (!r)
			return run_named(to);
	}
	return r;
}

static int by_loader(const struct arena *a)
{
	char path[PATH_BYTES];
	char name[] = "ld.so";
	const struct command c = {.program = "/lib64/ld-linux-x86-64.so.2",
				  .argv = {name, joined(path, a->bin, "forbidden")}};

	return run(&c);
}

static int with_variable(const struct arena *a, char *variable)
{
	char path[PATH_BYTES];
	char name[] = "payload";
	const struct command c = {
		.program = joined(path, a->bin, "forbiddem"), .argv = {name}, .env = {variable}};

	return run(&c);
}

static int preload(const struct arena *a)
{
	char variable[] = "LD_PRELOAD=forbidden";

	return with_variable(a, variable);
}

static int library_path(const struct arena *a)
{
	char variable[] = "LD_LIBRARY_PATH=forbidden";

	return with_variable(a, variable);
}

static int with_argument(const struct arena *a)
{
	char path[PATH_BYTES];
	char name[] = "payload";
	char word[] = "forbidden";
	const struct command c = {.program = joined(path, a->bin, "forbiddem"),
				  .argv = {name, word}};

	return run(&c);
}

static int permitted(const struct arena *a)
{
	char path[PATH_BYTES];
	const struct command c = {
		.program = joined(path, a->bin, "forbiddem"), .argv = {path}, .env = {no_env[0]}};
	const int status = run(&c);

	return status == PERMITTED_STATUS ? 0 : status;
}

/* A program for a kind of file that the kernel knows nothing of yet, for the whole host. */
static int register_format(const struct arena *a)
{
	static const char format[] = ":cordon-prove:M::cordon-prove-magic::/bin/true:";
	static const char folder[] = "/proc/sys/fs/binfmt_misc";
	char path[PATH_BYTES];
	int file_fd;

	(void)a;
	if (mount("none", folder, "binfmt_misc", 0, NULL) == 0)
		return 0;
	file_fd = open(joined(path, folder, "register"), O_WRONLY | O_CLOEXEC);
	if (file_fd < 0)
		return errno;
	return outcome(write(file_fd, format, sizeof(format) - 1));
}

static int write_own_proc(const struct arena *a)
{
	(void)a;
	return overwrite("/proc/self/comm");
}

#define GATE_ROW(id, classes, attempt)                                                 \
	ROW(id, classes, "the gate", attempt, .twin = permitted, .effect = EFFECT_RAN, \
	    .expect = {EPERM}, .control = CONTROL_HOST, .flags = ROW_POLICY)

const struct row exec_indirect_rows[] = {
	GATE_ROW("exec.copy-tmp", "19", copy_in_tmp),
	GATE_ROW("exec.copy-shm", "17,19", copy_in_shm),
	ROW("exec.hard-link", "19", "read-only binds", hard_link, .twin = permitted,
	    .effect = EFFECT_RAN, .expect = {EROFS, EXDEV, EPERM}, .control = CONTROL_HOST,
	    .flags = ROW_POLICY),
	GATE_ROW("exec.loader", "18", by_loader),
	GATE_ROW("exec.preload", "18", preload),
	GATE_ROW("exec.library-path", "18", library_path),
	GATE_ROW("exec.argument", "1", with_argument),
	ROW("exec.binfmt-misc", "18", "read-only /proc/sys; no capabilities", register_format,
	    .twin = write_own_proc, .expect = {ENOENT, EACCES, EPERM, EROFS}),
	{0},
};
