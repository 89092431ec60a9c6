/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/integration/trace_fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

struct traced traced;
char fixture_folder[] = "/tmp/cordon-trace-XXXXXX";

char *in_folder(const char *name)
{
	static char paths[8][256];
	static unsigned next;
	char *path = paths[next++ % 8];

	(void)snprintf(path, sizeof(paths[0]), "%s/%s", fixture_folder, name);
	return path;
}

void make_file(const char *name)
{
	const int fd = open(in_folder(name), O_CREAT | O_WRONLY | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, "text\n", 5), 5);
	close(fd);
}

int fixture_set_up(void **state)
{
	(void)state;
	return traced_open(&traced, TRACE_RING_BYTES);
}

int fixture_tear_down(void **state)
{
	(void)state;
	traced_close(&traced);
	return 0;
}

int fixture_run(const char *name, const struct CMUnitTest *tests, size_t count)
{
	char command[64];
	int r;

	if (traced_is_skipped(name))
		return 77;
	if (!mkdtemp(fixture_folder) || chdir(fixture_folder) < 0)
		return 1;
	r = _cmocka_run_group_tests(name, tests, count, NULL, NULL);
	(void)snprintf(command, sizeof(command), "rm -rf %s", fixture_folder);
	/* NOLINTNEXTLINE(cert-env33-c): our own folder */
	return chdir("/") == 0 && system(command) == 0 ? r : 1;
}
