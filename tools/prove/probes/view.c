/* SPDX-License-Identifier: Apache-2.0 */
/* Reading what is not in the view: by path, by link, by /proc, by what was left open. */
#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "tools/prove/probes/attempt.h"

static int away_secret(const struct arena *a)
{
	char path[PATH_BYTES];

	return print_file(AT_FDCWD, joined(path, a->away, "secret"));
}

static int dotdot_from_workspace(const struct arena *a)
{
	return chdir(a->work) < 0 ? ATTEMPT_BROKEN : print_file(AT_FDCWD, "../away/secret");
}

static int dotdot_from_bind(const struct arena *a)
{
	return chdir(a->bound) < 0 ? ATTEMPT_BROKEN : print_file(AT_FDCWD, "../away/secret");
}

/* Up past the root, and from there to where it is on the host. */
static int dotdot_past_root(const struct arena *a)
{
	char path[PATH_BYTES];

	(void)snprintf(path, sizeof(path), "/../../../../..%s/secret", a->away);
	return print_file(AT_FDCWD, path);
}

static int own_symlink(const struct arena *a)
{
	char link[PATH_BYTES];
	char path[PATH_BYTES];
	int r;

	if (symlink(joined(path, a->away, "secret"), fresh_name(link, a->work, "link")) < 0)
		return ATTEMPT_BROKEN;
	r = print_file(AT_FDCWD, link);
	(void)unlink(link);
	return r;
}

static int symlink_in_workspace(const struct arena *a)
{
	char path[PATH_BYTES];

	return print_file(AT_FDCWD, joined(path, a->work, "out"));
}

static int symlink_in_bind(const struct arena *a)
{
	char path[PATH_BYTES];

	return print_file(AT_FDCWD, joined(path, a->bound, "out"));
}

static int hard_link(const struct arena *a)
{
	char path[PATH_BYTES];
	char link_path[PATH_BYTES];

	joined(path, a->away, "secret");
	if (link(path, fresh_name(link_path, a->work, "hard")) < 0)
		return errno;
	return print_file(AT_FDCWD, link_path);
}

/* Prints /proc/PID/WHAT/REST of all processes that are seen. */
static int every_process(const char *what, const char *rest)
{
	DIR *dir = opendir("/proc");
	const struct dirent *entry;
	int worst = ENOENT;

	if (!dir)
		return ATTEMPT_BROKEN;
	while ((entry = readdir(dir))) { /* NOLINT(concurrency-mt-unsafe) */
		char path[PATH_BYTES];

		if (entry->d_name[0] < '1' || entry->d_name[0] > '9')
			continue;
		(void)snprintf(path, sizeof(path), "/proc/%s/%s%s", entry->d_name, what, rest);
		if (print_file(AT_FDCWD, path) == 0)
			worst = 0;
	}
	(void)closedir(dir);
	return worst;
}

static int other_roots(const struct arena *a)
{
	char rest[PATH_BYTES];

	return every_process("root", joined(rest, a->away, "secret"));
}

static int other_folders(const struct arena *a)
{
	(void)a;
	return every_process("cwd", "/secret");
}

static int other_environments(const struct arena *a)
{
	(void)a;
	return every_process("environ", "");
}

static int own_environment(const struct arena *a)
{
	(void)a;
	return print_file(AT_FDCWD, "/proc/self/environ");
}

static int other_command_lines(const struct arena *a)
{
	(void)a;
	return every_process("cmdline", "");
}

/* The runner starts everything with descriptors and a working directory outside. */
static int inherited_descriptors(const struct arena *a)
{
	int worst = EBADF;

	(void)a;
	for (int fd = 3; fd < 1024; fd++) {
		char text[256];
		const ssize_t n = pread(fd, text, sizeof(text), 0);

		if (n > 0) {
			(void)!write(STDOUT_FILENO, text, (size_t)n);
			worst = 0;
		}
		if (print_file(fd, "secret") == 0)
			worst = 0;
	}
	return worst;
}

static int inherited_folder(const struct arena *a)
{
	(void)a;
	return print_file(AT_FDCWD, "secret");
}

static int stdin_folder(const struct arena *a)
{
	(void)a;
	return print_file(STDIN_FILENO, "secret");
}

static int anything_below(const char *folder)
{
	DIR *dir = opendir(folder);
	int r = errno;

	if (dir) {
		r = readdir(dir) ? 0 : ENOENT; /* NOLINT(concurrency-mt-unsafe) */
		(void)closedir(dir);
	}
	return r;
}

static int system_folder(const struct arena *a)
{
	(void)a;
	return anything_below("/sys");
}

static int state_folder(const struct arena *a)
{
	char path[PATH_BYTES];

	return anything_below(joined(path, a->dir, "state"));
}

static int record_of_the_session(const struct arena *a)
{
	char path[PATH_BYTES];

	return create(joined(path, a->dir, "record.jsonl"));
}

static int temporary_file(const struct arena *a)
{
	char path[PATH_BYTES];

	(void)a;
	return create(fresh_name(path, "/tmp", "twin"));
}

static int host_devices(const struct arena *a)
{
	static const char *const nodes[] = {"/dev/kmsg", "/dev/mem", "/dev/fuse",	 "/dev/kvm",
					    "/dev/vda",	 "/dev/sda", "/dev/loop-control"};

	(void)a;
	for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++)
		if (access(nodes[i], F_OK) == 0)
			return 0;
	return ENOENT;
}

static int null_device(const struct arena *a)
{
	(void)a;
	return closed(open("/dev/null", O_WRONLY | O_CLOEXEC));
}

static int shadow_file(const struct arena *a)
{
	(void)a;
	return outcome(access("/etc/shadow", F_OK));
}

#define VIEW "mount namespace, pivot_root"

const struct row view_rows[] = {
	ROW("view.path", "19", VIEW, away_secret, .effect = EFFECT_LEAK, .expect = {ENOENT},
	    .control = CONTROL_HOST),
	ROW("view.dotdot-workspace", "19", VIEW, dotdot_from_workspace, .effect = EFFECT_LEAK,
	    .expect = {ENOENT}, .control = CONTROL_HOST),
	ROW("view.dotdot-bind", "19", VIEW, dotdot_from_bind, .effect = EFFECT_LEAK,
	    .expect = {ENOENT}, .control = CONTROL_HOST),
	ROW("view.dotdot-live", "19", VIEW, dotdot_from_workspace, .effect = EFFECT_LEAK,
	    .expect = {ENOENT}, .control = CONTROL_HOST, .flags = ROW_LIVE),
	ROW("view.dotdot-root", "19", VIEW, dotdot_past_root, .effect = EFFECT_LEAK,
	    .expect = {ENOENT}, .control = CONTROL_HOST),
	ROW("view.symlink-made", "20", VIEW, own_symlink, .effect = EFFECT_LEAK, .expect = {ENOENT},
	    .control = CONTROL_HOST),
	ROW("view.symlink-live", "20", VIEW, own_symlink, .effect = EFFECT_LEAK, .expect = {ENOENT},
	    .control = CONTROL_HOST, .flags = ROW_LIVE),
	ROW("view.symlink-found", "20", VIEW, symlink_in_workspace, .effect = EFFECT_LEAK,
	    .expect = {ENOENT}, .control = CONTROL_HOST),
	ROW("view.symlink-bind", "20", VIEW, symlink_in_bind, .effect = EFFECT_LEAK,
	    .expect = {ENOENT}, .control = CONTROL_HOST),
	ROW("view.hard-link", "19", VIEW, hard_link, .effect = EFFECT_LEAK, .expect = {ENOENT},
	    .control = CONTROL_HOST),
	ROW("view.proc-root", "19,22", "own /proc, pid namespace", other_roots,
	    .effect = EFFECT_LEAK, .expect = {ENOENT}, .control = CONTROL_HOST),
	ROW("view.proc-cwd", "19,22", "own /proc, pid namespace", other_folders,
	    .effect = EFFECT_LEAK, .expect = {ENOENT}, .control = CONTROL_HOST),
	ROW("view.proc-environ", "21,22", "pid namespace; init not dumpable", other_environments,
	    .effect = EFFECT_LEAK, .control = CONTROL_HOST),
	ROW("view.own-environ", "22", "environment made afresh", own_environment,
	    .effect = EFFECT_LEAK, .control = CONTROL_HOST),
	ROW("view.proc-cmdline", "11", "pid namespace", other_command_lines, .effect = EFFECT_LEAK,
	    .control = CONTROL_HOST),
	ROW("view.fd-inherited", "22,25", "descriptors closed", inherited_descriptors,
	    .effect = EFFECT_LEAK, .expect = {EBADF}, .control = CONTROL_HOST),
	ROW("view.cwd-inherited", "22", "working directory in the view", inherited_folder,
	    .effect = EFFECT_LEAK, .expect = {ENOENT}, .control = CONTROL_HOST),
	ROW("view.stdin-folder", "22,25", "no folder handed in", stdin_folder,
	    .effect = EFFECT_LEAK, .control = CONTROL_HOST, .flags = ROW_STDIN_FOLDER),
	ROW("view.sys", "22", VIEW, system_folder, .expect = {ENOENT}, .control = CONTROL_HOST),
	ROW("view.state", "35", VIEW, state_folder, .expect = {ENOENT}, .control = CONTROL_HOST),
	ROW("view.record", "35", VIEW, record_of_the_session, .twin = temporary_file,
	    .effect = EFFECT_CHANGE, .control = CONTROL_HOST),
	ROW("view.devices", "22", "minimal /dev", host_devices, .twin = null_device,
	    .expect = {ENOENT}, .control = CONTROL_HOST),
	ROW("view.shadow", "19", "filtered /etc", shadow_file, .expect = {ENOENT},
	    .control = CONTROL_HOST),
	{0},
};
