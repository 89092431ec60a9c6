/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A record's lines one after the other, in memory that does not grow with the file.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/error.h"

struct record_reader {
	int input_fd;
	struct buf bytes; /* read and not yet handed out from `at` on */
	size_t at;
	uint64_t line; /* number of the line handed out last, from 1 */
	bool ended;    /* no more bytes will come */
};

enum reader_result {
	READER_END,  /* no more lines */
	READER_LINE, /* a whole line, without its newline */
	READER_CUT,  /* the file ends in the middle of this line */
};

int reader_open(const char *path, struct record_reader *ret, struct error *err);
void reader_done(struct record_reader *reader);

/*
 * reader_next - the next line; valid until the next call.
 * Return: enum reader_result, -EMSGSIZE for a line over MAX_EVENT_LINE, -errno from read(2).
 */
int reader_next(struct record_reader *reader, const char **ret_line, size_t *ret_len);
