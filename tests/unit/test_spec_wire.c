/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>

#include "sandbox/spec_wire.h"
#include "tests/unit/spec_fixture.h"

/* The spec printed, sent, and read back. */

static void to_json(const struct spec *spec, struct buf *out)
{
	spec_to_json(spec, out);
	assert_false(out->overflow);
}

static struct spec from_json(const struct buf *text)
{
	_cleanup_(json_freep) struct json *doc = NULL;
	struct spec spec = {0};
	struct error err = {0};

	if (json_parse("spec", text->data, text->len, &doc, &err) < 0 ||
	    spec_from_json(doc, &spec, &err) < 0)
		fail_msg("%s", err.text);
	return spec;
}

/* What --dry-run prints is what --spec takes; and it is the whole spec: the encodings agree. */
static void test_json_and_back(void **unused)
{
	const char *const env[] = {"TEXT=a \"quoted\"\n\tline \xc3\xa4", "EMPTY=", NULL};
	const struct spec_bind binds[] = {{work, "/data", true}};
	const struct spec_options options = {.session = "s1",
					     .state_dir = state,
					     .workspace_dir = work,
					     .workspace_mode = best_mode(),
					     .binds = binds,
					     .bind_count = 1,
					     .env = env,
					     .limits = {.memory_bytes = (1ull << 53) - 1,
							.pids = UINT32_MAX,
							.cpu_millis = 1,
							.open_files = 2,
							.file_size_bytes = 3,
							.layer_bytes = 4}};
	_cleanup_(spec_done) struct spec spec = build(&options);
	_cleanup_(spec_done) struct spec again = {0};
	_cleanup_buf_ struct buf first = BUF_INIT(0);
	_cleanup_buf_ struct buf second = BUF_INIT(0);
	_cleanup_buf_ struct buf wire_first = BUF_INIT(0);
	_cleanup_buf_ struct buf wire_second = BUF_INIT(0);

	(void)unused;
	spec.mounts[0].size_bytes = 4096;
	to_json(&spec, &first);
	again = from_json(&first);
	to_json(&again, &second);
	assert_string_equal(first.data, second.data);
	spec_encode(&spec, &wire_first);
	spec_encode(&again, &wire_second);
	assert_int_equal(wire_first.len, wire_second.len);
	assert_memory_equal(wire_first.data, wire_second.data, wire_first.len);
}

static void test_the_wire_and_back(void **unused)
{
	const struct spec_options options = {.session = "s1",
					     .state_dir = state,
					     .workspace_dir = work,
					     .workspace_mode = best_mode()};
	_cleanup_(spec_done) struct spec spec = build(&options);
	_cleanup_(spec_done) struct spec again = {0};
	_cleanup_close_ int spec_fd = -1;
	_cleanup_buf_ struct buf first = BUF_INIT(0);
	_cleanup_buf_ struct buf second = BUF_INIT(0);
	struct error err = {0};

	(void)unused;
	spec_fd = spec_to_memfd(&spec, &err);
	assert_true(spec_fd >= 0);
	assert_int_equal(write(spec_fd, "x", 1), -1); /* sealed */
	if (spec_from_fd(spec_fd, &again, &err) < 0)
		fail_msg("%s", err.text);
	to_json(&spec, &first);
	to_json(&again, &second);
	assert_string_equal(first.data, second.data);
}

/* As the launcher gets it, with a lock or without; and when nothing comes. */
static void test_sent_and_received(void **unused)
{
	const struct spec_options options = {.session = "s1", .state_dir = state};
	_cleanup_(spec_done) struct spec spec = build(&options);
	struct stat lock;
	struct stat received;
	int pair[2];

	(void)unused;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(fstat(pair[0], &lock), 0); /* any descriptor */
	for (int with_lock = 0; with_lock < 2; with_lock++) {
		_cleanup_(spec_done) struct spec again = {0};
		_cleanup_close_ int lock_fd = -1;

		assert_int_equal(spec_send(pair[0], &spec, with_lock ? pair[0] : -1, NULL), 0);
		assert_int_equal(spec_receive(pair[1], &again, &lock_fd, NULL), 0);
		assert_string_equal(again.session, "s1");
		assert_int_equal(lock_fd >= 0, with_lock);
		if (with_lock) {
			assert_int_equal(fstat(lock_fd, &received), 0);
			assert_int_equal(received.st_ino, lock.st_ino);
			assert_int_equal(fcntl(lock_fd, F_GETFD), FD_CLOEXEC);
		}
	}
	assert_int_equal(write(pair[0], "s", 1), 1); /* a note without a spec */
	assert_int_equal(spec_receive(pair[1], &spec, NULL, NULL), -EBADMSG);
	(void)close(pair[0]);
	assert_int_equal(spec_receive(pair[1], &spec, NULL, NULL), -EPIPE);
	(void)close(pair[1]);
}

/* No cut, no addition and no other first word is taken for a spec. */
static void test_bytes_that_are_no_spec(void **unused)
{
	const struct spec_options options = {.session = "s1", .state_dir = state};
	_cleanup_(spec_done) struct spec spec = build(&options);
	_cleanup_buf_ struct buf bytes = BUF_INIT(0);
	struct spec ret = {0};
	struct error err = {0};
	int plain[2];

	(void)unused;
	spec_encode(&spec, &bytes);
	for (size_t len = 0; len < bytes.len; len++)
		assert_int_equal(spec_decode(bytes.data, len, &ret, &err), -EBADMSG);
	assert_string_equal(err.text + strlen(err.text) - 10, " bytes in)");
	buf_putc(&bytes, '\0');
	assert_int_equal(spec_decode(bytes.data, bytes.len, &ret, &err), -EBADMSG);
	bytes.data[0] ^= 1;
	assert_int_equal(spec_decode(bytes.data, bytes.len - 1, &ret, &err), -EBADMSG);
	assert_null(ret.session);
	assert_int_equal(pipe(plain), 0);
	assert_int_equal(spec_from_fd(plain[0], &ret, &err), -EBADMSG);
	assert_non_null(strstr(err.text, "is not a sealed spec"));
	(void)close(plain[0]);
	(void)close(plain[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_json_and_back),
		cmocka_unit_test(test_the_wire_and_back),
		cmocka_unit_test(test_sent_and_received),
		cmocka_unit_test(test_bytes_that_are_no_spec),
	};

	return cmocka_run_group_tests(tests, make_folders, remove_folders);
}
