/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/record_fixture.h"

#include <sodium.h>

#include "common/json.h"
#include "common/limits.h"
#include "monitor/evidence/chain.h"
#include "monitor/evidence/key.h"
#include "monitor/evidence/reader.h"

static struct record_fixture fixture;

static int setup(void **state)
{
	(void)state;
	fixture_setup(&fixture);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fixture_remove(&fixture);
	return 0;
}

static void test_lines(void **state)
{
	_cleanup_(reader_done) struct record_reader reader = {.input_fd = -1};
	char head[CHAIN_HEX + 1];
	char expected[512];
	struct stat st;
	const char *line = NULL;
	size_t len = 0;

	(void)state;
	write_record(&fixture, "s-1", 3, true);
	assert_int_equal(stat(fixture.path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(reader_open(fixture.path, &reader, NULL), 0);
	assert_int_equal(reader_next(&reader, &line, &len), READER_LINE);
	(void)snprintf(
		expected, sizeof(expected),
		"{\"seq\":0,\"ts\":1000000000,\"session\":\"s-1\",\"call\":\"c1\",\"exec_id\":1,"
		"\"pid\":4711,\"kind\":\"session.start\",\"fields\":{\"path\":\"x\"},"
		"\"verdict\":\"allow\",\"prev\":\"%064d\"",
		0);
	assert_memory_equal(line, expected, strlen(expected));
	/* Anyone's BLAKE2b over these bytes is the hash. */
	chain_hash(line, strlen(expected), head);
	assert_memory_equal(line + strlen(expected) + strlen(",\"hash\":\""), head, CHAIN_HEX);
	assert_int_equal(reader_next(&reader, &line, &len), READER_LINE);
	assert_int_equal(reader_next(&reader, &line, &len), READER_LINE);
	assert_int_equal(json_check(line, len, NULL), 0);
	(void)snprintf(expected, sizeof(expected),
		       "{\"seq\":2,\"ts\":2000000000,\"session\":\"s-1\",\"kind\":\"session.end\","
		       "\"fields\":{\"events\":3,\"denied\":3},\"signer\":\"");
	assert_memory_equal(line, expected, strlen(expected));
	assert_int_equal(reader_next(&reader, &line, &len), READER_END);
}

/* Known answer, from `b2sum -l 256`. */
static void test_hash(void **state)
{
	char hex[CHAIN_HEX + 1];

	(void)state;
	chain_hash("abc", 3, hex);
	assert_string_equal(hex,
			    "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
}

static void test_exists(void **state)
{
	struct record *record = NULL;
	struct error err = {0};

	(void)state;
	store(fixture.path, "x", 1);
	assert_int_equal(record_open(fixture.path, "s", fixture.key, &record, &err), -EEXIST);
	assert_non_null(strstr(err.text, fixture.path));
	assert_int_equal(unlink(fixture.path), 0);
	assert_int_equal(symlink("/dev/null", fixture.path), 0);
	assert_int_equal(record_open(fixture.path, "s", fixture.key, &record, &err), -EEXIST);
	assert_int_equal(record_open("/nowhere/r", "s", fixture.key, &record, &err), -ENOENT);
	assert_null(record);
}

/* A disk that is full: the first write that fails ends it for good. */
static void test_full_disk(void **state)
{
	const int full_fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	struct record *record = NULL;
	int r = 0;

	(void)state;
	assert_true(full_fd >= 0);
	assert_int_equal(record_open_fd(full_fd, "/dev/full", "s", fixture.key, &record, NULL), 0);
	assert_int_equal(put_event(record, "session.start", "x"), 0);
	for (int i = 0; i < 1000 && r == 0; i++)
		r = put_event(record, "file.open", "/some/path");
	assert_int_equal(r, -ENOSPC); /* at 64 KiB, without a flush being asked for */
	assert_int_equal(record_flush(record), -ENOSPC);
	assert_int_equal(put_event(record, "file.open", "y"), -ENOSPC);
	assert_int_equal(record_flush(record), -ENOSPC);
	assert_int_equal(record_close(record, 0, NULL), -ENOSPC);
}

static void test_write_error_at_close(void **state)
{
	const int full_fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	struct record *record = NULL;

	(void)state;
	assert_int_equal(record_open_fd(full_fd, "/dev/full", "s", fixture.key, &record, NULL), 0);
	assert_int_equal(put_event(record, "session.start", "x"), 0);
	assert_int_equal(record_close(record, 0, NULL), -ENOSPC);
}

static void test_oversize(void **state)
{
	struct record *record = fixture_open(&fixture, "s");
	char *large = malloc(700000);
	_cleanup_buf_ struct buf text = BUF_INIT(0);
	struct record_report report;

	(void)state;
	memset(large, '\\', 699999);
	large[699999] = '\0';
	assert_int_equal(put_event(record, "session.start", "x"), 0);
	assert_int_equal(put_event(record, "file.open", large), 0);
	assert_int_equal(put_event(record, "file.open", "after"), 0);
	assert_int_equal(record_close(record, 0, NULL), 0);
	free(large);
	assert_int_equal(record_verify(fixture.path, fixture.key, &report, NULL), 0);
	assert_int_equal(report.state, RECORD_CLOSED);
	assert_int_equal(report.events, 4);
	load(fixture.path, &text);
	assert_non_null(
		strstr(text.data, "\"fields\":{\"oversize\":1400009,\"head\":\"{\\\"path\\\":"));
	assert_non_null(strstr(text.data, "\"},\"verdict\":\"allow\",\"prev\":"));
	assert_true(text.len < 3 * (size_t)MAX_EVENT_LINE);
}

/* The largest call that an agent can send in one message is told of, too. */
static void test_largest_call(void **state)
{
	struct record *record = fixture_open(&fixture, "s");
	const size_t len = MAX_JSON_BYTES;
	char *args = malloc(len + 1);
	struct record_report report;

	(void)state;
	memset(args, '"', len);
	args[len] = '\0';
	assert_int_equal(put_event(record, "session.start", "x"), 0);
	assert_int_equal(put_event(record, "tool.call", args), 0);
	assert_int_equal(put_event(record, "tool.result", "x"), 0);
	assert_int_equal(record_close(record, 0, NULL), 0);
	free(args);
	assert_int_equal(record_verify(fixture.path, fixture.key, &report, NULL), 0);
	assert_int_equal(report.state, RECORD_CLOSED);
}

/* What cannot be shortened is an error, not a hole. */
static void test_oversize_elsewhere(void **state)
{
	struct record *record = fixture_open(&fixture, "s");
	const struct event_head head = {.kind = "session.start"};
	struct json_writer *w = record_begin(record, &head);
	char *large = malloc(100000);

	(void)state;
	memset(large, 'x', 99999);
	large[99999] = '\0';
	json_put_string(w, "because", large);
	free(large);
	assert_int_equal(record_end(record), -E2BIG);
	assert_int_equal(record_flush(record), -E2BIG);
	assert_null(record_abandon(record));
}

/* What a rule read of a large call is as large as the call. */
static void test_oversize_matched(void **state)
{
	struct record *record = fixture_open(&fixture, "s");
	const struct event_head head = {.kind = "session.start"};
	struct json_writer *w = record_begin(record, &head);
	_cleanup_buf_ struct buf text = BUF_INIT(0);
	char *large = malloc(100000);

	(void)state;
	memset(large, 'x', 99999);
	large[99999] = '\0';
	json_begin_object(w, "fields");
	json_put_string(w, "args", large);
	json_end_object(w);
	json_put_string(w, "rule", "a.rule");
	json_begin_object(w, "matched");
	json_put_string(w, "args", large);
	json_end_object(w);
	free(large);
	assert_int_equal(record_end(record), 0);
	assert_int_equal(record_close(record, 0, NULL), 0);
	load(fixture.path, &text);
	assert_non_null(strstr(text.data, "\"fields\":{\"oversize\":100010,\"head\":\"{"));
	assert_non_null(strstr(text.data, "\"rule\":\"a.rule\",\"matched\":{\"oversize\":100010,"));
}

struct seen {
	unsigned count;
	char last[1024];
};

static void observe(void *ctx, const char *line, size_t len)
{
	struct seen *seen = ctx;

	seen->count++;
	(void)snprintf(seen->last, sizeof(seen->last), "%.*s", (int)len, line);
}

static void test_observer(void **state)
{
	struct record *record = fixture_open(&fixture, "s");
	struct seen seen = {0};

	(void)state;
	record_set_observer(record, observe, &seen);
	assert_int_equal(put_event(record, "session.start", "x"), 0);
	assert_int_equal(put_event(record, "exec", "/bin/\xff"), 0);
	assert_int_equal(seen.count, 2);
	assert_int_equal(json_check(seen.last, strlen(seen.last), NULL), 0);
	assert_non_null(strstr(seen.last, "/bin/\xef\xbf\xbd"
					  "ff"));
	assert_string_equal(record_path(record), fixture.path);
	assert_int_equal(record_count(record), 2);
	assert_null(record_abandon(record));
}

static int load_key(void *arg)
{
	struct record_key *shared = arg;

	return key_load(fixture.key, true, shared, NULL) == 0 ? 0 : 1;
}

/* Many processes that find no key at once all end up with the same one. */
static void test_key_race(void **state)
{
	enum {
		PROCESSES = 8
	};

	pid_t children[PROCESSES];
	int pipes[2];
	unsigned char first[32];

	(void)state;
	assert_int_equal(pipe(pipes), 0);
	for (int i = 0; i < PROCESSES; i++) {
		children[i] = fork();
		assert_true(children[i] >= 0);
		if (children[i] == 0) {
			struct record_key key;

			if (load_key(&key) != 0 || write(pipes[1], key.public, 32) != 32)
				_exit(1);
			_exit(0);
		}
	}
	for (int i = 0; i < PROCESSES; i++) {
		unsigned char public[32];
		int status = 0;

		assert_int_equal(waitpid(children[i], &status, 0), children[i]);
		assert_exited(status, 0);
		assert_int_equal(read(pipes[0], public, 32), 32);
		if (i == 0)
			memcpy(first, public, 32);
		assert_memory_equal(public, first, 32);
	}
	(void)close(pipes[0]);
	(void)close(pipes[1]);
}

static void test_key_file(void **state)
{
	struct record_key key;
	struct record_key again;
	struct error err = {0};
	struct stat st;

	(void)state;
	assert_int_equal(key_load(fixture.key, false, &key, &err), -ENOENT);
	assert_int_equal(key_load(fixture.key, true, &key, &err), 0);
	assert_int_equal(stat(fixture.key, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(key_load(fixture.key, false, &again, &err), 0);
	assert_memory_equal(&key, &again, sizeof(key));
	assert_int_equal(chmod(fixture.key, 0640), 0);
	assert_int_equal(key_load(fixture.key, true, &again, &err), -EPERM);
	assert_non_null(strstr(err.text, "chmod 600"));
	store(fixture.key, "not a key\n", 10);
	assert_int_equal(chmod(fixture.key, 0600), 0);
	assert_int_equal(key_load(fixture.key, true, &again, &err), -EINVAL);
	assert_int_equal(unlink(fixture.key), 0);
	assert_int_equal(symlink("/dev/null", fixture.key), 0);
	assert_int_equal(key_load(fixture.key, true, &again, &err), -ELOOP);
	assert_int_equal(unlink(fixture.key), 0);
	assert_int_equal(key_load("/nowhere/record.key", true, &again, &err), -ENOENT);
}

int main(void)
{
#define RECORD_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		RECORD_TEST(test_lines),
		RECORD_TEST(test_hash),
		RECORD_TEST(test_exists),
		RECORD_TEST(test_full_disk),
		RECORD_TEST(test_write_error_at_close),
		RECORD_TEST(test_oversize),
		RECORD_TEST(test_largest_call),
		RECORD_TEST(test_oversize_elsewhere),
		RECORD_TEST(test_oversize_matched),
		RECORD_TEST(test_observer),
		RECORD_TEST(test_key_race),
		RECORD_TEST(test_key_file),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
