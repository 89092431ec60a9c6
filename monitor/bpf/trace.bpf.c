/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The programs of monitor/trace that see system calls return; lsm.bpf.c does without. Theory of
 * operation:
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
 */
#include "monitor/bpf/report.h"
#include "monitor/bpf/tasks.h"

#define EINPROGRESS 115

static __noinline int call_change(struct trace_tag *tag, struct pt_regs *regs,
				  const struct call_roles *roles, long result)
{
	struct scratch *scratch = record_begin(tag, TRACE_RECORD_CHANGE);

	if (!scratch)
		return 0;
	scratch->record.result = result;
	scratch->record.syscall = NUMBER(__s16, regs, regs_orig_ax);
	if (roles->fd) {
		const __u64 file = fd_file((__u32)call_argument(regs, roles->fd));

		if (file)
			name_file(scratch, file);
	} else {
		place_call(scratch, 0, regs, roles);
		if (roles->path[1])
			place_call(scratch, 1, regs, roles);
	}
	record_finish(scratch->index);
	return 0;
}

/* The peer that the kernel holds for a socket; false when it has none (any more). */
static __always_inline bool socket_peer(struct trace_record *r, __u32 fd)
{
	const __u64 file = fd_file(fd);
	__u64 sk;

	if (!file || (READ(__u16, file_inode(file), inode_mode) & S_IFMT) != S_IFSOCK)
		return false;
	sk = READ(__u64, READ(__u64, file, file_private_data), socket_sk) + layout.sock_common;
	r->family = READ(__u16, sk, sock_family);
	r->port = READ(__u16, sk, sock_port);
	if (!r->port)
		return false;
	if (r->family == AF_INET)
		return !bpf_probe_read_kernel(r->address, 4, (void *)(sk + layout.sock_daddr));
	if (r->family == AF_INET6)
		return !bpf_probe_read_kernel(r->address, 16, (void *)(sk + layout.sock_v6_daddr));
	return false;
}

static __noinline int call_connect(struct trace_tag *tag, struct pt_regs *regs, long result)
{
	struct scratch *scratch = record_begin(tag, TRACE_RECORD_CONNECT);

	if (!scratch)
		return 0;
	scratch->record.result = result;
	scratch->record.syscall = NUMBER(__s16, regs, regs_orig_ax);
	if ((result && result != -EINPROGRESS) ||
	    !socket_peer(&scratch->record, (__u32)call_argument(regs, 1)))
		given_peer(scratch, GIVEN_BY_USER, call_argument(regs, 2));
	record_finish(scratch->index);
	return 0;
}

/* Calls whose arguments are numbers: the first two are what rules ask for. */
static __noinline int call_beyond(struct trace_tag *tag, struct pt_regs *regs, long result)
{
	struct scratch *scratch = record_begin(tag, TRACE_RECORD_CALL);

	if (!scratch)
		return 0;
	scratch->record.result = result;
	scratch->record.syscall = NUMBER(__s16, regs, regs_orig_ax);
	scratch->record.args[0] = call_argument(regs, 1);
	scratch->record.args[1] = call_argument(regs, 2);
	record_finish(scratch->index);
	return 0;
}

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

char LICENSE[] SEC("license") = "Dual BSD/GPL";
