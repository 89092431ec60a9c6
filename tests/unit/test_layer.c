/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/toolkit/layer.h"

#define DEPTH 6
#define DEEP  1000

/* As an ordinary user: folders in each other that nobody may enter, with a file in the last. */
static int remove_closed_folders(void *arg)
{
	char top[] = "/tmp/cordon-layer-XXXXXX";
	int file_fd;

	(void)arg;
	if (geteuid() == 0 && (setgid(65534) < 0 || setuid(65534) < 0))
		return 2;
	if (!mkdtemp(top) || chdir(top) < 0)
		return 3;
	for (int i = 0; i < DEPTH; i++) {
		if (mkdir("in", 0700) < 0 || chdir("in") < 0)
			return 4;
	}
	file_fd = open("file", O_CREAT | O_WRONLY | O_CLOEXEC, 0);
	if (file_fd < 0 || close(file_fd) < 0)
		return 5;
	for (int i = 0; i < DEPTH; i++) {
		if (chdir("..") < 0 || chmod("in", 0) < 0)
			return 6;
	}
	layer_remove(top);
	return access(top, F_OK) < 0 && errno == ENOENT ? 0 : 1;
}

static void test_closed_folders_go(void **state)
{
	(void)state;
	assert_int_equal(in_child(remove_closed_folders, NULL), 0);
}

/* Deeper than a path may be long, closed, with names that are the removal's own and a way out. */
static int remove_deep_folders(void *arg)
{
	char top[] = "/tmp/cordon-layer-XXXXXX", kept[] = "/tmp/cordon-layer-XXXXXX";
	int kept_fd = mkstemp(kept);

	(void)arg;
	if (kept_fd < 0 || close(kept_fd) < 0)
		return 2;
	if (!mkdtemp(top) || chdir(top) < 0 || mkdir(".0", 0700) < 0 || symlink(kept, ".1") < 0)
		return 3;
	for (int i = 0; i < DEEP; i++) {
		if (symlink(kept, "link") < 0 || mkdir("folder", 0700) < 0 || chdir("folder") < 0)
			return 4;
	}
	if (mkdir(".0", 0700) < 0 || mkdir(".2", 0) < 0 || mkfifo("pipe", 0) < 0)
		return 5;
	for (int i = 0; i < DEEP; i++) {
		if (chdir("..") < 0 || chmod("folder", i % 2 ? 0700 : 0) < 0)
			return 6;
	}
	layer_remove(top);
	if (access(top, F_OK) == 0)
		return 1;
	return unlink(kept) == 0 ? 0 : 7;
}

static void test_deep_folders_go(void **state)
{
	(void)state;
	assert_int_equal(in_child(remove_deep_folders, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_closed_folders_go),
					   cmocka_unit_test(test_deep_folders_go)};

	return cmocka_run_group_tests_name("layer", tests, NULL, NULL);
}
