/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/test.h"

#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "tools/toolkit/plan.h"

/* A folder with place/, the workspace, and a file in it and in place2/ beside it; the current one.
 */
static char folder[PATH_MAX];

static void put_file(const char *dir, const char *path)
{
	FILE *f;

	assert_int_equal(mkdir(dir, 0700), 0);
	f = fopen(path, "we");
	assert_non_null(f);
	assert_int_equal(fclose(f), 0);
}

static int set_up(void **state)
{
	char made[] = "/tmp/cordon-plan-XXXXXX";

	(void)state;
	assert_non_null(mkdtemp(made));
	assert_non_null(realpath(made, folder));
	assert_int_equal(chdir(folder), 0);
	put_file("place", "place/file");
	put_file("place2", "place2/file");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	(void)unlink("place/file");
	(void)unlink("place2/file");
	(void)rmdir("place");
	(void)rmdir("place2");
	assert_int_equal(chdir("/"), 0);
	return rmdir(folder);
}

/* @: the folder. */
static void expect_label(const char *path, const char *expected)
{
	_cleanup_free_ char *work = xasprintf("%s/place", folder);
	_cleanup_free_ char *full =
		expected[0] == '@' ? xasprintf("%s%s", folder, expected + 1) : xstrdup(expected);
	struct plan plan = {.spec = {.workspace = work, .home = (char[]){"/home/agent"}}};
	struct label_option option = {path, "secret"};
	const struct session_options options = {.labels = &option, .label_count = 1};
	struct session_label *labels = plan_labels(&plan, &options);

	assert_string_equal(labels[0].path, full);
	assert_string_equal(labels[0].name, "secret");
	plan_labels_free(labels, 1);
}

static void test_paths_of_labels(void **state)
{
	(void)state;
	expect_label("/etc/passwd", "/etc/passwd");
	expect_label("~/key", "/home/agent/key");
	expect_label("place", "@/place");
	expect_label("place/file", "@/place/file");
	expect_label("place2/../place/file", "@/place/file");
	expect_label("no-such", "@/place/no-such");
	/* It lies beside the workspace, whose name only begins like its own. */
	expect_label("place2/file", "@/place/place2/file");
	expect_label("place2", "@/place/place2");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_paths_of_labels, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
