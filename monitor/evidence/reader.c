/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/evidence/reader.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/limits.h"
#include "common/open.h"

int reader_open(const char *path, struct record_reader *ret, struct error *err)
{
	const int input_fd = open_regular("the record ", path, err);

	if (input_fd < 0)
		return input_fd;
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
