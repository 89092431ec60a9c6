/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once

/*
 * Labels of processes. Those that share memory are one group and have one set of labels: the
 * threads of a process, and a child of vfork(2) until it execs. A fork makes a group with the
 * labels of its parent. A group that is not there, for want of memory, has all that its session
 * has.
 */

#include "monitor/bpf/state.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, TRACE_GROUP_MAX);
	__type(key, __u64);
	__type(value, struct trace_group);
} groups SEC(".maps");

/* How labels go on: see flows.h. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, TRACE_FLOW_MAX);
	__type(key, struct trace_flow_key);
	__type(value, __u64);
} flows SEC(".maps");

/* Below the numbers that the reader gives. */
__u64 last_group;

__noinline __u64 group_labels(const struct trace_slot *slot, const struct trace_tag *tag)
{
	const struct trace_group *group;
	const __u64 all = slot ? slot->labels : 0;
	__u64 id;

	if (!all || !tag)
		return 0;
	id = tag->group;
	group = bpf_map_lookup_elem(&groups, &id);
	return group ? (group->labels | slot->everywhere) & all : all;
}

/* What the process of a tag has, of the labels that its session has: mostly there are none. */
static __always_inline __u64 tag_labels(const struct trace_slot *slot, const struct trace_tag *tag)
{
	return slot && slot->labels ? group_labels(slot, tag) : 0;
}

/* Adds labels to a process, and to its session. Return: those that are new to the session. */
__noinline __u64 tag_add_labels(struct trace_slot *slot, const struct trace_tag *tag, __u64 bits)
{
	struct trace_group *group;
	__u64 id;

	if (!bits || !slot || !tag)
		return 0;
	id = tag->group;
	/* The process first: whoever sees that the session has it is to see that this has, too. */
	group = bpf_map_lookup_elem(&groups, &id);
	if (group && (bits & ~group->labels))
		__sync_fetch_and_or(&group->labels, bits);
	return slot_add_labels(slot, bits);
}

/* A group of its own for a process, with the labels that it has. */
static __always_inline void group_split(const struct trace_slot *slot, struct trace_tag *tag)
{
	struct trace_group made = {.processes = 1};
	const struct trace_group *group;
	__u64 id = tag->group;

	group = bpf_map_lookup_elem(&groups, &id);
	made.labels = group ? group->labels : slot->labels;
	made.flags = group ? group->flags : TRACE_GROUP_SHARES;
	id = __sync_fetch_and_add(&last_group, 1) + 1;
	bpf_map_update_elem(&groups, &id, &made, BPF_NOEXIST);
	tag->group = id;
}

static __always_inline void group_leave(__u64 id)
{
	struct trace_group *group = bpf_map_lookup_elem(&groups, &id);

	if (group && __sync_fetch_and_add(&group->processes, -1) <= 1)
		bpf_map_delete_elem(&groups, &id);
}

/* A new task, whose tag is its parent's so far; the current task is the parent. */
static __always_inline void group_fork(const struct trace_slot *slot, struct trace_tag *tag,
				       struct task_struct *child)
{
	const __u64 parent = (__u64)bpf_get_current_task_btf();
	struct trace_group *group;
	__u64 id = tag->group;

	if (NUMBER(__u32, child, task_pid) != NUMBER(__u32, child, task_tgid))
		return;
	if (READ(__u64, (__u64)child, task_mm) != READ(__u64, parent, task_mm)) {
		group_split(slot, tag);
		return;
	}
	group = bpf_map_lookup_elem(&groups, &id);
	if (group)
		__sync_fetch_and_add(&group->processes, 1);
}

/* The memory is its own from here on. */
__noinline int group_exec(const struct trace_slot *slot, struct trace_tag *tag)
{
	struct trace_group *group;
	__u64 id, old;

	if (!slot || !tag)
		return 0;
	id = old = tag->group;
	group = bpf_map_lookup_elem(&groups, &id);
	if (!group)
		return 0;
	if (group->processes > 1) {
		group_split(slot, tag);
		group_leave(old);
		id = tag->group;
		group = bpf_map_lookup_elem(&groups, &id);
	}
	if (group)
		__sync_fetch_and_and(&group->flags, ~(__u32)TRACE_GROUP_SHARES);
	return 0;
}
