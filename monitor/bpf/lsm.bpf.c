/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The programs of monitor/trace on the kernel's own security hooks, where it lets BPF have them.
 * Theory of operation:
 *
 * A hook is called when the kernel has resolved what a call is about and before it does it. So
 * what is seen is the kernel's own object, no memory of the caller's; a label is set before anybody
 * holds the descriptor; and an exec can be refused, not only killed. Nothing is attached to system
 * calls as such: a process that is not traced pays for opens, changes, connects and execs alone,
 * one lookup each.
 *
 * What is not seen: how a call went on (TRACE_RECORD_BEGUN; a failed open is seen by
 * itself, as open and openat return), calls that never came to a hook because something before it
 * refused them, failed creats, counts of calls, changes of extended attributes and times, and what
 * opens with O_PATH. Of the calls that reach beyond a program those that set ids and capabilities
 * are seen, and memfd_create(2); memfd_secret(2) is refused by the floor, before any function.
 *
 * How labels go on from process to process has no hook: one is called before a read, which may then
 * wait for what it is to get, and none for splice(2) between pipes. So that is seen as system calls
 * return, as in the other back end (flows.h), by a program of its own, which is attached only while
 * there is something labelled.
 *
 * At bprm_check_security the new image's strings are copied, but mapped nowhere yet: program and
 * length are held to the approval there, the strings themselves at bprm_committed_creds.
 *
 * Whatever must hold is on such a hook. A program on a tracepoint or on the return of a function is
 * skipped where a task that it was running for was preempted by another one on the same CPU (seen
 * on 7.2); programs on security hooks never are. So the others here only report, or tidy up. What
 * on_fork and on_sys_exit tell of processes is not relied on once they were skipped: from then on
 * each has all labels of its session (monitor/trace/flows.c).
 */
#define SCRATCHES 6 /* hooks can be preempted */

#include "monitor/bpf/caller.h"
#include "monitor/bpf/changes.h"
#include "monitor/bpf/flow_calls.h"
#include "monitor/bpf/maps.h"
#include "monitor/bpf/tasks.h"

#define EPERM	   1
#define EAGAIN	   11
#define FMODE_EXEC 0x20u /* in f_flags: opened to be run */

struct file;
struct socket;
struct sockaddr;
struct vm_area_struct;

/* ---- tasks ---- */

/* A child that cannot be traced is not made. */
SEC("lsm/task_alloc")

int BPF_PROG(on_task_alloc, struct task_struct *child)
{
	struct caller caller;

	return !caller_is_traced(&caller) || tag_child(caller.tag, child, 0) ? 0 : -EAGAIN;
}

SEC("tp_btf/sched_process_fork")

int BPF_PROG(on_fork, struct task_struct *parent, struct task_struct *child)
{
	struct trace_tag *tag = bpf_task_storage_get(&tags, child, NULL, 0);
	const struct trace_slot *slot = tag ? tag_slot(tag) : NULL;

	if (!slot)
		return 0;
	tag->tid = task_id(child);
	group_fork(slot, tag, child);
	tag = bpf_task_storage_get(&tags, bpf_get_current_task_btf(), NULL, 0);
	return tag ? report_fork(tag, child, task_id(child)) : 0;
}

/* ---- programs ---- */

/* A script is followed by its interpreter, at this hook once more; that is what was approved. */
static __always_inline bool is_script(__u64 bprm)
{
	return READ(__u16, bprm, bprm_buf) == ('#' | '!' << 8);
}

enum image_stage {
	IMAGE_PLANNED, /* its strings are copied, but mapped nowhere yet */
	IMAGE_MADE     /* its memory is the current task's */
};

/* As the image is now against what was approved; enum trace_mismatch. */
static __always_inline __u32 image_mismatch(const struct trace_tag *tag, __u64 bprm,
					    enum image_stage stage)
{
	__u32 tid = tag_tid(tag, bpf_get_current_task_btf());
	const struct trace_approval *approved = bpf_map_lookup_elem(&approvals, &tid);
	const __u64 start = READ(__u64, bprm, bprm_p), end = READ(__u64, bprm, bprm_exec);
	__u64 bytes, hash = 0;

	if (!approved || approved->slot != tag->slot || approved->generation != tag->generation)
		return TRACE_MISMATCH_NOT_APPROVED;
	if (approved->inode != file_inode(READ(__u64, bprm, bprm_file)))
		return TRACE_MISMATCH_PROGRAM;
	bytes = (__u64)approved->argv_bytes + approved->env_bytes;
	if (bytes != end - start)
		return TRACE_MISMATCH_STRINGS;
	if (stage == IMAGE_PLANNED)
		return TRACE_MISMATCH_NONE;
	bytes += approved->name_bytes;
	if (bytes > TRACE_BLOCK_MAX || !hash_block(start, (__u32)bytes, &hash))
		return TRACE_MISMATCH_UNREADABLE;
	return hash == approved->hash ? TRACE_MISMATCH_NONE : TRACE_MISMATCH_STRINGS;
}

SEC("lsm/bprm_check_security")

int BPF_PROG(on_bprm_check, struct linux_binprm *bprm)
{
	struct scratch *scratch;
	struct caller caller;
	__u32 mismatch;

	if (!caller_is_traced(&caller) || !(caller.slot->flags & TRACE_SESSION_VERIFY) ||
	    is_script((__u64)bprm))
		return 0;
	mismatch = image_mismatch(caller.tag, (__u64)bprm, IMAGE_PLANNED);
	if (!mismatch)
		return 0;
	drop_approval(tag_tid(caller.tag, bpf_get_current_task_btf()));
	scratch = record_begin(caller.tag, TRACE_RECORD_EXEC_REFUSED);
	if (scratch) {
		scratch->record.result = mismatch;
		name_file(scratch, READ(__u64, (__u64)bprm, bprm_file));
		record_finish(scratch->index);
	}
	return -EPERM;
}

/* After the point of no return, before the first instruction of the new image: it can be killed. */
SEC("lsm/bprm_committed_creds")

int BPF_PROG(on_exec, struct linux_binprm *bprm)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct trace_tag *tag = bpf_task_storage_get(&tags, task, NULL, 0);
	__u32 mismatch = TRACE_MISMATCH_NONE;
	struct trace_slot *slot;

	if (!tag)
		tag = untagged_exec(task, NUMBER(__u32, task, task_pid));
	if (!tag)
		return 0;
	slot = tag_slot(tag);
	if (!slot)
		return 0;
	if (slot->flags & TRACE_SESSION_VERIFY) {
		mismatch = image_mismatch(tag, (__u64)bprm, IMAGE_MADE);
		drop_approval(tag_tid(tag, task));
	}
	if (mismatch)
		kill_current(slot, tag);
	tag->tid = task_id(task);
	report_exec(slot, tag, READ(__u64, (__u64)bprm, bprm_file), mismatch);
	return 0;
}

/* Failed, or only asked (AT_EXECVE_CHECK): its approval is for no other call. */
static __always_inline int exec_returned(long result)
{
	struct caller caller;

	if (result && caller_is_traced(&caller))
		drop_approval(tag_tid(caller.tag, bpf_get_current_task_btf()));
	return 0;
}

SEC("fexit/__x64_sys_execve")

int BPF_PROG(on_execve, const struct pt_regs *regs, long result)
{
	return exec_returned(result);
}

SEC("fexit/__x64_sys_execveat")

int BPF_PROG(on_execveat, const struct pt_regs *regs, long result)
{
	/* Success is 0 as well as "yes" to a question; after an exec there is none left to drop. */
	return exec_returned(result ? result : 1);
}

/* ---- opens ---- */

/*
 * Opened for a file system, with its own credentials and not the caller's: an overlay's file of
 * one of its layers, below the file that was opened.
 */
static __always_inline bool is_of_file_system(void)
{
	const __u64 task = (__u64)bpf_get_current_task_btf();

	return READ(__u64, task, task_cred) != READ(__u64, task, task_real_cred);
}

static __always_inline int open_begun(struct trace_tag *tag, struct trace_slot *slot, __u64 file,
				      __u32 nr)
{
	struct scratch *scratch = begun(tag, TRACE_RECORD_OPEN, nr);
	const __u64 added = take_file(scratch, slot, tag, file, false);

	if (!scratch)
		return 0;
	scratch->record.open_flags = READ(__u32, file, file_flags);
	scratch->record.labels = added;
	scratch->record.process_labels = tag_labels(slot, tag);
	record_finish(scratch->index);
	return 0;
}

SEC("lsm/file_open")

int BPF_PROG(on_file_open, struct file *file)
{
	struct caller caller;

	if (!caller_is_traced(&caller) || (NUMBER(__u32, file, file_flags) & FMODE_EXEC) ||
	    is_of_file_system())
		return 0;
	return open_begun(caller.tag, caller.slot, address_of(file), current_call());
}

/*
 * A descriptor from somebody else: whoever gets it can read it, wherever it was opened. Within an
 * open it is the answer to one that the gate carried out.
 */
SEC("lsm/file_receive")

int BPF_PROG(on_file_receive, struct file *file)
{
	const __u32 nr = current_call();
	struct caller caller;

	if (!caller_is_traced(&caller))
		return 0;
	if (call_kind(nr) == CALL_OPEN)
		return open_begun(caller.tag, caller.slot, address_of(file), nr);
	take_file(NULL, caller.slot, caller.tag, address_of(file), false);
	return 0;
}

/*
 * For the record; an open that succeeded was seen at file_open. On the system calls themselves:
 * do_sys_openat2, which all come through, is inlined on 7.2.
 */
static __always_inline int open_returned(const struct pt_regs *regs, long result)
{
	struct caller caller;
	__u32 nr;

	if (result >= 0 || !caller_is_traced(&caller))
		return 0;
	nr = (__u32)NUMBER(__u64, regs, regs_orig_ax);
	if (nr >= TRACE_SYSCALL_MAX || call_kind(nr) != CALL_OPEN)
		return 0;
	return call_open(caller.slot, caller.tag, (struct pt_regs *)regs, &call_roles[nr], result);
}

SEC("fexit/__x64_sys_openat")

int BPF_PROG(on_openat, const struct pt_regs *regs, long result)
{
	return open_returned(regs, result);
}

SEC("fexit/__x64_sys_open")

int BPF_PROG(on_open, const struct pt_regs *regs, long result)
{
	return open_returned(regs, result);
}

/* ---- connects ---- */

SEC("lsm/socket_connect")

int BPF_PROG(on_socket_connect, struct socket *sock, struct sockaddr *address)
{
	struct scratch *scratch;
	struct caller caller;

	if (!caller_is_traced(&caller))
		return 0;
	scratch = begun(caller.tag, TRACE_RECORD_CONNECT, current_call());
	if (!scratch)
		return 0;
	given_peer(scratch, GIVEN_BY_KERNEL, (__u64)address);
	record_finish(scratch->index);
	return 0;
}

/* ---- memory that can be run ---- */

/* Of the calls themselves: an exec maps its program, too. */
static __always_inline int map_begun(__u64 file, __u64 protection)
{
	const __u32 nr = current_call();
	struct scratch *scratch;
	struct caller caller;

	if (!(protection & PROT_EXEC) || !caller_is_traced(&caller) ||
	    !map_is_told(caller.slot, protection) || call_kind(nr) != CALL_MAP)
		return 0;
	scratch = map_begin(caller.tag, nr, file, (__u32)protection);
	if (!scratch)
		return 0;
	scratch->record.flags = TRACE_RECORD_BEGUN;
	record_finish(scratch->index);
	return 0;
}

SEC("lsm/mmap_file")

int BPF_PROG(on_mmap, struct file *file, unsigned long asked, unsigned long protection)
{
	return map_begun(address_of(file), protection);
}

/* Asked once for each part of what one call is about. */
SEC("lsm/file_mprotect")

int BPF_PROG(on_mprotect, struct vm_area_struct *vma, unsigned long asked, unsigned long protection)
{
	return map_begun(READ(__u64, address_of(vma), vma_file), protection);
}

/* ---- what a process may be, and files without a name ---- */

static __always_inline int beyond(struct trace_tag *tag, __u32 nr, long result, __u32 flags)
{
	const __u64 regs = (__u64)bpf_task_pt_regs(bpf_get_current_task_btf());
	struct scratch *scratch = record_begin(tag, TRACE_RECORD_CALL);

	if (!scratch)
		return 0;
	scratch->record.result = result;
	scratch->record.syscall = (__s16)nr;
	scratch->record.flags = flags;
	scratch->record.args[0] = READ(__u64, regs, regs_di);
	scratch->record.args[1] = READ(__u64, regs, regs_si);
	record_finish(scratch->index);
	return 0;
}

/* Once the kernel has agreed. An exec comes to these hooks as well, and unshare(2). */
static __always_inline int ids_begun(void)
{
	const __u32 nr = current_call();
	struct caller caller;

	if (!caller_is_traced(&caller) || call_kind(nr) != CALL_BEYOND)
		return 0;
	return beyond(caller.tag, nr, 0, TRACE_RECORD_BEGUN);
}

SEC("lsm/task_fix_setuid")

int BPF_PROG(on_setuid)
{
	return ids_begun();
}

SEC("lsm/task_fix_setgid")

int BPF_PROG(on_setgid)
{
	return ids_begun();
}

SEC("lsm/capset")

int BPF_PROG(on_capset)
{
	return ids_begun();
}

/* Failed ones, too. That groups were refused to who lacks the right comes to no hook. */
static __always_inline int beyond_returned(const struct pt_regs *regs, long result)
{
	struct caller caller;

	if (!caller_is_traced(&caller))
		return 0;
	return beyond(caller.tag, (__u32)NUMBER(__u64, regs, regs_orig_ax), result, 0);
}

SEC("fexit/__x64_sys_setgroups")

int BPF_PROG(on_setgroups, const struct pt_regs *regs, long result)
{
	return beyond_returned(regs, result);
}

SEC("fexit/__x64_sys_memfd_create")

int BPF_PROG(on_memfd, const struct pt_regs *regs, long result)
{
	return beyond_returned(regs, result);
}

/* ---- how labels go on ---- */

/* It costs each system call of the host, as long as it is attached. */
SEC("tp_btf/sys_exit")

int BPF_PROG(on_sys_exit, struct pt_regs *regs, long result)
{
	const struct call_roles *roles;
	struct caller caller;
	unsigned long nr;

	if (!caller_is_traced(&caller))
		return 0;
	nr = NUMBER(__u64, regs, regs_orig_ax);
	if (nr >= TRACE_SYSCALL_MAX)
		return 0;
	roles = &call_roles[nr];
	flows_come(caller.slot, caller.tag, regs, roles, result);
	flows_go(caller.slot, caller.tag, regs, roles, result);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
