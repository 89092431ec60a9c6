/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once

/*
 * Tasks begin, become another program, and end; and what the reader asks for. What is here is the
 * same in every back end.
 */

#include "monitor/bpf/flows.h"
#include "monitor/bpf/verify.h"

#define EBADF	    9
#define EINVAL	    22
#define GROUP_EXIT  4u /* SIGNAL_GROUP_EXIT */
#define PIDTYPE_SID 3

/*
 * A child's tag, made from its parent's, in whose group it is until group_fork(). Return: NULL when
 * there is no memory for it.
 */
static __always_inline struct trace_tag *tag_child(const struct trace_tag *tag,
						   struct task_struct *child, __u32 tid)
{
	struct trace_tag inherited = {.slot = tag->slot,
				      .generation = tag->generation,
				      .exec_id = tag->exec_id,
				      .tid = tid,
				      .group = tag->group,
				      .spread = tag->spread};

	if (no_tags)
		return NULL;
	return bpf_task_storage_get(&tags, child, &inherited, BPF_LOCAL_STORAGE_GET_F_CREATE);
}

/* A thread is no process: it makes no record. */
static __always_inline int report_fork(struct trace_tag *tag, struct task_struct *child, __u32 tid)
{
	struct scratch *scratch;

	if (NUMBER(__u32, child, task_pid) != NUMBER(__u32, child, task_tgid))
		return 0;
	scratch = record_begin(tag, TRACE_RECORD_FORK);
	if (!scratch)
		return 0;
	scratch->record.parent_pid = scratch->record.pid;
	scratch->record.pid = tid;
	scratch->record.tid = tid;
	record_finish(scratch->index);
	return 0;
}

/* What became of an exec: its record, and the label of the program. */
static __always_inline void report_exec(struct trace_slot *slot, struct trace_tag *tag, __u64 file,
					__u32 mismatch)
{
	struct scratch *scratch =
		record_begin(tag, mismatch ? TRACE_RECORD_EXEC_MISMATCH : TRACE_RECORD_EXEC);
	const __u64 added = take_file(scratch, slot, tag, file, true);

	group_exec(slot, tag);
	if (!scratch)
		return;
	scratch->record.result = mismatch;
	scratch->record.labels = added;
	scratch->record.process_labels = tag_labels(slot, tag);
	record_finish(scratch->index);
}

/* Is this the last thread of its process? */
static __always_inline bool is_last_thread(const __u64 *ctx, __u64 signal)
{
	if (layout.exit_arguments > 1)
		return ctx[1] & 1; /* group_dead */
	/* Older kernels do not say. Two last threads may then both see none left: two records. */
	return READ(__s32, signal, signal_live) == 0;
}

SEC("tp_btf/sched_process_exit")

int on_exit(__u64 *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct trace_tag *tag = bpf_task_storage_get(&tags, task, NULL, 0);
	struct trace_slot *slot;
	struct scratch *scratch;
	__u64 signal;

	/* Of every task, tagged or not: its number may soon be another's. */
	drop_approval(tag ? tag_tid(tag, task) : task_id(task));
	if (!tag)
		return 0;
	signal = READ(__u64, (__u64)task, task_signal);
	if (!is_last_thread(ctx, signal))
		return 0;
	slot = tag_slot(tag);
	scratch = slot ? record_begin(tag, TRACE_RECORD_EXIT) : NULL;
	group_leave(tag->group);
	if (!scratch)
		return 0;
	if (READ(__u32, signal, signal_flags) & GROUP_EXIT)
		scratch->record.result = READ(__s32, signal, signal_group_exit_code);
	else
		scratch->record.result =
			READ(__s32, READ(__u64, (__u64)task, task_group_leader), task_exit_code);
	record_finish(scratch->index);
	return 0;
}

#define RELATION_DEPTH 32
#define CODE_TIMER     (-2)	   /* SI_TIMER */
#define MAX_STACK      (32u << 10) /* of a thread in the kernel: 16 KiB, with KASAN twice that */

/*
 * Does whoever loses its parent become a child of this? The first process of its pid namespace, or
 * a subreaper (prctl(2)), as are the keepers of isolation lite, which has no namespace.
 */
static __always_inline bool is_reaper(__u64 task)
{
	const __u64 pid = READ(__u64, READ(__u64, task, task_group_leader), task_thread_pid);
	const __u64 own = (__u64)(READ(__u32, pid, pid_level) & 31) * layout.upid_bytes;

	return READ_AT(__u32, pid, layout.pid_numbers + own + layout.upid_nr) == 1 ||
	       READ(__u8, READ(__u64, task, task_signal), signal_reaper) & 1;
}

/*
 * What the process that gets a signal is to the current one: pkill is the server's sibling. Who has
 * a reaper as parent may be an orphan, which has no siblings, or everybody would be one.
 */
static __always_inline __u32 relation_of(__u64 task)
{
	const __u64 current = (__u64)bpf_get_current_task_btf();
	const __u32 sender = READ(__u32, current, task_tgid);
	const __u32 parent = READ(__u32, READ(__u64, current, task_real_parent), task_tgid);

	for (int i = 0; i < RELATION_DEPTH && task; i++) {
		const __u32 tgid = READ(__u32, task, task_tgid);

		if (tgid == sender)
			return i ? TRACE_RELATION_DESCENDANT : TRACE_RELATION_SELF;
		if (tgid == parent)
			return i && !is_reaper(task) ? TRACE_RELATION_SIBLING
						     : TRACE_RELATION_OTHER;
		if (tgid <= 1)
			break;
		task = READ(__u64, task, task_real_parent);
	}
	return TRACE_RELATION_OTHER;
}

/* When a process was made; an exec does not change it. */
static __always_inline __u64 born(__u64 task)
{
	return READ(__u64, READ(__u64, task, task_group_leader), task_start_time);
}

/* The process that leads its terminal session, as a kernel address. */
static __always_inline __u64 session_of(__u64 task)
{
	const __u64 pids = READ(__u64, task, task_signal) + layout.signal_pids;

	return READ_AT(__u64, pids, PIDTYPE_SID * sizeof(__u64));
}

/*
 * A double fork cuts a daemon off from who started it. What is of the sender's execution and
 * younger than the sender is none that it found there. Nor is what is younger than its parent, the
 * shell that runs pkill, as long as that did not leave the shell's terminal session: whoever did
 * may be a service that was started before. Of a reaper's children all are younger than it.
 */
static __always_inline bool is_own_daemon(struct task_struct *task)
{
	const __u64 current = (__u64)bpf_get_current_task_btf();
	const __u64 target = (__u64)task, since = born(target);
	const __u64 parent = READ(__u64, current, task_real_parent);

	return since > born(current) || (since > born(parent) && !is_reaper(parent) &&
					 session_of(target) == session_of(current));
}

/* A program that ends the one that started it ends its own work. */
static __always_inline bool is_ancestor(struct task_struct *task)
{
	const __u32 tgid = READ(__u32, (__u64)task, task_tgid);
	__u64 one = (__u64)bpf_get_current_task_btf();

	for (int i = 0; i < RELATION_DEPTH && one; i++) {
		const __u32 own = READ(__u32, one, task_tgid);

		if (own == tgid)
			return true;
		if (own <= 1)
			break;
		one = READ(__u64, one, task_real_parent);
	}
	return false;
}

static __always_inline bool is_of_execution(const struct trace_tag *tag, struct task_struct *task)
{
	const struct trace_tag *its = bpf_task_storage_get(&tags, task, NULL, 0);

	return its && its->slot == tag->slot && its->generation == tag->generation &&
	       its->exec_id == tag->exec_id;
}

static __always_inline int signal_sent(struct trace_tag *tag, struct task_struct *task, int signal)
{
	const bool is_own = is_of_execution(tag, task);
	__u32 relation = relation_of((__u64)task);
	struct scratch *scratch;

	if (relation == TRACE_RELATION_SELF)
		return 0;
	if (relation == TRACE_RELATION_OTHER && is_own) {
		if (is_ancestor(task))
			relation = TRACE_RELATION_ANCESTOR;
		else if (is_own_daemon(task))
			relation = TRACE_RELATION_SIBLING;
	}
	scratch = record_begin(tag, TRACE_RECORD_SIGNAL);
	if (!scratch)
		return 0;
	scratch->record.result = signal;
	scratch->record.open_flags = relation;
	/* Who made whom, also of orphans, is what the reader has seen (monitor/lineage.h). */
	scratch->record.parent_pid = is_own ? process_id(task) : 0;
	bpf_probe_read_kernel(scratch->record.address, sizeof(scratch->record.address),
			      (void *)((__u64)task + layout.task_comm));
	record_finish(scratch->index);
	return 0;
}

/*
 * A timer (timer_create(2)) that runs out interrupts whoever is running, who would be taken for the
 * sender, of any process of the host. Its siginfo lies in the timer; that of a call lies on its
 * caller's stack, also where the caller wrote this code into it (rt_sigqueueinfo(2)).
 */
static __always_inline bool is_timer(const __u64 *info)
{
	const __u64 stack = READ(__u64, (__u64)bpf_get_current_task_btf(), task_stack);
	__u64 at = 0;

	/* Read, and not taken, it is a number that the verifier lets us reckon with. */
	bpf_probe_read_kernel(&at, sizeof(at), info);
	return READ(__s32, at, siginfo_code) == CODE_TIMER && at - stack >= MAX_STACK;
}

/* Only what a program sent: the kernel's own have no siginfo, or a code above 0. */
SEC("tp_btf/signal_generate")

int BPF_PROG(on_signal, int signal, struct kernel_siginfo *info, struct task_struct *task)
{
	struct trace_tag *tag = bpf_task_storage_get(&tags, bpf_get_current_task_btf(), NULL, 0);
	__u32 what;

	if (!tag || !tag_slot(tag) || (__u64)info <= 1 ||
	    READ(__s32, (__u64)info, siginfo_code) > 0 || is_timer(&ctx[1]))
		return 0;
	/* A storm of one signal is no news, and would push out what is. */
	what = READ(__u32, (__u64)task, task_tgid) << 7 | ((__u32)signal & 127);
	if (tag->signalled == what)
		return 0;
	tag->signalled = what;
	return signal_sent(tag, task, signal);
}

/* Those of the file behind a descriptor of the reader's; all, if nobody can tell. */
__noinline __u64 control_labels(__u64 file, __u32 index, __u32 generation)
{
	struct trace_slot *slot = bpf_map_lookup_elem(&slots, &index);
	struct flow flow = {.slot = index, .generation = generation};
	struct walk_request request = {};

	if (!slot)
		return ~0ull;
	request.mount = READ(__u64, file + layout.file_path, path_mnt);
	request.dentry = READ(__u64, file + layout.file_path, path_dentry);
	return flow_of_file(slot, &flow, NO_SCRATCH, &request);
}

/* Runs in the reader's own context, on its own descriptors. */
SEC("syscall")

int control(struct trace_control *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct trace_label_key key = {};
	struct trace_approval approval = {};
	__u64 file, bits, *old;
	__u32 tid;

	if (ctx->op == TRACE_CONTROL_LEVEL) {
		reader_level = READ(__u32, READ(__u64, (__u64)task, task_thread_pid), pid_level);
		ctx->ret = 0;
		return 0;
	}
	file = fd_file(ctx->fd);
	if (!file) {
		ctx->ret = -EBADF;
		return 0;
	}
	ctx->approval.inode = file_inode(file);
	ctx->ret = 0;
	switch (ctx->op) {
	case TRACE_CONTROL_INODE:
		break;
	case TRACE_CONTROL_APPROVE:
		tid = ctx->tid;
		/* One by one: the verifier wants each at its own offset from ctx. */
		approval.inode = ctx->approval.inode;
		approval.hash = ctx->approval.hash;
		approval.argv_bytes = ctx->approval.argv_bytes;
		approval.env_bytes = ctx->approval.env_bytes;
		approval.name_bytes = ctx->approval.name_bytes;
		approval.slot = ctx->slot;
		approval.generation = ctx->generation;
		approval.exec_id = ctx->approval.exec_id;
		ctx->ret = bpf_map_update_elem(&approvals, &tid, &approval, BPF_ANY);
		break;
	case TRACE_CONTROL_LABEL:
		key.inode = ctx->approval.inode;
		key.slot = ctx->slot;
		key.generation = ctx->generation;
		bits = ctx->labels;
		old = bpf_map_lookup_elem(&labels, &key);
		if (old)
			bits |= *old;
		ctx->ret = bpf_map_update_elem(&labels, &key, &bits, BPF_ANY);
		break;
	case TRACE_CONTROL_LABELS:
		ctx->labels = control_labels(file, ctx->slot, ctx->generation);
		break;
	default:
		ctx->ret = -EINVAL;
	}
	return 0;
}
