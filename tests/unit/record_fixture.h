/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A folder with a record in it, for the tests of the evidence library.
 */

#include "tests/support/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "monitor/evidence/record.h"

struct record_fixture {
	char dir[64];
	char path[96];
	char key[96];
};

static inline void fixture_setup(struct record_fixture *f)
{
	(void)snprintf(f->dir, sizeof(f->dir), "/tmp/cordon-record-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	(void)snprintf(f->path, sizeof(f->path), "%s/record.jsonl", f->dir);
	(void)snprintf(f->key, sizeof(f->key), "%s/record.key", f->dir);
}

static inline void fixture_remove(struct record_fixture *f)
{
	(void)unlink(f->path);
	(void)unlink(f->key);
	assert_int_equal(rmdir(f->dir), 0); /* nothing else was left behind */
}

static inline struct record *fixture_open(const struct record_fixture *f, const char *session)
{
	struct record *record = NULL;
	struct error err = {0};

	if (record_open(f->path, session, f->key, &record, &err) < 0)
		fail_msg("%s", err.text);
	return record;
}

static inline int put_event(struct record *record, const char *kind, const char *text)
{
	const struct event_head head = {
		.time_ns = 1000000000 + record_count(record),
		.call = "c1",
		.exec_id = 1,
		.pid = 4711,
		.kind = kind,
	};
	struct json_writer *w = record_begin(record, &head);

	json_begin_object(w, "fields");
	json_put_string(w, "path", text);
	json_end_object(w);
	json_put_string(w, "verdict", "allow");
	return record_end(record);
}

/* session.start and `events - 2` others; closed with session.end if `closed`. */
static inline void write_record(const struct record_fixture *f, const char *session,
				unsigned events, bool closed)
{
	struct record *record = fixture_open(f, session);

	assert_int_equal(put_event(record, "session.start", "x"), 0);
	for (unsigned i = 1; i + 1 < events; i++) {
		char text[32];

		(void)snprintf(text, sizeof(text), "/file/%u", i);
		assert_int_equal(put_event(record, "file.open", text), 0);
	}
	if (closed)
		assert_int_equal(record_close(record, 2000000000, "\"denied\":3"), 0);
	else
		assert_null(record_abandon(record));
}

/* The file's bytes in a buffer, and back. */
static inline void load(const char *path, struct buf *out)
{
	const int input_fd = open(path, O_RDONLY | O_CLOEXEC);
	char chunk[4096];
	ssize_t n;

	assert_true(input_fd >= 0);
	buf_clear(out);
	while ((n = read(input_fd, chunk, sizeof(chunk))) > 0)
		buf_put(out, chunk, (size_t)n);
	assert_int_equal(n, 0);
	(void)close(input_fd);
}

static inline void store(const char *path, const char *bytes, size_t len)
{
	const int output_fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(output_fd >= 0);
	assert_int_equal(write(output_fd, bytes, len), len);
	(void)close(output_fd);
}
