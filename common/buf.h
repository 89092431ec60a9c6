/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Growable byte buffer with a ceiling. `data` is always NUL-terminated once something was put in;
 * running over `max` (0 = no ceiling) sets `overflow` and drops the bytes, so that a series of
 * appends is checked once at its end. Out of memory aborts (see CONTRIBUTING.md).
 */

#include <stdbool.h>
#include <stddef.h>

struct buf {
	char *data; /* owned */
	size_t len;
	size_t cap;
	size_t max;
	bool overflow;
};

#define BUF_INIT(_max)        \
	{                     \
		.max = (_max) \
	}

void buf_done(struct buf *b);
void buf_clear(struct buf *b);
void buf_put(struct buf *b, const void *bytes, size_t len);
void buf_puts(struct buf *b, const char *text);
void buf_putc(struct buf *b, char c);
void buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Room for at least `more` bytes after len; NULL if the ceiling forbids it. Add to len yourself. */
char *buf_reserve(struct buf *b, size_t more);

/* Removes the first n bytes. */
void buf_consume(struct buf *b, size_t n);

#define _cleanup_buf_ __attribute__((cleanup(buf_done)))

/* Allocation that aborts when memory is out; sizes from outside are checked before. */
void *xcalloc(size_t count, size_t size);
void *xrealloc_array(void *old, size_t count, size_t size);
char *xstrdup(const char *text);
char *xstrndup(const char *text, size_t len);
char *xasprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));
