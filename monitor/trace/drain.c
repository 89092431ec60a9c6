/* SPDX-License-Identifier: Apache-2.0 */
/* From the ring to the owner's handler, in order. */
#include <sys/syscall.h>

#include "monitor/trace/internal.h"
#include "monitor/trace/trace.h"

/* Its share of the ring is free again; nobody else writes this. */
static void session_takes(const struct trace *trace, uint32_t slot, size_t bytes)
{
	uint32_t *taken = &trace->slots[slot].taken;

	__atomic_store_n(taken, *taken + (uint32_t)bytes, __ATOMIC_RELAXED);
}

/* What cannot be told is lost, however it came to be so. */
static void session_loses(const struct trace *trace, uint32_t slot)
{
	__atomic_fetch_add(&trace->slots[slot].lost, 1, __ATOMIC_SEQ_CST);
}

int trace_drain(struct trace *trace)
{
	const void *bytes;
	size_t len;
	int handled = 0;

	if (trace->draining)
		return 0; /* called from the handler */
	trace->draining = true;
	/*
	 * What was there when we came, no more: processes that make events faster than we read them
	 * would keep us here, and every decision waiting.
	 */
	const unsigned long end = ring_written(&trace->ring);

	/* Whatever was skipped before one of these events was written is counted by now. */
	flows_note_skips(trace);
	while (ring_is_before(&trace->ring, end) && (bytes = ring_next(&trace->ring, &len))) {
		const struct trace_record *record = bytes;
		struct trace_session *session;
		struct trace_event event;

		/* A record of a session that was removed in the meantime interests nobody. */
		session = len >= sizeof(*record) ? trace_session(trace, record->slot) : NULL;
		if (session && session->generation == record->generation) {
			session_takes(trace, record->slot, len);
			if (trace_decode(record, len, &trace->texts, &event)) {
				session->consumed++;
				handled++;
				if (session->missed_flows)
					event.process_labels |=
						trace_everywhere_labels(trace, record->slot);
				session->has_linked |=
					event.syscall == SYS_link || event.syscall == SYS_linkat;
				trace->handler(trace->ctx, &event);
			} else {
				session_loses(trace, record->slot);
			}
		}
		ring_consume(&trace->ring);
	}
	trace->draining = false;
	return handled;
}
