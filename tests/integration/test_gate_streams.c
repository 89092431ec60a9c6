/* SPDX-License-Identifier: Apache-2.0 */

/* What the gate says of a program's standard input and output, and of its file's mode. */

#include "tests/support/test.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "tests/integration/gate_fixture.h"

struct streams_form {
	int (*open_both)(int fds[2]); /* input, output */
	const char *input, *output;
};

/* Two ends of one connection over the loopback. */
static int open_tcp(int fds[2])
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);
	const int listen_fd = socket(AF_INET, SOCK_STREAM, 0);

	fds[0] = socket(AF_INET, SOCK_STREAM, 0);
	fds[1] = dup(fds[0]);
	return bind(listen_fd, (struct sockaddr *)&at, len) ||
	       getsockname(listen_fd, (struct sockaddr *)&at, &len) || listen(listen_fd, 1) ||
	       connect(fds[0], (struct sockaddr *)&at, len);
}

static int open_datagrams(int fds[2])
{
	fds[0] = socket(AF_INET6, SOCK_DGRAM, 0);
	fds[1] = socket(AF_NETLINK, SOCK_RAW, 0);
	return fds[0] < 0 || fds[1] < 0;
}

static int open_pair(int fds[2])
{
	return socketpair(AF_UNIX, SOCK_STREAM, 0, fds);
}

static int open_terminal(int fds[2])
{
	const int master_fd = posix_openpt(O_RDWR | O_NOCTTY);
	char name[64];
	int pipe_fds[2];

	if (master_fd < 0 || grantpt(master_fd) || unlockpt(master_fd) || pipe(pipe_fds) ||
	    ptsname_r(master_fd, name, sizeof(name)))
		return -1;
	fds[0] = open(name, O_RDWR | O_NOCTTY);
	fds[1] = pipe_fds[1];
	return fds[0] < 0;
}

static int open_files(int fds[2])
{
	fds[0] = open("/dev/null", O_RDONLY);
	fds[1] = open("out", O_WRONLY | O_CREAT, 0644);
	return fds[0] < 0 || fds[1] < 0;
}

static int open_other(int fds[2])
{
	fds[0] = -1;
	fds[1] = open(".", O_RDONLY);
	return fds[1] < 0;
}

static const struct streams_form forms[] = {
	{open_tcp, "tcp", "tcp"},	{open_datagrams, "udp", "other"},
	{open_pair, "unix", "unix"},	{open_terminal, "terminal", "pipe"},
	{open_files, "device", "file"}, {open_other, "", "other"},
};

/* In the child; what it is given was opened before there was a gate. */
static int run_with(void *arg)
{
	const int *fds = arg;

	(void)close(STDIN_FILENO);
	if ((fds[0] >= 0 && dup2(fds[0], STDIN_FILENO) < 0) || dup2(fds[1], STDOUT_FILENO) < 0)
		return 98;
	return exec_path("/usr/bin/true");
}

static void test_streams(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(forms); i++) {
		struct fixture f = {0};
		int fds[2];

		print_message("form %zu\n", i);
		assert_int_equal(forms[i].open_both(fds), 0);
		assert_exited(fixture_run(&f, run_with, fds), 0);
		assert_int_equal(f.count, 1);
		assert_string_equal(f.seen[0].input, forms[i].input);
		assert_string_equal(f.seen[0].output, forms[i].output);
		assert_false(f.seen[0].setuid);
	}
}

static int run_path(void *arg)
{
	return exec_path(arg);
}

/* The kernel heeds the bit of a binary, and not that of a script. */
static void test_setuid(void **state)
{
	struct fixture binary = {0};
	struct fixture script = {0};

	(void)state;
	assert_int_equal(system("cp /usr/bin/true own"), 0); /* NOLINT */
	write_file("script", "#!/usr/bin/true\n", 0755);
	assert_int_equal(chmod("own", 04755), 0);
	assert_int_equal(chmod("script", 04755), 0);
	assert_exited(fixture_run(&binary, run_path, (char[]){"own"}), 0);
	assert_true(binary.seen[0].setuid);
	assert_exited(fixture_run(&script, run_path, (char[]){"script"}), 0);
	assert_false(script.seen[0].setuid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_streams),
					   cmocka_unit_test(test_setuid)};

	return cmocka_run_group_tests(tests, fixture_set_up, fixture_tear_down);
}
