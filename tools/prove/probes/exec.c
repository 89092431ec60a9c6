/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running the program that policy forbids, by every way to name it. The policy knows it by name, so
 * the gate must find out which file really is meant.
 */
#include "tools/prove/probes/exec.h"

#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static char *const no_env[] = {NULL};

int exec_path(const char *path)
{
	char name[] = "payload";
	char *const argv[] = {name, NULL};

	(void)execve(path, argv, no_env);
	return errno;
}

int exec_fd(int file_fd)
{
	char name[] = "payload";
	char *const argv[] = {name, NULL};

	(void)syscall(SYS_execveat, file_fd, "", argv, no_env, AT_EMPTY_PATH);
	return errno;
}

static int run_path(const void *path)
{
	return exec_path(path);
}

static int run_fd(const void *file_fd)
{
	return exec_fd(*(const int *)file_fd);
}

/* What the child's status says of the attempt. */
static int ran(int status)
{
	return status == FORBIDDEN_STATUS || status == PERMITTED_STATUS ? 0 : status;
}

static int by_path(const struct arena *a)
{
	char path[PATH_BYTES];

	return ran(in_other(run_path, joined(path, a->bin, "forbidden")));
}

static int permitted(const struct arena *a)
{
	char path[PATH_BYTES];

	return ran(in_other(run_path, joined(path, a->bin, "forbiddem")));
}

static int by_symlink(const struct arena *a)
{
	char path[PATH_BYTES];
	char link[PATH_BYTES];

	if (symlink(joined(path, a->bin, "forbidden"), fresh_name(link, "/tmp", "link")) < 0)
		return ATTEMPT_BROKEN;
	return ran(in_other(run_path, link));
}

static int by_dots(const struct arena *a)
{
	char path[PATH_BYTES];

	(void)snprintf(path, sizeof(path), "%s/..//bin/./forbidden", a->work);
	return ran(in_other(run_path, path));
}

static int by_proc_root(const struct arena *a)
{
	char path[PATH_BYTES];

	(void)snprintf(path, sizeof(path), "/proc/self/root%s/forbidden", a->bin);
	return ran(in_other(run_path, path));
}

static int by_proc_cwd(const struct arena *a)
{
	if (chdir(a->bin) < 0)
		return ATTEMPT_BROKEN;
	return ran(in_other(run_path, "/proc/self/cwd/forbidden"));
}

static int open_forbidden(const struct arena *a, int flags)
{
	char path[PATH_BYTES];

	return open(joined(path, a->bin, "forbidden"), flags | O_CLOEXEC);
}

static int by_descriptor(const struct arena *a)
{
	const int file_fd = open_forbidden(a, O_RDONLY);

	return file_fd < 0 ? ATTEMPT_BROKEN : ran(in_other(run_fd, &file_fd));
}

static int by_path_descriptor(const struct arena *a)
{
	const int file_fd = open_forbidden(a, O_PATH);

	return file_fd < 0 ? ATTEMPT_BROKEN : ran(in_other(run_fd, &file_fd));
}

static int by_magic_link(const struct arena *a)
{
	char path[PATH_BYTES];
	const int file_fd = open_forbidden(a, O_RDONLY);

	if (file_fd < 0)
		return ATTEMPT_BROKEN;
	(void)snprintf(path, sizeof(path), "/dev/fd/%d", file_fd);
	return ran(in_other(run_path, path));
}

static int by_script(const struct arena *a)
{
	char path[PATH_BYTES];
	FILE *file = fopen(fresh_name(path, "/tmp", "script"), "we");

	if (!file)
		return ATTEMPT_BROKEN;
	(void)fprintf(file, "#!%s/forbidden\n", a->bin);
	(void)fclose(file);
	if (chmod(path, 0755) < 0)
		return ATTEMPT_BROKEN;
	return ran(in_other(run_path, path));
}

/* A script whose interpreter is a script. */
static int by_script_of_script(const struct arena *a)
{
	char inner[PATH_BYTES];
	char outer[PATH_BYTES];
	FILE *file = fopen(fresh_name(inner, "/tmp", "inner"), "we");

	if (!file)
		return ATTEMPT_BROKEN;
	(void)fprintf(file, "#!%s/forbidden\n", a->bin);
	(void)fclose(file);
	file = fopen(fresh_name(outer, "/tmp", "outer"), "we");
	if (!file)
		return ATTEMPT_BROKEN;
	(void)fprintf(file, "#!%s\n", inner);
	(void)fclose(file);
	if (chmod(inner, 0755) < 0 || chmod(outer, 0755) < 0)
		return ATTEMPT_BROKEN;
	return ran(in_other(run_path, outer));
}

static int copy_to(const struct arena *a, int to_fd)
{
	const int from_fd = open_forbidden(a, O_RDONLY);
	ssize_t n;

	if (from_fd < 0 || to_fd < 0)
		return ATTEMPT_BROKEN;
	while ((n = sendfile(to_fd, from_fd, NULL, 1u << 20)) > 0)
		;
	(void)close(from_fd);
	return n < 0 ? ATTEMPT_BROKEN : 0;
}

static int by_memory_file(const struct arena *a)
{
	const int file_fd = memfd_create("program", MFD_CLOEXEC);

	return copy_to(a, file_fd) ? ATTEMPT_BROKEN : ran(in_other(run_fd, &file_fd));
}

static int by_memory_file_link(const struct arena *a)
{
	char path[PATH_BYTES];
	const int file_fd = memfd_create("program", MFD_CLOEXEC);

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", file_fd);
	return copy_to(a, file_fd) ? ATTEMPT_BROKEN : ran(in_other(run_path, path));
}

/* A copy of our own, deleted while it is open: it has a provenance but no name. */
static int by_deleted_file(const struct arena *a)
{
	char path[PATH_BYTES];
	int file_fd = open(fresh_name(path, "/tmp", "gone"), O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	const int r = copy_to(a, file_fd);

	(void)close(file_fd);
	file_fd = open(path, O_RDONLY | O_CLOEXEC);
	(void)unlink(path);
	return r || file_fd < 0 ? ATTEMPT_BROKEN : ran(in_other(run_fd, &file_fd));
}

/* Makes /proc/self/exe show another program than the one that asks. */
static int run_disguised(const void *path)
{
	const int other_fd = open("/bin/true", O_RDONLY | O_CLOEXEC);

	(void)prctl(PR_SET_MM, PR_SET_MM_EXE_FILE, other_fd, 0, 0);
	(void)prctl(PR_SET_NAME, "true", 0, 0, 0);
	return exec_path(path);
}

static int by_disguised_process(const struct arena *a)
{
	char path[PATH_BYTES];

	return ran(in_other(run_disguised, joined(path, a->bin, "forbidden")));
}

static int by_spawn(const struct arena *a)
{
	char path[PATH_BYTES];
	char name[] = "payload";
	char *const argv[] = {name, NULL};
	pid_t child = -1;
	int status = 0;
	const int r =
		posix_spawn(&child, joined(path, a->bin, "forbidden"), NULL, NULL, argv, no_env);

	if (r)
		return r;
	(void)waitpid(child, &status, 0);
	return ran(WEXITSTATUS(status));
}

/* An ordinary user's supervisor cannot read a process that is not dumpable. */
static int run_shut(const void *path)
{
	if (prctl(PR_SET_DUMPABLE, 0) < 0)
		return ATTEMPT_BROKEN;
	return exec_path(path);
}

static int by_shut_process(const struct arena *a)
{
	char path[PATH_BYTES];

	return ran(in_other(run_shut, joined(path, a->bin, "forbidden")));
}

/* The path stands in memory that cannot be read: mapped from beyond the end of a file. */
static int unreadable_path(const struct arena *a)
{
	char path[PATH_BYTES];
	const int file_fd =
		open(fresh_name(path, "/tmp", "empty"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	void *at = mmap(NULL, 4096, PROT_READ, MAP_SHARED, file_fd, 0);

	(void)a;
	return at == MAP_FAILED ? ATTEMPT_BROKEN : ran(in_other(run_path, at));
}

/* A shell that tells only as it runs what it is about: the gate goes on to decide on that. */
static int after_another(const struct arena *a)
{
	char command[PATH_BYTES];
	int status;

	(void)snprintf(command, sizeof(command),
		       "p=%s/forbidde; LD_PRELOAD=/tmp/none exec ${p}n 2>/dev/null", a->bin);
	status = system(command); /* NOLINT: a shell in between is the point */
	status = WIFEXITED(status) ? WEXITSTATUS(status) : ATTEMPT_BROKEN;
	return status == 126 ? EPERM : ran(status);
}

#define GATE "the gate resolves to the file"

const struct row exec_rows[] = {
	ROW("exec.path", "1", GATE, by_path, .twin = permitted, .effect = EFFECT_RAN,
	    .expect = {EPERM}, .control = CONTROL_HOST, .flags = ROW_POLICY),
	ROW("exec.symlink", "19", GATE, by_symlink, .twin = permitted, .effect = EFFECT_RAN,
	    .expect = {EPERM}, .control = CONTROL_HOST, .flags = ROW_POLICY),
	ROW("exec.dots", "19", GATE, by_dots, .twin = permitted, .effect = EFFECT_RAN,
	    .expect = {EPERM}, .control = CONTROL_HOST, .flags = ROW_POLICY),
	ROW("exec.proc-root", "19", GATE, by_proc_root, .twin = permitted, .effect = EFFECT_RAN,
	    .expect = {EPERM}, .control = CONTROL_HOST, .flags = ROW_POLICY),
	ROW("exec.proc-cwd", "19", GATE, by_proc_cwd, .twin = permitted, .effect = EFFECT_RAN,
	    .expect = {EPERM}, .control = CONTROL_HOST, .flags = ROW_POLICY),
	ROW("exec.descriptor", "17", GATE, by_descriptor, .twin = permitted, .effect = EFFECT_RAN,
	    .expect = {EPERM}, .control = CONTROL_HOST, .flags = ROW_POLICY),
	ROW("exec.path-descriptor", "17", GATE, by_path_descriptor, .twin = permitted,
	    .effect = EFFECT_RAN, .expect = {EPERM}, .control = CONTROL_HOST, .flags = ROW_POLICY),
	ROW("exec.magic-link", "17,19", GATE, by_magic_link, .twin = permitted,
	    .effect = EFFECT_RAN, .expect = {EPERM}, .control = CONTROL_HOST, .flags = ROW_POLICY),
	ROW("exec.script", "18", GATE, by_script, .twin = permitted, .effect = EFFECT_RAN,
	    .expect = {EPERM}, .control = CONTROL_HOST, .flags = ROW_POLICY),
	ROW("exec.script-of-script", "18", GATE, by_script_of_script, .twin = permitted,
	    .effect = EFFECT_RAN, .expect = {EPERM}, .control = CONTROL_HOST, .flags = ROW_POLICY),
	ROW("exec.memfd", "17", GATE, by_memory_file, .twin = permitted, .effect = EFFECT_RAN,
	    .expect = {EPERM}, .control = CONTROL_HOST, .flags = ROW_POLICY),
	ROW("exec.memfd-link", "17", GATE, by_memory_file_link, .twin = permitted,
	    .effect = EFFECT_RAN, .expect = {EPERM}, .control = CONTROL_HOST, .flags = ROW_POLICY),
	ROW("exec.deleted", "17", GATE, by_deleted_file, .twin = permitted, .effect = EFFECT_RAN,
	    .expect = {EPERM}, .control = CONTROL_HOST, .flags = ROW_POLICY),
	ROW("exec.disguised", "21", GATE, by_disguised_process, .twin = permitted,
	    .effect = EFFECT_RAN, .expect = {EPERM}, .control = CONTROL_HOST, .flags = ROW_POLICY),
	ROW("exec.spawn", "2", GATE, by_spawn, .twin = permitted, .effect = EFFECT_RAN,
	    .expect = {EPERM}, .control = CONTROL_HOST, .flags = ROW_POLICY),
	ROW("exec.not-dumpable", "11", GATE, by_shut_process, .twin = permitted,
	    .effect = EFFECT_RAN, .expect = {EPERM, EACCES}, .control = CONTROL_HOST,
	    .flags = ROW_POLICY),
	ROW("exec.after-another", "18", GATE, after_another, .twin = permitted,
	    .effect = EFFECT_RAN, .expect = {EPERM}, .control = CONTROL_HOST, .flags = ROW_POLICY),
	ROW("exec.unreadable-path", "4", "the gate refuses what it cannot read", unreadable_path,
	    .twin = permitted, .expect = {EFAULT, EACCES, EPERM}, .flags = ROW_POLICY),
	{0},
};
