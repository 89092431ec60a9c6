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
 *
 * sched_process_exec comes after the point of no return and before the first instruction of the
 * new image: SIGKILL there leaves the new image without effect.
 */
#include "monitor/bpf/flow_calls.h"
#include "monitor/bpf/maps.h"
#include "monitor/bpf/tasks.h"

#define ENFILE	    23
#define EMFILE	    24
#define EFBIG	    27
#define ENOSPC	    28
#define EINPROGRESS 115
#define EDQUOT	    122
#define NR_MMAP	    9u
#define NR_SHMAT    30u

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
		else if (roles->text)
			place_given(scratch, 1, GIVEN_BY_USER, call_argument(regs, roles->text),
				    TRACE_TEXT_BYTES);
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

/* What was refused has been told, with its reason: that the caller was told so is no news. */
static __always_inline bool is_told(struct trace_slot *slot, const struct trace_tag *tag,
				    long result)
{
	const __u64 refusal = slot->refused;

	return refusal && result < 0 &&
	       refusal == trace_refusal(tag_tid(tag, bpf_get_current_task_btf()), (__u32)-result) &&
	       __sync_val_compare_and_swap(&slot->refused, refusal, 0) == refusal;
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
static __noinline int call_numbers(struct trace_tag *tag, struct pt_regs *regs, __u32 kind,
				   long result)
{
	struct scratch *scratch = record_begin(tag, kind);

	if (!scratch)
		return 0;
	scratch->record.result = result;
	scratch->record.syscall = NUMBER(__s16, regs, regs_orig_ax);
	scratch->record.args[0] = call_argument(regs, 1);
	scratch->record.args[1] = call_argument(regs, 2);
	record_finish(scratch->index);
	return 0;
}

static __always_inline int call_beyond(struct trace_tag *tag, struct pt_regs *regs, long result)
{
	return call_numbers(tag, regs, TRACE_RECORD_CALL, result);
}

/* Something is used up: space, the size of a file, descriptors. */
static __always_inline bool is_limit(long result)
{
	const __u64 limits = 1ull << ENFILE | 1ull << EMFILE | 1ull << EFBIG | 1ull << ENOSPC;

	return result == -EDQUOT ||
	       (result < 0 && result > -64 && (limits >> ((__u64)-result & 63) & 1));
}

/* Who runs into the same one again and again says nothing new by it. */
static __always_inline void report_limit(struct trace_tag *tag, struct pt_regs *regs, __u32 nr,
					 long result)
{
	const __u32 what = nr << 8 | ((__u32)-result & 255);

	if (tag->limited == what)
		return;
	tag->limited = what;
	call_numbers(tag, regs, TRACE_RECORD_LIMIT, result);
}

/* The file that the memory from an address on shows, up to an end. */
struct vm_area_struct;

struct map_find {
	__u64 end;
	__u64 file; /* 0: none, or it is not all of this one's */
};

static long map_found(struct task_struct *task, struct vm_area_struct *vma, struct map_find *find)
{
	__u64 at = 0;

	bpf_probe_read_kernel(&at, sizeof(at), &vma);
	if (READ(__u64, at, vma_end) >= find->end)
		find->file = READ(__u64, at, vma_file);
	return 0;
}

/*
 * What it shows is asked of the memory itself: the descriptor may be another one's by now, and of a
 * failed call and one that changes memory there is nothing else. Where several files lie in it, or
 * another thread holds the table of it just now, no file is told: nothing is left out for it.
 */
static __noinline int call_map(struct trace_tag *tag, struct pt_regs *regs, __u32 protection,
			       long result)
{
	const __u32 nr = (__u32)NUMBER(__u64, regs, regs_orig_ax);
	const bool places = nr == NR_MMAP || nr == NR_SHMAT; /* its result is where */
	const __u64 at = places ? (__u64)result : call_argument(regs, 1);
	struct map_find find = {.end = at + 1};
	struct scratch *scratch;

	if (!places)
		find.end = at + call_argument(regs, 2);
	if (result >= 0 || !places)
		bpf_find_vma(bpf_get_current_task_btf(), at, map_found, &find, 0);
	scratch = map_begin(tag, nr, find.file, protection);
	if (!scratch)
		return 0;
	scratch->record.result = places && result > 0 ? 0 : result;
	record_finish(scratch->index);
	return 0;
}

/* The strings of the current image against those approved; enum trace_mismatch. */
static __noinline __u32 strings_mismatch(const struct trace_approval *approved)
{
	const __u64 mm = READ(__u64, (__u64)bpf_get_current_task_btf(), task_mm);
	const __u64 start = READ(__u64, mm, mm_arg_start);
	const __u64 env = READ(__u64, mm, mm_env_start);
	const __u64 end = READ(__u64, mm, mm_env_end);
	const __u64 bytes =
		(__u64)approved->argv_bytes + approved->env_bytes + approved->name_bytes;
	__u64 hash = 0;

	if (!start || READ(__u64, mm, mm_arg_end) != env || bytes > TRACE_BLOCK_MAX)
		return TRACE_MISMATCH_UNREADABLE;
	if (env - start != approved->argv_bytes)
		return TRACE_MISMATCH_ARGUMENTS;
	if (end - env != approved->env_bytes)
		return TRACE_MISMATCH_ENVIRONMENT;
	if (!hash_block(start, (__u32)bytes, &hash))
		return TRACE_MISMATCH_UNREADABLE;
	return hash == approved->hash ? TRACE_MISMATCH_NONE : TRACE_MISMATCH_STRINGS;
}

/* Holds the current exec to its approval, and uses that up; enum trace_mismatch. */
static __noinline __u32 exec_mismatch(struct trace_tag *tag, __u64 inode)
{
	__u32 tid = tag_tid(tag, bpf_get_current_task_btf());
	const struct trace_approval *approved = bpf_map_lookup_elem(&approvals, &tid);
	__u32 mismatch;

	if (!approved)
		return TRACE_MISMATCH_NOT_APPROVED;
	if (approved->slot != tag->slot || approved->generation != tag->generation)
		mismatch = TRACE_MISMATCH_NOT_APPROVED;
	else if (approved->inode != inode)
		mismatch = TRACE_MISMATCH_PROGRAM;
	else
		mismatch = strings_mismatch(approved);
	bpf_map_delete_elem(&approvals, &tid);
	return mismatch;
}

static __always_inline void maps_come(const struct trace_slot *slot, struct trace_tag *tag,
				      struct pt_regs *regs, long result)
{
	__u64 protection = call_argument(regs, 3);

	if (NUMBER(__u64, regs, regs_orig_ax) == NR_SHMAT)
		protection = protection & SHM_EXEC ? PROT_EXEC : 0;
	if (map_is_told(slot, protection))
		call_map(tag, regs, (__u32)protection, result);
}

/*
 * What stands on the stack here would else do so below all that on_sys_exit() calls: up to Linux
 * 6.12 the frames of one way through the functions may have 512 bytes in sum.
 */
static __noinline int open_returned(struct trace_slot *slot, struct trace_tag *tag,
				    struct pt_regs *regs, const struct call_roles *roles,
				    long result)
{
	return call_open(slot, tag, regs, roles, result);
}

/* The record of a call, and what comes with it. */
static __always_inline void report_call(struct trace_slot *slot, struct trace_tag *tag,
					struct pt_regs *regs, const struct call_roles *roles,
					long result)
{
	switch (roles->kind) {
	case CALL_OPEN:
		/* By a handle, refused: there is no path, and the call leads out of a mount. */
		if (result < 0 && !roles->path[0])
			call_beyond(tag, regs, result);
		else
			open_returned(slot, tag, regs, roles, result);
		break;
	case CALL_CHANGE:
		call_change(tag, regs, roles, result);
		break;
	case CALL_CONNECT:
		if (!(slot->flags & TRACE_SESSION_CONNECTS) && !is_told(slot, tag, result))
			call_connect(tag, regs, result);
		break;
	case CALL_EXEC:
		/* Failed, or only asked (AT_EXECVE_CHECK): its approval is for no other call. */
		drop_approval(tag_tid(tag, bpf_get_current_task_btf()));
		break;
	case CALL_BEYOND_FAILED:
		if (result < 0)
			call_beyond(tag, regs, result);
		break;
	case CALL_LIMIT:
		if (result < 0 || (call_argument(regs, 1) && call_argument(regs, 3)))
			call_beyond(tag, regs, result);
		break;
	case CALL_BEYOND:
		call_beyond(tag, regs, result);
		break;
	case CALL_MAP:
		if (slot->flags & TRACE_SESSION_MAPS)
			maps_come(slot, tag, regs, result);
		break;
	default:
		break;
	}
}

static __always_inline void count_call(struct trace_slot *slot, const struct trace_tag *tag,
				       const struct call_roles *roles, unsigned long nr)
{
	struct trace_counters *counted;
	__u32 key = tag->slot;

	if (roles->often) {
		__sync_fetch_and_add(&slot->often[(roles->often - 1u) % TRACE_OFTEN_MAX], 1);
		return;
	}
	counted = bpf_map_lookup_elem(&counters, &key);
	if (counted)
		__sync_fetch_and_add(&counted->calls[nr], 1);
}

SEC("tp_btf/sys_exit")

int BPF_PROG(on_sys_exit, struct pt_regs *regs, long result)
{
	struct trace_tag *tag;
	struct trace_slot *slot;
	const struct call_roles *roles;
	unsigned long nr;

	tag = bpf_task_storage_get(&tags, bpf_get_current_task_btf(), NULL, 0);
	if (!tag)
		return 0;
	slot = tag_slot(tag);
	nr = NUMBER(__u64, regs, regs_orig_ax);
	if (!slot || nr >= TRACE_SYSCALL_MAX)
		return 0;
	if (tag->flags & TRACE_TAG_CONDEMNED)
		bpf_send_signal(SIGKILL);
	roles = &call_roles[nr];
	count_call(slot, tag, roles, nr);
	if (is_limit(result))
		report_limit(tag, regs, (__u32)nr, result);
	flows_come(slot, tag, regs, roles, result);
	report_call(slot, tag, regs, roles, result);
	flows_go(slot, tag, regs, roles, result);
	return 0;
}

SEC("tp_btf/sched_process_fork")

int BPF_PROG(on_fork, struct task_struct *parent, struct task_struct *child)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct trace_tag *tag = bpf_task_storage_get(&tags, task, NULL, 0);
	struct trace_tag *made;
	struct trace_slot *slot;
	__u32 tid;

	if (!tag)
		return 0;
	slot = tag_slot(tag);
	if (!slot)
		return 0;
	tid = task_id(child);
	made = tag_child(tag, child, tid);
	if (made) {
		group_fork(slot, made, child);
		return report_fork(tag, child, tid);
	}
	/*
	 * No memory: this child goes untraced, which must not go unnoticed. It may read anything. A
	 * thread of ours dies with its process here; a process is met again by untagged_exec().
	 */
	slot_lose(slot);
	__sync_fetch_and_add(&slot->untraced, 1);
	slot_add_labels(slot, slot->every_label);
	if (NUMBER(__u32, child, task_pid) != NUMBER(__u32, child, task_tgid))
		kill_current(slot, tag);
	return 0;
}

SEC("tp_btf/sched_process_exec")

int BPF_PROG(on_exec, struct task_struct *task, int old_pid, struct linux_binprm *bprm)
{
	struct trace_tag *tag = bpf_task_storage_get(&tags, task, NULL, 0);
	__u32 mismatch = TRACE_MISMATCH_NONE;
	struct trace_slot *slot;
	__u64 file;

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
	report_exec(slot, tag, file, mismatch);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
