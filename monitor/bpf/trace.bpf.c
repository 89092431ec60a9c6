/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The programs of monitor/trace. Theory of operation:
 *
 * A thread is traced when its task storage holds a tag of a live session. The reader tags the first
 * thread of an execution; sched_process_fork copies the tag to every child and thread before it
 * runs. For every other task on the host each program is one lookup and out.
 *
 * System calls are seen at sys_exit alone: the registers still hold the arguments, a call that
 * seccomp refused shows too, and a second tracepoint would cost every system call of the host as
 * much again. What a call touched is taken from the kernel's own objects (the new descriptor's
 * file, the socket's peer) wherever the call left one; text that only the caller has is read from
 * its memory at the return and is no more than what it says.
 *
 * sched_process_exec comes after the point of no return and before the first instruction of the
 * new image: SIGKILL there leaves the new image without effect.
 */
#include "monitor/bpf/report.h"
#include "monitor/bpf/verify.h"

#define EBADF	   9
#define EINVAL	   22
#define GROUP_EXIT 4u /* SIGNAL_GROUP_EXIT */

SEC("tp_btf/sys_exit")

int BPF_PROG(on_sys_exit, struct pt_regs *regs, long result)
{
	struct trace_tag *tag;
	struct trace_slot *slot;
	struct trace_counters *counted;
	const struct call_roles *roles;
	unsigned long nr;
	__u32 key;

	tag = bpf_task_storage_get(&tags, bpf_get_current_task_btf(), NULL, 0);
	if (!tag)
		return 0;
	slot = tag_slot(tag);
	nr = NUMBER(__u64, regs, regs_orig_ax);
	if (!slot || nr >= TRACE_SYSCALL_MAX)
		return 0;
	if (tag->flags & TRACE_TAG_CONDEMNED)
		bpf_send_signal(SIGKILL);
	key = tag->slot;
	counted = bpf_map_lookup_elem(&counters, &key);
	if (counted)
		__sync_fetch_and_add(&counted->calls[nr], 1);
	roles = &call_roles[nr];
	switch (roles->kind) {
	case CALL_OPEN:
		return call_open(slot, tag, regs, roles, result);
	case CALL_CHANGE:
		return call_change(tag, regs, roles, result);
	case CALL_CONNECT:
		return call_connect(tag, regs, result);
	case CALL_EXEC:
		/* Failed, or only asked (AT_EXECVE_CHECK): its approval is for no other call. */
		drop_approval(tag_tid(tag, bpf_get_current_task_btf()));
		return 0;
	case CALL_BEYOND_FAILED:
		return result < 0 ? call_beyond(tag, regs, result) : 0;
	case CALL_BEYOND:
		return call_beyond(tag, regs, result);
	default:
		return 0;
	}
}

/* Only what a program sent: the kernel's own have no siginfo, or a code above 0. */
SEC("tp_btf/signal_generate")

int BPF_PROG(on_signal, int signal, struct kernel_siginfo *info, struct task_struct *task)
{
	struct trace_tag *tag = bpf_task_storage_get(&tags, bpf_get_current_task_btf(), NULL, 0);

	if (!tag || !tag_slot(tag) || (__u64)info <= 1 ||
	    READ(__s32, (__u64)info, siginfo_code) > 0)
		return 0;
	return signal_sent(tag, task, signal);
}

SEC("tp_btf/sched_process_fork")

int BPF_PROG(on_fork, struct task_struct *parent, struct task_struct *child)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct trace_tag *tag = bpf_task_storage_get(&tags, task, NULL, 0);
	const bool is_thread = NUMBER(__u32, child, task_pid) != NUMBER(__u32, child, task_tgid);
	struct trace_tag inherited = {};
	struct trace_slot *slot;
	struct scratch *scratch;

	if (!tag)
		return 0;
	slot = tag_slot(tag);
	if (!slot)
		return 0;
	inherited.slot = tag->slot;
	inherited.generation = tag->generation;
	inherited.exec_id = tag->exec_id;
	inherited.tid = task_id(child);
	if (no_tags ||
	    !bpf_task_storage_get(&tags, child, &inherited, BPF_LOCAL_STORAGE_GET_F_CREATE)) {
		/*
		 * No memory: this child goes untraced, which must not go unnoticed. It may read
		 * anything. A thread of ours dies with its process here; a process is met again by
		 * untagged_exec().
		 */
		slot_lose(slot);
		__sync_fetch_and_add(&slot->untraced, 1);
		slot_add_labels(slot, slot->every_label);
		if (is_thread)
			kill_current(slot, tag);
		return 0;
	}
	if (is_thread)
		return 0;
	scratch = record_begin(tag, TRACE_RECORD_FORK);
	if (!scratch)
		return 0;
	scratch->record.parent_pid = scratch->record.pid;
	scratch->record.pid = inherited.tid;
	scratch->record.tid = inherited.tid;
	record_finish(scratch->index);
	return 0;
}

SEC("tp_btf/sched_process_exec")

int BPF_PROG(on_exec, struct task_struct *task, int old_pid, struct linux_binprm *bprm)
{
	struct trace_tag *tag = bpf_task_storage_get(&tags, task, NULL, 0);
	__u32 mismatch = TRACE_MISMATCH_NONE;
	struct trace_slot *slot;
	struct scratch *scratch;
	__u64 file, added;

	if (!tag)
		tag = untagged_exec(task, (__u32)old_pid);
	if (!tag)
		return 0;
	slot = tag_slot(tag);
	if (!slot)
		return 0;
	file = READ(__u64, (__u64)bprm, bprm_file);
	if (slot->flags & TRACE_SESSION_VERIFY)
		mismatch = exec_mismatch(tag, file_inode(file));
	if (mismatch)
		kill_current(slot, tag);
	tag->tid = task_id(task);
	scratch = record_begin(tag, mismatch ? TRACE_RECORD_EXEC_MISMATCH : TRACE_RECORD_EXEC);
	added = take_file(scratch, slot, tag, file, true);
	if (!scratch)
		return 0;
	scratch->record.result = mismatch;
	scratch->record.labels = added;
	record_finish(scratch->index);
	return 0;
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
	slot = tag_slot(tag);
	if (!slot)
		return 0;
	signal = READ(__u64, (__u64)task, task_signal);
	if (!is_last_thread(ctx, signal))
		return 0;
	scratch = record_begin(tag, TRACE_RECORD_EXIT);
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
	default:
		ctx->ret = -EINVAL;
	}
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
