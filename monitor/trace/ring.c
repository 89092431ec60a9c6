/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/trace/ring.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/bpf.h>

#define RING_PARTS 64 /* given back one by one */

int ring_open(struct ring *ring, int map_fd, size_t bytes)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *consumer = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, map_fd, 0);
	void *producer;

	if (consumer == MAP_FAILED)
		return -errno;
	producer = mmap(NULL, page + 2 * bytes, PROT_READ, MAP_SHARED, map_fd, (off_t)page);
	if (producer == MAP_FAILED) {
		const int saved = errno;

		(void)munmap(consumer, page);
		return -saved;
	}
	ring->consumer = consumer;
	ring->mapped = producer;
	ring->producer = producer;
	ring->data = (const uint8_t *)producer + page;
	ring->bytes = bytes;
	ring->page = page;
	ring->at = ring->end = *ring->consumer;
	return 0;
}

void ring_close(struct ring *ring)
{
	if (!ring->consumer)
		return;
	(void)munmap(ring->consumer, ring->page);
	(void)munmap(ring->mapped, ring->page + 2 * ring->bytes);
	memset(ring, 0, sizeof(*ring));
}

/* The head of the record at our place: length and flag bits; BUSY when none is there. */
static uint32_t head(const struct ring *ring)
{
	if ((long)(ring->end - ring->at) <= 0)
		return BPF_RINGBUF_BUSY_BIT;
	return __atomic_load_n(
		(const uint32_t *)(const void *)(ring->data + (ring->at & (ring->bytes - 1))),
		__ATOMIC_ACQUIRE);
}

static size_t whole_bytes(uint32_t word)
{
	const size_t len = word & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);

	return (len + BPF_RINGBUF_HDR_SZ + 7) & ~(size_t)7;
}

void ring_look(struct ring *ring)
{
	ring->end = __atomic_load_n(ring->producer, __ATOMIC_ACQUIRE);
}

const void *ring_next(struct ring *ring, size_t *ret_len)
{
	for (;;) {
		const uint32_t word = head(ring);

		if (word & BPF_RINGBUF_BUSY_BIT)
			return NULL;
		if (word & BPF_RINGBUF_DISCARD_BIT) {
			(void)ring_consume(ring);
			continue;
		}
		*ret_len = word;
		return ring->data + (ring->at & (ring->bytes - 1)) + BPF_RINGBUF_HDR_SZ;
	}
}

bool ring_consume(struct ring *ring)
{
	ring->at += whole_bytes(head(ring));
	return ring->at - *ring->consumer >= ring->bytes / RING_PARTS;
}

void ring_release(struct ring *ring)
{
	__atomic_store_n(ring->consumer, ring->at, __ATOMIC_RELEASE);
}
