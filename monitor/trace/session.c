/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions of the trace: their slots and counts. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "monitor/trace/bpf_call.h"
#include "monitor/trace/internal.h"
#include "monitor/trace/trace.h"

#include "common/buf.h"
#include "common/cleanup.h"

int trace_session_add(struct trace *trace, uint32_t slot, struct error *err)
{
	static const struct trace_counters none;
	struct trace_session *session;
	int r;

	if (slot >= TRACE_SLOTS)
		return error_set(err, ERANGE, "trace slot %u: there are %u", slot, TRACE_SLOTS);
	if (trace->sessions[slot])
		return error_set(err, EBUSY, "trace slot %u is in use", slot);
	r = bpf_call_map_set(trace_map_fd(trace, TRACE_MAP_COUNTERS), &slot, &none);
	if (r < 0)
		return error_errno(err, r, "making the system call counters of a session");
	if (trace->session_count == 0 && trace->links[0] < 0) {
		r = trace_attach(trace, err);
		if (r < 0) {
			(void)bpf_call_map_delete(trace_map_fd(trace, TRACE_MAP_COUNTERS), &slot);
			return r;
		}
	}
	trace_note_skips(trace); /* those from before are not this one's */
	session = xcalloc(1, sizeof(*session));
	trace->next_generation++;
	if (trace->next_generation == 0)
		trace->next_generation = 1;
	session->generation = trace->next_generation;
	trace->sessions[slot] = session;
	trace->session_count++;
	trace_share_ring(trace);
	memset(&trace->slots[slot], 0, sizeof(trace->slots[slot]));
	__atomic_store_n(&trace->slots[slot].generation, session->generation, __ATOMIC_RELEASE);
	return 0;
}

void trace_session_remove(struct trace *trace, uint32_t slot)
{
	struct trace_session *session = trace_session(trace, slot);
	bool is_labelled;

	if (!session)
		return;
	/* Tags that are still out there match no generation from here on. */
	__atomic_store_n(&trace->slots[slot].generation, 0, __ATOMIC_RELEASE);
	trace->slots[slot].flags = 0;
	for (size_t i = 0; i < session->pin_count; i++) {
		const struct trace_label_key key = {.inode = session->pins[i].inode,
						    .slot = slot,
						    .generation = session->generation};

		(void)bpf_call_map_delete(trace_map_fd(trace, TRACE_MAP_LABELS), &key);
		close_fd(&session->pins[i].fd);
	}
	flows_drop(trace, slot);
	(void)bpf_call_map_delete(trace_map_fd(trace, TRACE_MAP_COUNTERS), &slot);
	is_labelled = session->is_labelled;
	free(session->pins);
	free(session);
	trace->sessions[slot] = NULL;
	trace->session_count--;
	if (is_labelled)
		flows_end(trace);
	trace_share_ring(trace);
	if (!trace->linger)
		trace_detach_idle(trace);
}

void trace_set_linger(struct trace *trace, bool linger)
{
	trace->linger = linger;
}

void trace_detach_idle(struct trace *trace)
{
	if (trace->session_count == 0)
		trace_detach(trace);
}

int trace_session_counts(struct trace *trace, uint32_t slot, struct trace_counts *ret)
{
	const struct trace_session *session = trace_session(trace, slot);

	if (!session)
		return -ENOENT;
	/* A record counts as emitted before it can count as lost: read in the other order. */
	ret->lost = __atomic_load_n(&trace->slots[slot].lost, __ATOMIC_SEQ_CST);
	ret->emitted = __atomic_load_n(&trace->slots[slot].emitted, __ATOMIC_SEQ_CST);
	ret->consumed = session->consumed;
	ret->untraced = __atomic_load_n(&trace->slots[slot].untraced, __ATOMIC_SEQ_CST);
	return 0;
}

int trace_tell_maps(struct trace *trace, uint32_t slot)
{
	if (!trace_session(trace, slot))
		return -ENOENT;
	__atomic_fetch_or(&trace->slots[slot].flags, TRACE_SESSION_MAPS, __ATOMIC_SEQ_CST);
	return 0;
}

int trace_leave_connects(struct trace *trace, uint32_t slot)
{
	if (!trace_session(trace, slot))
		return -ENOENT;
	__atomic_fetch_or(&trace->slots[slot].flags, TRACE_SESSION_CONNECTS, __ATOMIC_SEQ_CST);
	return 0;
}

void trace_note_refusal(struct trace *trace, uint32_t slot, uint32_t tid, int code)
{
	if (trace_session(trace, slot))
		__atomic_store_n(&trace->slots[slot].refused, trace_refusal(tid, (uint32_t)code),
				 __ATOMIC_RELEASE);
}

void trace_forget_refusal(struct trace *trace, uint32_t slot, uint32_t tid)
{
	__u64 *refused = &trace->slots[slot % TRACE_SLOTS].refused;

	if (trace_session(trace, slot) && __atomic_load_n(refused, __ATOMIC_RELAXED) >> 32 == tid)
		__atomic_store_n(refused, 0, __ATOMIC_RELAXED);
}

#define ADD_OFTEN(name, number) \
	counts[number] += __atomic_load_n(&often[TRACE_OFTEN_##name - 1], __ATOMIC_RELAXED);

int trace_syscall_counts(struct trace *trace, uint32_t slot, uint64_t counts[TRACE_SYSCALLS])
{
	const __u64 *often = trace->slots[slot % TRACE_SLOTS].often;
	int r;

	if (!trace_session(trace, slot))
		return -ENOENT;
	if (!trace_sees_returns(trace))
		return -EOPNOTSUPP;
	r = bpf_call_map_get(trace_map_fd(trace, TRACE_MAP_COUNTERS), &slot, counts);
	if (r == 0) {
		TRACE_OFTEN(ADD_OFTEN)
	}
	return r;
}
