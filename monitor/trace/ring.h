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
	unsigned long *consumer;       /* mapped, ours to write: up to here all is given back */
	const unsigned long *producer; /* mapped, followed by the data, mapped twice in a row */
	const uint8_t *data;
	void *mapped; /* what producer and data are in */
	size_t bytes, page;
	unsigned long at, end; /* the next record; how far the kernel had written */
};

int ring_open(struct ring *ring, int map_fd, size_t bytes);
void ring_close(struct ring *ring);

/*
 * The processors that write share both positions with ours, and wait for each other wherever one
 * looks at what another has changed. So we look at theirs once for many records, and tell ours once
 * for a good part of the ring.
 */

/* From here on what is written by now can be read, and no more: writers do not keep a reader. */
void ring_look(struct ring *ring);

/*
 * ring_next - the oldest record not yet consumed; *ret_len its bytes.
 * Return: NULL when there is none that is complete. Valid until ring_release().
 */
const void *ring_next(struct ring *ring, size_t *ret_len);
/* Done with the record that ring_next() showed. Return: true when it is time for ring_release(). */
bool ring_consume(struct ring *ring);
/* Gives all that was consumed back to the kernel. */
void ring_release(struct ring *ring);
