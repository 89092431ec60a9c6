/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once

/*
 * Maps, and making one record: take a scratch buffer, fill it, send it, give it back.
 *
 * A record is built in a buffer of this CPU. Programs on tracepoints may be preempted on some
 * kernels, so that two can be at it on one CPU: each buffer is claimed by an atomic exchange, and
 * where all are taken the record counts as lost.
 */

#include <stdbool.h>

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "monitor/bpf/kern.h"
#include "monitor/bpf/siphash.h"
#include "monitor/bpf/trace.h"

#ifndef SCRATCHES
#define SCRATCHES 3
#endif
#define NO_SCRATCH SCRATCHES
#define TEXT_MASK  (TRACE_TEXT_MAX - 1)
#define RING_BYTES (4u << 20) /* unless the reader asks for another size */
#define SIGKILL	   9

/* A hash on its way through a block of user memory. */
struct block_hash {
	struct siphash hash;
	__u64 at; /* the next byte */
	__u64 left;
	__u64 words[TRACE_CHUNK_WORDS];
};

struct scratch {
	__u32 busy;
	/* Of the walk that adds names; kept here because the verifier follows what is on the stack.
	 */
	__u32 at, end;
	__u32 from;
	__u32 index; /* its own */
	struct block_hash block;
	struct trace_record record;
	char text[TRACE_TEXT_MAX + TRACE_TEXT_BYTES]; /* room for one whole text at any offset */
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct trace_tag);
} tags SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, TRACE_SLOTS);
	__type(key, __u32);
	__type(value, struct trace_slot);
} slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, TRACE_SLOTS);
	__type(key, __u32);
	__type(value, struct trace_counters);
} counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, TRACE_APPROVAL_MAX);
	__type(key, __u32);
	__type(value, struct trace_approval);
} approvals SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, TRACE_LABEL_MAX);
	__type(key, struct trace_label_key);
	__type(value, __u64);
} labels SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SCRATCHES);
	__type(key, __u32);
	__type(value, struct scratch);
} scratches SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, RING_BYTES);
} records SEC(".maps");

/* Where the running kernel has what is read; set by the reader before loading. */
const volatile struct trace_layout layout;
/* For tests: as if there were no memory for the tag of any child. */
const volatile __u32 no_tags;
/* Size of the ring. */
const volatile __u32 ring_bytes;

/*
 * A number behind a pointer that the verifier knows the type of. Not for pointers: to learn how far
 * a loaded pointer may be trusted, the verifier of 6.x searches the kernel's whole BTF up to four
 * times for each such load; a dozen of them made loading take 200 ms.
 */
#define NUMBER(type, pointer, name) (*(type *)((char *)(pointer) + layout.name))

/* A member behind an address; zero if it cannot be read. */
#define READ_AT(type, address, offset)                                                          \
	({                                                                                      \
		type _value = 0;                                                                \
		bpf_probe_read_kernel(&_value, sizeof(_value), (void *)((address) + (offset))); \
		_value;                                                                         \
	})
#define READ(type, address, name) READ_AT(type, address, layout.name)

/*
 * A member out of a copy of the memory at an address, which one read made; where it lies behind the
 * copy it is read by itself. The verifier knows the offsets and keeps one of the two.
 */
#define FROM(type, copy, address, offset)                                                       \
	((offset) + sizeof(type) <= sizeof(copy) ? *(type *)(void *)((char *)(copy) + (offset)) \
						 : READ_AT(type, address, offset))

struct task_struct;
struct linux_binprm;
struct kernel_siginfo;
struct pt_regs;

/* Depth of the reader's pid namespace: ids are given as the reader sees them. */
__u32 reader_level;
/* More than one session lives; written by the reader. */
__u32 ring_is_shared;

/* Id of the task or process at an address, below the first level of pid namespaces. */
static __always_inline __u32 nested_id(__u64 task)
{
	const __u32 level = reader_level;
	const __u64 pid = READ(__u64, task, task_thread_pid);

	if (READ(__u32, pid, pid_level) < level)
		return 0;
	return READ_AT(__u32, pid,
		       layout.pid_numbers + (__u64)(level & 31) * layout.upid_bytes +
			       layout.upid_nr);
}

static __always_inline __u32 task_id(struct task_struct *task)
{
	return reader_level ? nested_id((__u64)task) : NUMBER(__u32, task, task_pid);
}

static __always_inline __u32 process_id(struct task_struct *task)
{
	return reader_level ? nested_id(READ(__u64, (__u64)task, task_group_leader))
			    : NUMBER(__u32, task, task_tgid);
}

static __always_inline __u32 parent_id(struct task_struct *task)
{
	const __u64 parent = READ(__u64, (__u64)task, task_real_parent);

	return reader_level ? nested_id(READ(__u64, parent, task_group_leader))
			    : READ(__u32, parent, task_tgid);
}

/* The live session of a tag; NULL when its slot was given to another one. */
static __always_inline struct trace_slot *tag_slot(const struct trace_tag *tag)
{
	__u32 index = tag->slot;
	struct trace_slot *slot = bpf_map_lookup_elem(&slots, &index);

	if (!slot || slot->generation != tag->generation)
		return NULL;
	return slot;
}

static __always_inline void slot_lose(struct trace_slot *slot)
{
	__sync_fetch_and_add(&slot->emitted, 1);
	__sync_fetch_and_add(&slot->lost, 1);
}

static __always_inline struct scratch *scratch_take(void)
{
	for (__u32 i = 0; i < SCRATCHES; i++) {
		__u32 index = i;
		struct scratch *scratch = bpf_map_lookup_elem(&scratches, &index);

		if (!scratch)
			return NULL;
		if (__sync_val_compare_and_swap(&scratch->busy, 0, 1) == 0) {
			scratch->index = i;
			return scratch;
		}
	}
	return NULL;
}

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
	if (!scratch) {
		index = tag->slot;
		slot = bpf_map_lookup_elem(&slots, &index);
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
	r->pid = process_id(task);
	r->tid = task_id(task);
	if (kind != TRACE_RECORD_OPEN && kind != TRACE_RECORD_CHANGE)
		r->parent_pid = parent_id(task);
	r->syscall = -1;
	bpf_get_current_comm(r->comm, sizeof(r->comm));
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
	__sync_fetch_and_and(&scratch->busy, 0);
	return 0;
}
