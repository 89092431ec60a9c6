/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The reading end of a BPF ring buffer.
 * Source: kernel Documentation/bpf/ringbuf.rst, kernel/bpf/ringbuf.c.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ring {
	unsigned long *consumer;       /* mapped, ours to write */
	const unsigned long *producer; /* mapped, followed by the data, mapped twice in a row */
	const uint8_t *data;
	void *mapped; /* what producer and data are in */
	size_t bytes, page;
};

int ring_open(struct ring *ring, int map_fd, size_t bytes);
void ring_close(struct ring *ring);

/* How far the kernel has written by now: an end for a reader who must not run after the writers. */
unsigned long ring_written(const struct ring *ring);
/* True until everything written before `end` was consumed. */
bool ring_is_before(const struct ring *ring, unsigned long end);

/*
 * ring_next - the oldest record not yet consumed; *ret_len its bytes.
 * Return: NULL when there is none that is complete. Valid until ring_consume().
 */
const void *ring_next(struct ring *ring, size_t *ret_len);
/* Gives the record that ring_next() showed back to the kernel. */
void ring_consume(struct ring *ring);
