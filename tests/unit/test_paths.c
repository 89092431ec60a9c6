/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/test.h"

#include <string.h>
#include <sys/stat.h>

#include "tools/toolkit/paths.h"

static void test_own(void **state)
{
	static const struct {
		unsigned mode, others;
		const char *says; /* NULL: it is ours */
	} cases[] = {
		{0755, 022, NULL},	     {0775, 022, "chmod go-w it"},
		{01757, 022, "(mode 757)"},  {0700, 077, NULL},
		{0704, 077, "chmod go-rwx"}, {0710, 077, "the folder /x is open to others"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct stat st = {.st_uid = geteuid(), .st_mode = S_IFDIR | cases[i].mode};
		struct error err = {0};

		assert_int_equal(paths_check_own("the folder", "/x", &st, cases[i].others, &err),
				 cases[i].says ? -EPERM : 0);
		if (cases[i].says)
			assert_non_null(strstr(err.text, cases[i].says));
	}
}

static void test_of_somebody_else(void **state)
{
	const struct stat st = {.st_uid = geteuid() + 1, .st_mode = S_IFDIR | 0700};
	struct error err = {0};

	(void)state;
	assert_int_equal(paths_check_own("the folder", "/x", &st, 022, &err), -EPERM);
	assert_non_null(strstr(err.text, "the folder /x belongs to user "));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own),
		cmocka_unit_test(test_of_somebody_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
