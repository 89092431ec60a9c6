/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once

/* Records of system calls, made as they return. */

#include "monitor/bpf/files.h"

#define AF_UNIX	     1
#define AF_INET	     2
#define AF_INET6     10
#define EINPROGRESS  115
#define SUN_PATH_MAX 108

static __noinline int call_open(struct trace_slot *slot, struct trace_tag *tag,
				struct pt_regs *regs, const struct call_roles *roles, long result)
{
	const __u64 file = result >= 0 ? fd_file((__u32)result) : 0;
	struct scratch *scratch = record_begin(tag, TRACE_RECORD_OPEN);
	__u64 added = 0;

	if (file)
		added = take_file(scratch, slot, tag, file, false);
	else if (result >= 0) /* gone again: it may have been anything */
		added = slot_add_labels(slot, slot->every_label);
	if (!scratch)
		return 0;
	scratch->record.result = result;
	scratch->record.syscall = NUMBER(__s32, regs, regs_orig_ax);
	scratch->record.open_flags = open_flags(regs, roles);
	scratch->record.labels = added;
	if (!file && roles->path[0])
		place_call(scratch, 0, regs, roles);
	record_finish(scratch->index);
	return 0;
}

/* What a change through a descriptor touched. */
static __always_inline void changed_file(struct scratch *scratch, __u64 file)
{
	struct walk_request request = {};
	struct file_view view = {};

	file_view(file, &view);
	scratch->record.inode = view.number;
	scratch->record.device = READ(__u32, view.sb, sb_dev);
	request.mount = view.mount;
	request.dentry = view.dentry;
	walk_up(scratch->index, 0, &request);
}

static __noinline int call_change(struct trace_tag *tag, struct pt_regs *regs,
				  const struct call_roles *roles, long result)
{
	struct scratch *scratch = record_begin(tag, TRACE_RECORD_CHANGE);

	if (!scratch)
		return 0;
	scratch->record.result = result;
	scratch->record.syscall = NUMBER(__s32, regs, regs_orig_ax);
	if (roles->fd) {
		const __u64 file = fd_file((__u32)call_argument(regs, roles->fd));

		if (file)
			changed_file(scratch, file);
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

static __always_inline void given_peer(struct scratch *scratch, unsigned long address)
{
	struct trace_record *r = &scratch->record;
	__u16 family = 0;

	bpf_probe_read_user(&family, sizeof(family), (void *)address);
	r->family = family;
	if (family == AF_UNIX)
		place_given(scratch, 0, address + 2, SUN_PATH_MAX + 1);
	if (family != AF_INET && family != AF_INET6)
		return;
	bpf_probe_read_user(&r->port, sizeof(r->port), (void *)(address + 2));
	if (family == AF_INET)
		bpf_probe_read_user(r->address, 4, (void *)(address + 4));
	else
		bpf_probe_read_user(r->address, 16, (void *)(address + 8));
}

static __noinline int call_connect(struct trace_tag *tag, struct pt_regs *regs, long result)
{
	struct scratch *scratch = record_begin(tag, TRACE_RECORD_CONNECT);

	if (!scratch)
		return 0;
	scratch->record.result = result;
	scratch->record.syscall = NUMBER(__s32, regs, regs_orig_ax);
	if ((result && result != -EINPROGRESS) ||
	    !socket_peer(&scratch->record, (__u32)call_argument(regs, 1)))
		given_peer(scratch, call_argument(regs, 2));
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
	scratch->record.syscall = NUMBER(__s32, regs, regs_orig_ax);
	scratch->record.args[0] = call_argument(regs, 1);
	scratch->record.args[1] = call_argument(regs, 2);
	record_finish(scratch->index);
	return 0;
}

#define RELATION_DEPTH 32

/* What the process that gets a signal is to the current one: pkill is the server's sibling. */
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
			return i ? TRACE_RELATION_SIBLING : TRACE_RELATION_OTHER;
		if (tgid <= 1)
			break;
		task = READ(__u64, task, task_real_parent);
	}
	return TRACE_RELATION_OTHER;
}

static __noinline int signal_sent(struct trace_tag *tag, struct task_struct *task, int signal)
{
	const __u32 relation = relation_of((__u64)task);
	struct scratch *scratch;

	if (relation == TRACE_RELATION_SELF)
		return 0;
	scratch = record_begin(tag, TRACE_RECORD_SIGNAL);
	if (!scratch)
		return 0;
	scratch->record.result = signal;
	scratch->record.open_flags = relation;
	bpf_probe_read_kernel(scratch->record.address, sizeof(scratch->record.address),
			      (void *)((__u64)task + layout.task_comm));
	record_finish(scratch->index);
	return 0;
}
