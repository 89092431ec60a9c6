/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/test.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "common/cleanup.h"
#include "common/input.h"

/* Where nobody is to come, the module's patience is a hundredth of what it is. */
static int divisor = 100;
int __real_poll(struct pollfd *fds, nfds_t count, int timeout_ms);
int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout_ms);

int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
	return __real_poll(fds, count, timeout_ms / divisor);
}

#define MOST 100000u

static char top[] = "/tmp/cordon-input-XXXXXX";
static char fifo[64];

static int set_up(void **state)
{
	(void)state;
	if (!mkdtemp(top))
		return -1;
	(void)snprintf(fifo, sizeof(fifo), "%s/fifo", top);
	return mkfifo(fifo, 0600);
}

static int tear_down(void **state)
{
	(void)state;
	return unlink(fifo) < 0 || rmdir(top) < 0;
}

/* Opens and reads. Return: the first error, or the number of bytes. */
static int read_path(const char *path, struct buf *out, struct error *err)
{
	_cleanup_close_ int fd = input_open("it, ", path, err);
	const int r = fd < 0 ? fd : input_read_document(fd, path, MOST, out, err);

	return r < 0 ? r : (int)out->len;
}

static void expect_bytes(const char *path, int count)
{
	_cleanup_buf_ struct buf out = BUF_INIT(MOST + INPUT_ROOM);
	struct error err = {0};
	const int r = read_path(path, &out, &err);

	if (r != count)
		fail_msg("%s: %d, not %d: %s", path, r, count, err.text);
	assert_int_equal(strlen(out.data), count);
}

/* The text has @ where the path is. */
static void expect_error(const char *path, int code, const char *text)
{
	_cleanup_buf_ struct buf out = BUF_INIT(MOST + INPUT_ROOM);
	struct error err = {0};
	char expected[256];

	assert_int_equal(read_path(path, &out, &err), code);
	(void)snprintf(expected, sizeof(expected), "%.*s%s%s", (int)strcspn(text, "@"), text, path,
		       strchr(text, '@') + 1);
	assert_string_equal(err.text, expected);
}

static void fill(int fd, size_t count)
{
	static char bytes[MOST + 1];

	memset(bytes, 'x', sizeof(bytes));
	assert_int_equal(write(fd, bytes, count), count);
}

static void test_files(void **state)
{
	char path[] = "/tmp/cordon-input-XXXXXX";
	const int fd = mkstemp(path);

	(void)state;
	expect_bytes(path, 0);
	fill(fd, MOST);
	expect_bytes(path, MOST);
	fill(fd, 1);
	expect_error(path, -E2BIG, "@: more than 100000 bytes");
	(void)close(fd);
	assert_int_equal(unlink(path), 0);
	expect_error(path, -ENOENT, "cannot open it, @: No such file or directory");
}

static void test_what_does_not_end(void **state)
{
	(void)state;
	expect_error("/dev/zero", -EINVAL, "it, @: neither a file nor a pipe");
	expect_error("/dev/null", -EINVAL, "it, @: neither a file nor a pipe");
	expect_error("/tmp", -EISDIR, "it, @: a folder, not a file");
	expect_error(fifo, -EPIPE,
		     "it, @: a FIFO that nobody writes to; start its writer first, or name a "
		     "file");
}

static void test_pipes(void **state)
{
	char path[64];
	int fds[2];

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fds[0]);
	fill(fds[1], 3);
	expect_error(path, -ETIME, "@: its writer neither wrote nor closed it for 30 seconds");
	fill(fds[1], 4);
	(void)close(fds[1]);
	expect_bytes(path, 4);
	expect_bytes(path, 0); /* read once, it is empty */
	(void)close(fds[0]);
}

static void pause_ms(long ms)
{
	const struct timespec time = {.tv_nsec = ms * 1000000};

	(void)nanosleep(&time, NULL);
}

static int write_late(void *first)
{
	_cleanup_close_ int fd = -1;

	if (!first)
		pause_ms(5);
	fd = open(fifo, O_WRONLY | O_CLOEXEC);
	for (int i = 0; i < 3; i++) {
		pause_ms(50);
		if (write(fd, "xx", 2) != 2)
			return 1;
	}
	return 0;
}

/* Whether the writer or we are first, and though it takes its time. */
static void test_writers(void **state)
{
	(void)state;
	divisor = 1;
	for (int first = 0; first < 2; first++) {
		const pid_t child = fork();
		int status = 0;

		assert_true(child >= 0);
		if (child == 0)
			_exit(write_late(first ? &first : NULL));
		if (first)
			pause_ms(50);
		expect_bytes(fifo, 6);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_int_equal(status, 0);
	}
	divisor = 100;
}

static void test_a_writer_that_writes_nothing(void **state)
{
	const int fd = open(fifo, O_RDWR | O_CLOEXEC);

	(void)state;
	expect_error(fifo, -ETIME, "@: its writer neither wrote nor closed it for 30 seconds");
	(void)close(fd);
}

static void test_to_be_read_again(void **state)
{
	struct error err = {0};
	char expected[256];

	(void)state;
	assert_int_equal(input_open_file("", fifo, &err), -ESPIPE);
	(void)snprintf(expected, sizeof(expected),
		       "%s: a pipe can be read only once, and this is read more often; save it as "
		       "a file",
		       fifo);
	assert_string_equal(err.text, expected);
	assert_int_equal(input_open_file("", "/tmp", &err), -EISDIR);
	assert_int_equal(input_open_file("", "/dev/zero", &err), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_what_does_not_end),
		cmocka_unit_test(test_pipes),
		cmocka_unit_test(test_writers),
		cmocka_unit_test(test_a_writer_that_writes_nothing),
		cmocka_unit_test(test_to_be_read_again),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
