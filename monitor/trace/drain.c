/* SPDX-License-Identifier: Apache-2.0 */
/* From the ring to the owner's handler, in order. */
#include <sys/syscall.h>

#include "monitor/trace/internal.h"
#include "monitor/trace/trace.h"

/* Bytes of one session's records, one after the other, that were read but not given back yet. */
struct share {
	uint32_t slot, generation, bytes;
};

/* The ring, and of it this session's share, are free again; nobody else writes these. */
static void give_back(struct trace *trace, struct share *share)
{
	const struct trace_session *session = trace_session(trace, share->slot);
	uint32_t *taken = &trace->slots[share->slot].taken;

	if (share->bytes && session && session->generation == share->generation)
		__atomic_store_n(taken, *taken + share->bytes, __ATOMIC_RELAXED);
	share->bytes = 0;
	ring_release(&trace->ring);
}

static void take(struct trace *trace, struct share *share, const struct trace_record *record,
		 size_t len)
{
	if (share->slot != record->slot || share->generation != record->generation)
		give_back(trace, share);
	share->slot = record->slot;
	share->generation = record->generation;
	share->bytes += (uint32_t)len;
}

/* What cannot be told is lost, however it came to be so. */
static void session_loses(const struct trace *trace, uint32_t slot)
{
	__atomic_fetch_add(&trace->slots[slot].lost, 1, __ATOMIC_SEQ_CST);
}

int trace_drain(struct trace *trace)
{
	struct share share = {0};
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
	ring_look(&trace->ring);
	/* Whatever was skipped before one of these events was written is counted by now. */
	flows_note_skips(trace);
	while ((bytes = ring_next(&trace->ring, &len))) {
		const struct trace_record *record = bytes;
		struct trace_session *session;
		struct trace_event event;

		/* A record of a session that was removed in the meantime interests nobody. */
		session = len >= sizeof(*record) ? trace_session(trace, record->slot) : NULL;
		if (session && session->generation == record->generation) {
			take(trace, &share, record, len);
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
		if (ring_consume(&trace->ring))
			give_back(trace, &share);
	}
	give_back(trace, &share);
	trace->draining = false;
	return handled;
}
