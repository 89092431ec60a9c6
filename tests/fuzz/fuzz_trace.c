/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A record of the kernel's programs, from the ring to the handler. The input is what stands behind
 * the ring's own head, which the kernel alone writes; it ends where its memory ends. Whatever it
 * is, it is handed over, counted as lost, or of no live session, and the ring goes on.
 */

#include "tests/support/fuzz.h"

#include <string.h>

#include <linux/bpf.h>

#include "monitor/trace/internal.h"

static unsigned handled;

static bool is_text(const char *text, size_t room)
{
	return memchr(text, '\0', room) != NULL;
}

static void on_event(void *ctx, const struct trace_event *event)
{
	const struct trace *trace = ctx;

	handled++;
	fuzz_expect(event->slot < TRACE_SLOTS && trace->sessions[event->slot]);
	fuzz_expect(event->kind <= TRACE_EXEC_MISMATCH);
	fuzz_expect(is_text(event->path, sizeof(trace->texts.path)));
	fuzz_expect(is_text(event->target, sizeof(trace->texts.target)));
	fuzz_expect(is_text(event->comm, sizeof(((struct trace_record *)0)->comm)));
}

/* The slot that the record names, if there is one; its session is the record's or the one after. */
static struct trace_slot *add_session(struct trace *trace, struct trace_session *session,
				      const struct trace_record *record)
{
	if (record->slot >= TRACE_SLOTS)
		return NULL;
	session->generation = record->generation + (record->time_ns & 1);
	trace->sessions[record->slot] = session;
	trace->slots[record->slot] = (struct trace_slot){.generation = session->generation};
	return session->generation == record->generation ? &trace->slots[record->slot] : NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct trace_slot slots[TRACE_SLOTS];
	static struct trace trace = {.handler = on_event, .ctx = &trace, .slots = slots};
	const size_t in_ring = (size + BPF_RINGBUF_HDR_SZ + 7) & ~(size_t)7;
	const uint32_t head = (uint32_t)size;
	unsigned long consumer = 0, producer = in_ring;
	struct trace_session session = {0};
	const struct trace_slot *slot = NULL;
	struct trace_record record = {.slot = TRACE_SLOTS};
	uint8_t *ring = malloc(BPF_RINGBUF_HDR_SZ + size);

	if (size > ((size_t)1 << 20) || !ring) {
		free(ring);
		return 0;
	}
	memcpy(ring, &head, sizeof(head));
	if (size)
		memcpy(ring + BPF_RINGBUF_HDR_SZ, data, size);
	trace.ring = (struct ring){
		.consumer = &consumer, .producer = &producer, .data = ring, .bytes = 1u << 21};
	if (size >= sizeof(record)) {
		memcpy(&record, data, sizeof(record));
		slot = add_session(&trace, &session, &record);
	}
	handled = 0;
	fuzz_expect(trace_drain(&trace) == (int)handled);
	fuzz_expect(consumer == producer);
	fuzz_expect(session.consumed == handled);
	if (slot)
		fuzz_expect(handled + slot->lost == 1 && slot->taken == size);
	else
		fuzz_expect(handled == 0);
	if (record.slot < TRACE_SLOTS)
		trace.sessions[record.slot] = NULL;
	free(ring);
	return 0;
}
