/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once

/* Making one record: take a scratch buffer, fill it, send it, give it back. */

#include "monitor/bpf/groups.h"

/*
 * Starts a record of the current task. Return: index of its buffer; -1, and counted as lost, when
 * none is free. This and record_finish() are functions of their own to the verifier, which so looks
 * at each once a program, not once a use: verifying is most of what loading costs.
 */
__noinline int record_start(struct trace_tag *tag, __u32 kind)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct scratch *scratch = scratch_take();
	struct trace_record *r;
	struct trace_slot *slot;
	__u32 index;

	if (!tag)
		return -1;
	index = tag->slot;
	slot = bpf_map_lookup_elem(&slots, &index);
	if (!scratch) {
		if (slot)
			slot_lose(slot);
		return -1;
	}
	scratch->at = 0;
	r = &scratch->record;
	__builtin_memset(r, 0, sizeof(*r));
	r->kind = kind;
	r->time_ns = bpf_ktime_get_ns();
	r->slot = tag->slot;
	r->generation = tag->generation;
	r->exec_id = tag->exec_id;
	if (slot)
		r->process_labels = tag_labels(slot, tag);
	r->pid = process_id(task);
	r->tid = task_id(task);
	if (kind != TRACE_RECORD_OPEN && kind != TRACE_RECORD_CHANGE)
		r->parent_pid = parent_id(task);
	r->syscall = -1;
	__builtin_memcpy(r->comm, (char *)task + layout.task_comm, sizeof(r->comm));
	return (int)scratch->index;
}

static __always_inline struct scratch *record_begin(struct trace_tag *tag, __u32 kind)
{
	const int started = record_start(tag, kind);
	__u32 index = (__u32)started;

	return started < 0 ? NULL : bpf_map_lookup_elem(&scratches, &index);
}

/*
 * One session's flood is not to cost another one its records. So where there are several, each may
 * have no more in the ring than is still free: a lone flood stops at half of it, n floods leave one
 * part of n + 1 to all others, and who is quiet takes nothing from anybody. Fixed shares would be
 * too small for the burst that every program's start is, as soon as there are many sessions.
 */
static __always_inline bool slot_put(struct trace_slot *slot, __u32 size)
{
	const __u32 before = __sync_fetch_and_add(&slot->put, size);
	__s64 own, all;

	if (!ring_is_shared)
		return true;
	/* Below zero where other CPUs put, and the reader took, since we looked at `put`. */
	own = (__s32)(before - slot->taken);
	all = (__s64)bpf_ringbuf_query(&records, BPF_RB_AVAIL_DATA);
	return own + size + all <= ring_bytes;
}

/* Sends the record with its text and wakes nobody. Return: false when there is no room for it. */
static __always_inline bool record_send(struct trace_slot *slot, struct scratch *scratch,
					__u32 size)
{
	if (size > sizeof(struct trace_record) + sizeof(scratch->text))
		return false;
	if (slot_put(slot, size) &&
	    !bpf_ringbuf_output(&records, &scratch->record, size, BPF_RB_NO_WAKEUP))
		return true;
	__sync_fetch_and_sub(&slot->put, size);
	return false;
}

/* Sends the record, and gives the buffer back. */
__noinline int record_finish(__u32 scratch_index)
{
	struct scratch *scratch = bpf_map_lookup_elem(&scratches, &scratch_index);
	struct trace_slot *slot;
	__u32 size, index;

	if (!scratch)
		return 0;
	size = sizeof(struct trace_record) + (scratch->at & (2 * TRACE_TEXT_MAX - 1));
	/* One register is compared and handed over: 6.1 does not see that two are the same. */
	asm volatile("" : "+r"(size));
	scratch->record.size = size;
	index = scratch->record.slot;
	slot = bpf_map_lookup_elem(&slots, &index);
	/* Of a session that has ended meanwhile: nothing for the counts of the next one there. */
	if (slot && slot->generation == scratch->record.generation) {
		__sync_fetch_and_add(&slot->emitted, 1);
		if (!record_send(slot, scratch, size))
			__sync_fetch_and_add(&slot->lost, 1);
	}
	/* Only this CPU claims it, by an atomic exchange; to give it back a store is enough. */
	barrier();
	scratch->busy = 0;
	return 0;
}
