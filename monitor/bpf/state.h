/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once

/*
 * Maps, and the buffers that records (record.h) are made in.
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

/*
 * READ(), READ_AT(): a member behind an address; zero if it cannot be read. VIEW(): memory of which
 * several members are wanted, and FROM() is one of them.
 */
#ifdef DIRECT_READS
/*
 * Each read is an instruction of its own, which takes the verifier less time, too, than a call.
 * Only since Linux 6.16 no type needs to be named; for what is older the programs are compiled
 * without.
 */
extern const void *bpf_rdonly_cast(const void *address, __u32 no_type) __ksym;
#define MEMORY(address)				((const char *)bpf_rdonly_cast((const void *)(address), 0))
#define READ_AT(type, address, offset)		(*(const type *)(const void *)MEMORY((address) + (offset)))
#define VIEW(copy, address)			((void)(copy), MEMORY(address))
#define FROM(type, view, copy, address, offset) (*(const type *)(const void *)((view) + (offset)))
#else
#define READ_AT(type, address, offset)                                                          \
	({                                                                                      \
		type _value = 0;                                                                \
		bpf_probe_read_kernel(&_value, sizeof(_value), (void *)((address) + (offset))); \
		_value;                                                                         \
	})
/*
 * A copy that one call makes. What lies behind it is read by itself: the verifier knows the offsets
 * and keeps one of the two.
 */
#define VIEW(copy, address) \
	(bpf_probe_read_kernel((copy), sizeof(copy), (const void *)(address)), (const char *)(copy))
#define FROM(type, view, copy, address, offset)                     \
	((offset) + sizeof(type) <= sizeof(copy)                    \
		 ? *(const type *)(const void *)((view) + (offset)) \
		 : READ_AT(type, address, offset))
#endif
#define READ(type, address, name) READ_AT(type, address, layout.name)

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

/* Adds labels to the session. Return: those that are new to it. */
static __always_inline __u64 slot_add_labels(struct trace_slot *slot, __u64 bits)
{
	if (!(bits & ~slot->labels))
		return 0;
	return bits & ~__sync_fetch_and_or(&slot->labels, bits);
}

/*
 * Claims a free buffer of this CPU. Return: its index; -1 when none is free. A function of its own
 * to the verifier, which would else follow all that comes after it once for each buffer.
 */
__noinline int scratch_claim(void)
{
	for (__u32 i = 0; i < SCRATCHES; i++) {
		__u32 index = i;
		struct scratch *scratch = bpf_map_lookup_elem(&scratches, &index);

		if (!scratch)
			return -1;
		if (__sync_val_compare_and_swap(&scratch->busy, 0, 1) == 0) {
			scratch->index = i;
			return (int)i;
		}
	}
	return -1;
}

static __always_inline struct scratch *scratch_take(void)
{
	const int claimed = scratch_claim();
	__u32 index = (__u32)claimed;

	return claimed < 0 ? NULL : bpf_map_lookup_elem(&scratches, &index);
}
