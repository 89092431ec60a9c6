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
#include "monitor/bpf/calls.h"
#include "monitor/bpf/state.h"
#include "monitor/bpf/walk.h"

#define S_IFMT	     0170000
#define S_IFSOCK     0140000
#define S_IFDIR	     0040000
#define FMODE_READ   1u
#define AF_UNIX	     1
#define AF_INET	     2
#define AF_INET6     10
#define AT_FDCWD     (-100)
#define EINPROGRESS  115
#define EBADF	     9
#define EINVAL	     22
#define GROUP_EXIT   4u	   /* SIGNAL_GROUP_EXIT */
#define CREAT_FLAGS  01101 /* O_CREAT | O_WRONLY | O_TRUNC */
#define SUN_PATH_MAX 108

/* Address of the struct file behind a descriptor of the current task, or 0. */
static __always_inline __u64 fd_file(__u32 fd)
{
	const __u64 files = READ(__u64, (__u64)bpf_get_current_task_btf(), task_files);
	const __u64 fdt = READ(__u64, files, files_fdt);

	if (fd >= READ(__u32, fdt, fdtable_max_fds))
		return 0;
	return READ_AT(__u64, READ(__u64, fdt, fdtable_fd), (__u64)fd * sizeof(__u64));
}

static __always_inline __u64 file_inode(__u64 file)
{
	return READ(__u64, file, file_inode);
}

static __always_inline void record_inode(struct trace_record *r, __u64 inode)
{
	r->inode = READ(__u64, inode, inode_ino);
	r->device = READ(__u32, READ(__u64, inode, inode_sb), sb_dev);
}

/*
 * Labels of a file that was opened for reading or is being executed. A walk that does not end, or a
 * descriptor that is gone before its open returned, counts as having read everything labelled.
 */
static __always_inline __u64 file_labels(struct trace_slot *slot, const struct trace_tag *tag,
					 __u64 file, bool executed)
{
	struct walk_result result = {};
	struct location from;

	if (!file)
		return slot->every_label;
	if (!executed && !(READ(__u32, file, file_mode) & FMODE_READ))
		return 0;
	if ((READ(__u16, file_inode(file), inode_mode) & S_IFMT) == S_IFDIR)
		return 0;
	path_location(file + layout.file_path, &from);
	walk_up(NO_SCRATCH, from.mount, from.dentry, tag->slot + 1, &result);
	return result.complete ? result.labels : slot->every_label;
}

static __always_inline unsigned long call_argument(struct pt_regs *regs, __u32 number)
{
	switch (number) {
	case 1:
		return NUMBER(__u64, regs, regs_di);
	case 2:
		return NUMBER(__u64, regs, regs_si);
	case 3:
		return NUMBER(__u64, regs, regs_dx);
	case 4:
		return NUMBER(__u64, regs, regs_r10);
	default:
		return 0;
	}
}

/* A string of the caller, at most @max bytes. Return: its first byte. */
static __always_inline char place_given(struct scratch *scratch, __u32 which, __u64 address,
					__u32 max)
{
	struct trace_place *place = &scratch->record.place[which & 1];
	const __u32 at = scratch->at & TEXT_MASK;
	long len;

	len = bpf_probe_read_user_str(&scratch->text[at], max, (void *)address);
	if (len <= 0 || len > (long)max)
		return 0;
	if (len == (long)max)
		place->flags |= TRACE_PLACE_CUT;
	place->given_bytes = (__u16)len;
	scratch->at = at + (__u32)len;
	return scratch->text[at];
}

/* A path argument, and for a relative one the folder that it starts from. */
__noinline int place_argument(__u32 scratch_index, __u32 which, __u64 address, int dir_fd)
{
	struct scratch *scratch = bpf_map_lookup_elem(&scratches, &scratch_index);
	__u64 file;

	if (!scratch || place_given(scratch, which, address, TRACE_TEXT_BYTES) == '/')
		return 0;
	if (dir_fd == AT_FDCWD) {
		file = READ(__u64, (__u64)bpf_get_current_task_btf(), task_fs);
		return place_names(scratch_index, which, file + layout.fs_pwd);
	}
	file = fd_file((__u32)dir_fd);
	return file ? place_names(scratch_index, which, file + layout.file_path) : 0;
}

static __always_inline void place_call(struct scratch *scratch, __u32 which, struct pt_regs *regs,
				       const struct call_roles *roles)
{
	const __u32 dir = roles->dir[which];

	place_argument(scratch->index, which, call_argument(regs, roles->path[which]),
		       dir ? (int)call_argument(regs, dir) : AT_FDCWD);
}

static __always_inline __u32 open_flags(struct pt_regs *regs, const struct call_roles *roles)
{
	__u64 flags = 0;

	if (roles->flags)
		return (__u32)call_argument(regs, roles->flags);
	if (!roles->how)
		return CREAT_FLAGS;
	bpf_probe_read_user(&flags, sizeof(flags), (void *)call_argument(regs, roles->how));
	return (__u32)flags;
}

static __noinline int call_open(struct trace_slot *slot, struct trace_tag *tag,
				struct pt_regs *regs, const struct call_roles *roles, long result)
{
	const __u64 file = result >= 0 ? fd_file((__u32)result) : 0;
	__u64 added = 0;
	struct scratch *scratch;

	if (result >= 0 && (slot->flags & TRACE_SESSION_LABELS))
		added = slot_add_labels(slot, file_labels(slot, tag, file, false));
	scratch = record_begin(tag, TRACE_RECORD_OPEN);
	if (!scratch)
		return 0;
	scratch->record.result = result;
	scratch->record.syscall = NUMBER(__s32, regs, regs_orig_ax);
	scratch->record.open_flags = open_flags(regs, roles);
	scratch->record.labels = added;
	if (file) {
		record_inode(&scratch->record, file_inode(file));
		place_names(scratch->index, 0, file + layout.file_path);
	} else if (roles->path[0]) {
		place_call(scratch, 0, regs, roles);
	}
	record_finish(scratch->index);
	return 0;
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

		if (file) {
			record_inode(&scratch->record, file_inode(file));
			place_names(scratch->index, 0, file + layout.file_path);
		}
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

static __always_inline void kill_current(struct trace_slot *slot, struct trace_tag *tag)
{
	if (bpf_send_signal(SIGKILL)) {
		/* Cannot be queued just now; the exit of this system call is the next chance. */
		__sync_fetch_and_or(&tag->flags, TRACE_TAG_CONDEMNED);
		__sync_fetch_and_add(&slot->unkilled, 1);
	}
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
		key = tag->tid ? tag->tid : task_id(bpf_get_current_task_btf());
		if (result < 0)
			bpf_map_delete_elem(&approvals, &key);
		return 0;
	default:
		return 0;
	}
}

SEC("tp_btf/sched_process_fork")

int BPF_PROG(on_fork, struct task_struct *parent, struct task_struct *child)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct trace_tag *tag = bpf_task_storage_get(&tags, task, NULL, 0);
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
	if (!bpf_task_storage_get(&tags, child, &inherited, BPF_LOCAL_STORAGE_GET_F_CREATE)) {
		/* No memory: this child goes untraced, which must not go unnoticed. */
		slot_lose(slot);
		return 0;
	}
	if (NUMBER(__u32, child, task_pid) != NUMBER(__u32, child, task_tgid))
		return 0; /* a thread */
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
	__u32 kind = TRACE_RECORD_EXEC;
	struct trace_slot *slot;
	struct scratch *scratch;
	__u64 file, added = 0;
	__u32 tid;

	if (!tag)
		return 0;
	slot = tag_slot(tag);
	if (!slot)
		return 0;
	/* Approved was the thread as it was called before the exec; it now has its leader's id. */
	tid = tag->tid ? tag->tid : task_id(task);
	file = READ(__u64, (__u64)bprm, bprm_file);
	if (slot->flags & TRACE_SESSION_VERIFY) {
		struct trace_approval *approval = bpf_map_lookup_elem(&approvals, &tid);

		if (!approval || approval->inode != file_inode(file)) {
			kind = TRACE_RECORD_EXEC_MISMATCH;
			kill_current(slot, tag);
		}
		bpf_map_delete_elem(&approvals, &tid);
	}
	tag->tid = task_id(task);
	if (slot->flags & TRACE_SESSION_LABELS)
		added = slot_add_labels(slot, file_labels(slot, tag, file, true));
	scratch = record_begin(tag, kind);
	if (!scratch)
		return 0;
	scratch->record.labels = added;
	record_inode(&scratch->record, file_inode(file));
	place_names(scratch->index, 0, file + layout.file_path);
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
	__u32 tid;

	if (!tag)
		return 0;
	slot = tag_slot(tag);
	if (!slot)
		return 0;
	if (slot->flags & TRACE_SESSION_VERIFY) {
		tid = tag->tid ? tag->tid : task_id(task);
		bpf_map_delete_elem(&approvals, &tid);
	}
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
	struct trace_approval approval = {};
	struct trace_label_key key = {};
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
	approval.inode = file_inode(file);
	ctx->ret_inode = approval.inode;
	ctx->ret = 0;
	switch (ctx->op) {
	case TRACE_CONTROL_INODE:
		break;
	case TRACE_CONTROL_APPROVE:
		tid = ctx->tid;
		ctx->ret = bpf_map_update_elem(&approvals, &tid, &approval, BPF_ANY);
		break;
	case TRACE_CONTROL_LABEL:
		key.inode = approval.inode;
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
