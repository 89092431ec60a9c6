/* SPDX-License-Identifier: Apache-2.0 */
/* What is left of links, in the order of the calls, when the trace is read after all of them. */
#include "tests/support/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "monitor/session/claimed_paths.h"

static struct claimed_paths *paths;
static char root[] = "/tmp/claimed_XXXXXX";

static int set_up(void **state)
{
	_cleanup_close_ int root_fd = -1;

	(void)state;
	assert_non_null(mkdtemp(root));
	root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	paths = claimed_paths_new(root_fd);
	assert_non_null(paths);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	paths = claimed_paths_free(paths);
	assert_int_equal(rmdir(root), 0);
	memset(root + strlen(root) - 6, 'X', 6);
	return 0;
}

static const char *told(bool claimed, const char *op, const char *path, const char *target)
{
	struct action action = {
		.kind = ACTION_FILE_CHANGE,
		.op = str_of(op),
		.path = str_of(path),
		.target = str_of(target),
		.claimed = claimed,
	};

	claimed_paths_settle(paths, false, &action);
	return action.path.at;
}

#define IS(path, as) assert_string_equal(told(true, "truncate", (path), ""), (as))

static void test_a_link_that_is_gone(void **state)
{
	(void)state;
	(void)told(true, "symlink", "/l", "/etc");
	IS("/l/x", "/etc/x");
	(void)told(true, "unlink", "/l", "");
	IS("/l/x", "/l/x");
}

/* LSM hooks tell how a link began by the caller's word, and its end by the kernel's. */
static void test_an_end_that_the_kernel_told(void **state)
{
	(void)state;
	(void)told(true, "symlink", "/l", "/etc");
	(void)told(false, "unlink", "/l", "");
	IS("/l/x", "/l/x");
	(void)told(true, "symlink", "/l", "/etc");
	(void)told(false, "rename", "/l", "/m");
	IS("/l/x", "/l/x");
	IS("/m/x", "/etc/x");
}

static void test_a_folder_in_its_place(void **state)
{
	(void)state;
	(void)told(true, "symlink", "/a/l", "/tmp");
	(void)told(true, "rename", "/a", "/b");
	(void)told(true, "mkdir", "/a", "");
	(void)told(true, "mkdir", "/a/l", "");
	IS("/a/l/x", "/a/l/x");
	IS("/b/l/x", "/tmp/x");
	(void)told(true, "rename", "/c", "/b");
	IS("/b/l/x", "/b/l/x");
}

static void test_another_link_in_its_place(void **state)
{
	(void)state;
	(void)told(true, "symlink", "/l", "/tmp");
	(void)told(true, "symlink", "/l", "/etc");
	IS("/l/x", "/etc/x");
}

/* A text that is relative leads elsewhere then. */
static void test_a_link_that_moved(void **state)
{
	(void)state;
	(void)told(true, "symlink", "/a/l", "etc");
	IS("/a/l/x", "/a/etc/x");
	(void)told(true, "rename", "/a/l", "/l");
	IS("/l/x", "/etc/x");
	(void)told(true, "rename", "/l", "/l");
	IS("/l/x", "/etc/x");
}

static void test_a_target_that_nobody_knows(void **state)
{
	(void)state;
	(void)told(true, "symlink", "/l", "/etc");
	(void)told(true, "symlink", "/m", "");
	(void)told(true, "rename", "/n", "");
	(void)told(true, "link", "/l", "");
	IS("/x", "/x");
	IS("/l/x", "/etc/x");
	IS("/m/x", "/m/x");
	(void)told(true, "rename", "/l", "");
	IS("/l/x", "/l/x");
}

/* Of a session that has our /proc: "self" is who called. */
static void test_self_is_not_us(void **state)
{
	_cleanup_close_ int root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	char own[64];

	(void)state;
	(void)claimed_paths_free(paths);
	paths = claimed_paths_new(root_fd);
	IS("/proc/self/mem", "/proc/self/mem");
	IS("/proc/thread-self/mem", "/proc/thread-self/mem");
	IS("/dev/fd/3", "/dev/fd/3");
	IS("/proc/self/../version", "/proc/version");
	(void)snprintf(own, sizeof(own), "/proc/%d/mem", (int)getpid());
	IS(own, own);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_link_that_is_gone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_an_end_that_the_kernel_told, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_a_folder_in_its_place, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_another_link_in_its_place, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_link_that_moved, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_target_that_nobody_knows, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_self_is_not_us, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
