/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walls of the floor that stand behind others, so that an attack from inside never meets them: what
 * the process still holds at its first execve(2), and who dies with whom.
 */
#include "tests/support/test.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tests/support/floor.h"

static char folder[64];
static struct spec spec;

static int set_up(void **state)
{
	const struct spec_options options = {.session = "floor", .state_dir = folder};

	(void)state;
	(void)snprintf(folder, sizeof(folder), "/tmp/cordon-floor-XXXXXX");
	return mkdtemp(folder) && spec_build(&options, &spec, NULL) == 0 ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	spec_done(&spec);
	return rmdir(folder);
}

/* The first gated call of the execution; it stays open. Return: whose it is. */
static pid_t first_notification(int listener_fd)
{
	struct pollfd p = {.fd = listener_fd, .events = POLLIN};
	struct seccomp_notif n = {0};

	assert_int_equal(poll(&p, 1, FLOOR_WAIT_MS), 1);
	assert_int_equal(ioctl(listener_fd, SECCOMP_IOCTL_NOTIF_RECV, &n), 0);
	return (pid_t)n.pid;
}

/*
 * Close-on-exec would close the rest as well, if none of it ever came without: the one that tells
 * of a failed execve is all that may be left.
 */
static void test_nothing_is_open_at_the_first_exec(void **state)
{
	static const char *const argv[] = {"/bin/true", NULL};
	struct floor_session f;
	char path[64];
	DIR *dir;
	const struct dirent *entry;
	unsigned count = 0;

	(void)state;
	assert_int_equal(floor_start(&f, &spec, NULL), 0);
	assert_int_equal(
		floor_exec_start(&f, &(struct floor_exec){.argv = argv, .flags = EXEC_GATE}), 0);
	assert_int_equal(floor_exec_wait(&f, MSG_READY), 0);
	(void)snprintf(path, sizeof(path), "/proc/%d/fd", first_notification(f.fds.fd[0]));
	dir = opendir(path);
	assert_non_null(dir);
	while ((entry = readdir(dir))) { /* NOLINT(concurrency-mt-unsafe) */
		if (entry->d_name[0] == '.')
			continue;
		assert_in_range(strtol(entry->d_name, NULL, 10), 0, 3);
		count++;
	}
	assert_int_equal(count, 4);
	(void)closedir(dir);
	/* Init or keeper, whoever hears of it first, ends the other: its status is either's. */
	assert_true(floor_end(&f) >= 0);
}

/* Starts a session, leaves its control socket with another process, and waits to be killed. */
_Noreturn static void be_a_supervisor(int tell_fd)
{
	struct floor_session f;
	pid_t pids[2];

	if (floor_start(&f, &spec, NULL) < 0)
		_exit(1);
	pids[0] = f.keeper_pid;
	pids[1] = fork();
	if (pids[1] != 0)
		(void)!write(tell_fd, pids, sizeof(pids));
	for (;;)
		(void)pause();
}

static bool is_gone(pid_t pid)
{
	for (int waited = 0; waited < FLOOR_WAIT_MS; waited += 20) {
		if (waitpid(pid, NULL, WNOHANG) == pid)
			return true;
		(void)usleep(20000);
	}
	return false;
}

/* That the control socket closes is the other reason for it to end: here somebody holds it. */
static void test_the_keeper_dies_with_its_parent(void **state)
{
	int tell[2];
	pid_t pids[2] = {0};
	pid_t supervisor;
	bool gone;

	(void)state;
	/* Who loses its parent becomes our child: its end can be waited for. */
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	assert_int_equal(pipe2(tell, O_CLOEXEC), 0);
	supervisor = fork();
	if (supervisor == 0)
		be_a_supervisor(tell[1]);
	assert_int_equal(read(tell[0], pids, sizeof(pids)), sizeof(pids));
	assert_int_equal(kill(supervisor, SIGKILL), 0);
	assert_int_equal(waitpid(supervisor, NULL, 0), supervisor);
	gone = is_gone(pids[0]);
	(void)kill(pids[1], SIGKILL);
	(void)waitpid(pids[1], NULL, 0);
	(void)close(tell[0]);
	(void)close(tell[1]);
	assert_true(gone);
}

/* As when who started it is killed before the plan is made, or finds something wrong with it. */
static void test_a_launcher_without_a_spec_ends(void **state)
{
	struct floor_session f;
	int spec_fd;

	(void)state;
	assert_int_equal(floor_launch(&f, &spec_fd, NULL), 0);
	(void)close(spec_fd);
	assert_int_equal(floor_next(&f), MSG_EOF); /* without a word */
	assert_int_equal(floor_end(&f), 0);
}

static unsigned count_children(pid_t pid)
{
	char path[64];
	char line[256] = "";
	unsigned count = 0;
	FILE *children;

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
	children = fopen(path, "re");
	if (!children)
		skip(); /* no CONFIG_PROC_CHILDREN */
	(void)!fgets(line, sizeof(line), children);
	(void)fclose(children);
	for (const char *at = line; *at; at++)
		count += *at == ' ';
	return count;
}

/* Files of another owner are shown by an id map, which takes a process: for a moment only. */
static void test_an_id_map_leaves_no_process(void **state)
{
	const struct spec_options options = {
		.session = "floor", .workspace_dir = folder, .workspace_mode = WORKSPACE_LIVE};
	struct spec mapped;
	struct floor_session f;
	unsigned count = 0;

	(void)state;
	if (geteuid() != 0)
		skip(); /* whose files are shown as they are */
	assert_int_equal(spec_build(&options, &mapped, NULL), 0);
	assert_int_equal(floor_start(&f, &mapped, NULL), 0);
	for (int waited = 0; waited < FLOOR_WAIT_MS && count != 1; waited += 20) {
		count = count_children(f.keeper_pid);
		(void)usleep(20000);
	}
	assert_int_equal(count, 1); /* the init */
	assert_true(floor_end(&f) >= 0);
	spec_done(&mapped);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_is_open_at_the_first_exec),
		cmocka_unit_test(test_the_keeper_dies_with_its_parent),
		cmocka_unit_test(test_a_launcher_without_a_spec_ends),
		cmocka_unit_test(test_an_id_map_leaves_no_process),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
