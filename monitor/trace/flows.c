/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether all is seen of how labels go on. With lsm that is for one program, which is attached only
 * while a session has labelled files; and which, as the one that tells a child from its parent, the
 * kernel may skip. Where something may have gone on unseen each process of a session has all.
 */
#include "monitor/trace/bpf_call.h"
#include "monitor/trace/internal.h"
#include "monitor/trace/trace.h"

#include "common/cleanup.h"

static uint64_t flow_skips(const struct trace *trace)
{
	uint64_t of_flows = 0, of_forks = 0;

	(void)bpf_call_skips(trace->programs.flow_fd, &of_flows);
	(void)bpf_call_skips(trace->programs.fork_fd, &of_forks);
	return of_flows + of_forks;
}

/* Labels that it may have; from now on every process of it has those that it has. */
static void flows_missed(const struct trace *trace, uint32_t slot)
{
	struct trace_slot *of_session = &trace->slots[slot];

	trace->sessions[slot]->missed_flows = true;
	__atomic_fetch_or(&of_session->everywhere, of_session->every_label, __ATOMIC_SEQ_CST);
}

static void flows_missed_by_all(const struct trace *trace)
{
	for (uint32_t slot = 0; slot < TRACE_SLOTS; slot++)
		if (trace->sessions[slot])
			flows_missed(trace, slot);
}

bool flows_are_seen(const struct trace *trace)
{
	return !trace->object->flows_apart || trace->flow_link >= 0;
}

int flows_begin(struct trace *trace)
{
	if (!flows_are_seen(trace)) {
		trace_hurry_grace_period();
		trace->flow_link = bpf_call_attach(trace->programs.flow_fd);
		if (trace->flow_link < 0)
			return trace->flow_link;
		trace->flow_skips = flow_skips(trace);
	}
	trace->labelled_count++;
	return 0;
}

void flows_end(struct trace *trace)
{
	trace->labelled_count--;
	if (trace->labelled_count > 0 || trace->flow_link < 0 ||
	    (trace->session_count == 0 && trace->linger))
		return;
	close_fd(&trace->flow_link);
	flows_missed_by_all(trace); /* of those that are left none has a label so far */
}

void flows_note_skips(struct trace *trace)
{
	uint64_t skips;

	if (trace->labelled_count == 0 || !trace->object->flows_apart)
		return;
	skips = flow_skips(trace);
	if (skips != trace->flow_skips)
		flows_missed_by_all(trace);
	trace->flow_skips = skips;
}

void flows_drop(const struct trace *trace, uint32_t slot)
{
	const int map_fd = trace_map_fd(trace, TRACE_MAP_FLOWS);
	struct trace_flow_key key, next;

	/* Other sessions add and take away meanwhile: the end may not come by itself. */
	if (!trace->slots[slot].flows || bpf_call_map_first(map_fd, &key) < 0)
		return;
	for (uint32_t i = 0; i < 2 * TRACE_FLOW_MAX; i++) {
		const int r = bpf_call_map_next(map_fd, &key, &next);

		if (key.slot == slot)
			(void)bpf_call_map_delete(map_fd, &key);
		if (r < 0)
			return;
		key = next;
	}
}
