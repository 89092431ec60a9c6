/* SPDX-License-Identifier: Apache-2.0 */
/* What labels and paths of the trace are worth, and where they end (trace.h). Needs root. */
#include "tests/support/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/traced.h"

#define LABEL 8u

static char dir[] = "/tmp/cordon-labels-XXXXXX";
static struct traced t;

/* The working directory is `dir`, for children too. */
static void label(const char *name)
{
	const int fd = open(name, O_PATH | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(trace_label_file(t.trace, TRACED_SLOT, fd, LABEL), 0);
	close(fd);
}

static int setup(void **state)
{
	int fd;

	(void)state;
	(void)mkdir("weights", 0755);
	fd = open("weights/part", O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
	if (fd < 0 || write(fd, "text\n", 5) != 5)
		return -1;
	(void)close(fd);
	if (traced_open(&t, TRACE_RING_BYTES) < 0)
		return -1;
	label("weights");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	traced_close(&t);
	return 0;
}

static uint64_t labels_after(traced_fn fn, void *arg)
{
	assert_int_equal(traced_run(&t, fn, arg), 0);
	return trace_session_labels(t.trace, TRACED_SLOT);
}

static int opens_by_path_descriptor(void *arg)
{
	const int path_fd = open("weights/part", O_PATH | O_CLOEXEC);
	char again[64];

	(void)snprintf(again, sizeof(again), "/proc/self/fd/%d", path_fd);
	return open(again, *(const int *)arg) >= 0 ? 0 : 1;
}

static void test_opening_again_is_seen(void **state)
{
	int flags = O_PATH;

	(void)state;
	assert_int_equal(labels_after(opens_by_path_descriptor, &flags), 0);
	flags = O_RDONLY;
	assert_int_equal(labels_after(opens_by_path_descriptor, &flags), LABEL);
}

static int reads_descriptor(void *arg)
{
	const int fd = *(const int *)arg;
	char byte;
	const char *map = mmap(NULL, 5, PROT_READ, MAP_PRIVATE, fd, 0);

	return map != MAP_FAILED && map[0] == 't' && pread(fd, &byte, 1, 0) == 1 ? 0 : 1;
}

/* The limit: no open, no label, whether it is read or mapped. */
static void test_inherited_descriptor_is_not_seen(void **state)
{
	int fd = open("weights/part", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_int_equal(labels_after(reads_descriptor, &fd), 0);
	assert_int_equal(traced_count(&t, TRACE_OPEN), 0);
	close(fd);
}

static int send_descriptor(int socket_fd, int fd)
{
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {.head = {.cmsg_len = CMSG_LEN(sizeof(int)),
			      .cmsg_level = SOL_SOCKET,
			      .cmsg_type = SCM_RIGHTS}};
	struct iovec byte = {.iov_base = (char[]){'x'}, .iov_len = 1};
	const struct msghdr m = {.msg_iov = &byte,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control)};

	memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
	return sendmsg(socket_fd, &m, 0) == 1 ? 0 : 1;
}

static int receives_and_reads(void *arg)
{
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;

	char got;
	struct iovec byte = {.iov_base = &got, .iov_len = 1};
	struct msghdr m = {.msg_iov = &byte,
			   .msg_iovlen = 1,
			   .msg_control = &control,
			   .msg_controllen = sizeof(control)};
	int fd;

	if (recvmsg(*(const int *)arg, &m, 0) != 1)
		return 1;
	memcpy(&fd, CMSG_DATA(&control.head), sizeof(fd));
	return reads_descriptor(&fd);
}

static int opens_and_sends(void *arg)
{
	return send_descriptor(*(const int *)arg, open("weights/part", O_RDONLY | O_CLOEXEC));
}

/* Passed on within a session the label is there already; from outside one comes with lsm only. */
static void test_passed_descriptor(void **state)
{
	int pair[2], fd = open("weights/part", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	assert_int_equal(send_descriptor(pair[0], fd), 0);
	assert_int_equal(labels_after(receives_and_reads, &pair[1]), traced_by_lsm(&t) ? LABEL : 0);
	assert_int_equal(labels_after(opens_and_sends, &pair[0]), LABEL);
	assert_int_equal(labels_after(receives_and_reads, &pair[1]), LABEL);
	close(pair[0]);
	close(pair[1]);
	close(fd);
}

static int moves_out_and_reads(void *arg)
{
	(void)arg;
	if (rename("weights/part", "moved") < 0)
		return 1;
	return open("moved", O_RDONLY | O_CLOEXEC) >= 0 ? 0 : 2;
}

/* The limit, and its remedy: the file's own label stays with it. */
static void test_moved_out(void **state)
{
	(void)state;
	assert_int_equal(labels_after(moves_out_and_reads, NULL), 0);
	assert_int_equal(rename("moved", "weights/part"), 0);
	label("weights/part");
	assert_int_equal(labels_after(moves_out_and_reads, NULL), LABEL);
}

static int touches_paths(void *arg)
{
	const int fd = open("made", O_CREAT | O_RDWR | O_CLOEXEC, 0600);

	(void)arg;
	if (fd < 0 || ftruncate(fd, 1) < 0 || chmod("made", 0640) < 0)
		return 1;
	return open("absent", O_RDONLY | O_CLOEXEC) >= 0 || unlink("made") < 0;
}

/* The caller's word is marked as such; the kernel's is not. */
static void test_claimed_paths_are_marked(void **state)
{
	(void)state;
	assert_int_equal(traced_run(&t, touches_paths, NULL), 0);
	assert_false(traced_find(&t, TRACE_OPEN, NULL, 0)->claimed);
	assert_true(traced_find(&t, TRACE_OPEN, NULL, 1)->claimed);
	assert_false(traced_find(&t, TRACE_CHANGE, NULL, 0)->claimed); /* ftruncate */
	if (traced_by_lsm(&t)) { /* which sees it on 6.1 only */
		assert_true(traced_count(&t, TRACE_CHANGE) >= 2);
		for (size_t i = 0; i < traced_count(&t, TRACE_CHANGE); i++)
			assert_false(traced_find(&t, TRACE_CHANGE, NULL, i)->claimed);
		return;
	}
	assert_true(traced_find(&t, TRACE_CHANGE, NULL, 1)->claimed);
	assert_true(traced_find(&t, TRACE_CHANGE, NULL, 2)->claimed);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(opening_again_is_seen),	TEST(inherited_descriptor_is_not_seen),
		TEST(passed_descriptor),	TEST(moved_out),
		TEST(claimed_paths_are_marked),
	};
	char command[64];
	int r;

	if (traced_is_skipped("trace_labels"))
		return 77;
	if (!mkdtemp(dir) || chdir(dir) < 0)
		return 1;
	r = cmocka_run_group_tests_name("trace_labels", tests, NULL, NULL);
	(void)snprintf(command, sizeof(command), "rm -rf %s", dir);
	return chdir("/") == 0 && system(command) == 0 ? r : 1; /* NOLINT(cert-env33-c) */
}
