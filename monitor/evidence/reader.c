/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/evidence/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/input.h"
#include "common/limits.h"

int reader_open(const char *path, struct record_reader *ret, struct error *err)
{
	const int input_fd = input_open("the record ", path, err);

	if (input_fd < 0)
		return input_fd;
	/* Of a pipe lines are waited for as they come: their writer may be a session's follower. */
	if (fcntl(input_fd, F_SETFL, 0) < 0) {
		(void)close(input_fd);
		return error_errno(err, errno, "cannot read the record %s", path);
	}
	*ret = (struct record_reader){.input_fd = input_fd, .bytes = BUF_INIT(0)};
	return 0;
}

void reader_done(struct record_reader *reader)
{
	close_fd(&reader->input_fd);
	buf_done(&reader->bytes);
}

static int fill(struct record_reader *reader)
{
	char *at;
	ssize_t n;

	buf_consume(&reader->bytes, reader->at);
	reader->at = 0;
	at = buf_reserve(&reader->bytes, MAX_EVENT_LINE);
	do {
		n = read(reader->input_fd, at, MAX_EVENT_LINE);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	reader->bytes.len += (size_t)n;
	reader->ended = n == 0;
	return 0;
}

int reader_next(struct record_reader *reader, const char **ret_line, size_t *ret_len)
{
	for (;;) {
		const size_t left = reader->bytes.len - reader->at;
		const char *start = left ? reader->bytes.data + reader->at : NULL;
		const char *newline = start ? memchr(start, '\n', left) : NULL;
		int r;

		if (newline || (start && reader->ended)) {
			const size_t len = newline ? (size_t)(newline - start) : left;

			reader->line++;
			reader->at += newline ? len + 1 : len;
			if (len >= MAX_EVENT_LINE)
				return -EMSGSIZE;
			*ret_line = start;
			*ret_len = len;
			return newline ? READER_LINE : READER_CUT;
		}
		if (reader->ended)
			return READER_END;
		if (left >= MAX_EVENT_LINE) {
			reader->line++;
			return -EMSGSIZE;
		}
		r = fill(reader);
		if (r < 0)
			return r;
	}
}
