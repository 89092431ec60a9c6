/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/test.h"

#include <string.h>

#include <linux/bpf.h>

#include "monitor/trace/ring.h"

/* The reading end, of memory that stands for the kernel's: it is mapped twice in a row there. */

#define BYTES	     4096u
#define RECORD_BYTES 24u /* with its head a 128th of the ring */

static unsigned long consumer, producer;
static uint8_t data[2 * BYTES];
static struct ring ring;

static int set_up(void **state)
{
	(void)state;
	consumer = producer = 0;
	ring = (struct ring){
		.consumer = &consumer, .producer = &producer, .data = data, .bytes = BYTES};
	return 0;
}

/* As the kernel does: a head, then the record; busy until it is whole. */
static void write_record(uint32_t flags)
{
	const uint32_t head = RECORD_BYTES | flags;

	memcpy(data + producer % BYTES, &head, sizeof(head));
	producer += BPF_RINGBUF_HDR_SZ + RECORD_BYTES;
}

static void test_reads_what_was_there_when_it_looked(void **state)
{
	size_t len = 0;

	(void)state;
	write_record(0);
	assert_null(ring_next(&ring, &len));
	ring_look(&ring);
	write_record(0);
	assert_ptr_equal(ring_next(&ring, &len), data + BPF_RINGBUF_HDR_SZ);
	assert_int_equal(len, RECORD_BYTES);
	(void)ring_consume(&ring);
	assert_null(ring_next(&ring, &len));
	ring_look(&ring);
	assert_non_null(ring_next(&ring, &len));
}

static void test_waits_for_a_record_that_is_written(void **state)
{
	size_t len;

	(void)state;
	write_record(BPF_RINGBUF_DISCARD_BIT);
	write_record(BPF_RINGBUF_BUSY_BIT);
	ring_look(&ring);
	assert_null(ring_next(&ring, &len));
	ring_release(&ring);
	assert_int_equal(consumer, producer / 2);
}

/* Far less often than there are records, and long before the ring is full. */
static void test_gives_back_a_part_at_a_time(void **state)
{
	unsigned given_back = 0;
	size_t len;

	(void)state;
	for (unsigned i = 0; i < BYTES / (BPF_RINGBUF_HDR_SZ + RECORD_BYTES); i++)
		write_record(0);
	ring_look(&ring);
	while (ring_next(&ring, &len)) {
		const unsigned long before = consumer;
		const bool is_time = ring_consume(&ring);

		assert_int_equal(consumer, before);
		if (is_time) {
			ring_release(&ring);
			given_back++;
		}
		assert_true(ring.at - consumer < BYTES / 32);
	}
	ring_release(&ring);
	assert_int_equal(consumer, producer);
	assert_true(given_back >= 32 && given_back <= 64);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_reads_what_was_there_when_it_looked, set_up),
		cmocka_unit_test_setup(test_waits_for_a_record_that_is_written, set_up),
		cmocka_unit_test_setup(test_gives_back_a_part_at_a_time, set_up),
	};

	return cmocka_run_group_tests_name("trace_ring", tests, NULL, NULL);
}
