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
 * opens with O_PATH. Nor what goes on from one process to another by what both hold open: a label
 * of one process counts as one of all.
 *
 * At bprm_check_security the new image's strings are copied, but mapped nowhere yet: program and
 * length are held to the approval there, the strings themselves at bprm_committed_creds.
 *
 * Whatever must hold is on such a hook. A program on a tracepoint or on the return of a function is
 * skipped where a task that it was running for was preempted by another one on the same CPU (seen
 * on 7.2); programs on security hooks never are. So the others here only report, or tidy up.
 *
 * The loader that bpftool makes holds 32 functions, programs among them; this object has as many,
 * and the build fails with one more.
 */
#define SCRATCHES 6 /* hooks can be preempted */

#include "monitor/bpf/report.h"
#include "monitor/bpf/tasks.h"

#define EPERM	   1
#define EAGAIN	   11
#define FMODE_EXEC 0x20u /* in f_flags: opened to be run */

struct file;
struct socket;
struct sockaddr;
struct path;
struct dentry;

/* The current task, if it is one of a session. */
struct caller {
	struct trace_tag *tag;
	struct trace_slot *slot;
};

static __always_inline bool caller_is_traced(struct caller *ret)
{
	struct trace_tag *tag = bpf_task_storage_get(&tags, bpf_get_current_task_btf(), NULL, 0);

	if (!tag)
		return false;
	ret->tag = tag;
	ret->slot = tag_slot(tag);
	if (ret->slot && (tag->flags & TRACE_TAG_CONDEMNED))
		bpf_send_signal(SIGKILL);
	return ret->slot;
}

/*
 * The address in a pointer. To the verifier a pointer of known type stays one through casts, and
 * functions that it looks at by themselves take none.
 */
static __always_inline __u64 address_of(const void *pointer)
{
	__u64 address = 0;

	bpf_probe_read_kernel(&address, sizeof(address), &pointer);
	return address;
}

/* The system call that the current task is in; TRACE_SYSCALL_MAX when it is none of ours. */
static __always_inline __u32 current_call(void)
{
	const __u64 regs = (__u64)bpf_task_pt_regs(bpf_get_current_task_btf());
	const __u64 nr = READ(__u64, regs, regs_orig_ax);

	return nr < TRACE_SYSCALL_MAX ? (__u32)nr : TRACE_SYSCALL_MAX;
}

static __always_inline __u32 call_kind(__u32 nr)
{
	return nr < TRACE_SYSCALL_MAX ? call_roles[nr].kind : (__u32)CALL_PLAIN;
}

static __always_inline struct scratch *begun(struct trace_tag *tag, __u32 kind, __u32 nr)
{
	struct scratch *scratch = record_begin(tag, kind);

	if (!scratch)
		return NULL;
	scratch->record.syscall = (__s16)nr;
	scratch->record.flags = TRACE_RECORD_BEGUN;
	return scratch;
}

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

/* ---- changes ---- */

/* A name in a folder: mount of the folder, dentry of the name. */
struct named {
	__u64 mount, dentry;
};

static __always_inline struct named named_in(const struct path *dir, const struct dentry *dentry)
{
	return (struct named){READ(__u64, (__u64)dir, path_mnt), address_of(dentry)};
}

static __always_inline struct named named(const struct path *path)
{
	return (struct named){READ(__u64, (__u64)path, path_mnt),
			      READ(__u64, (__u64)path, path_dentry)};
}

static __always_inline void change_place(struct scratch *scratch, __u32 which,
					 const struct named *named)
{
	struct walk_request request = {.mount = named->mount, .dentry = named->dentry};

	walk_up(scratch->index, which, &request);
}

/*
 * @second: the other name, or NULL. @text: what a link is to say, or NULL. Files are also made and
 * cut by opens, and named by bind(2): those are no changes here, as they are none at the gate.
 */
static __always_inline int change_begun(const struct named *first, const struct named *second,
					const char *text)
{
	const __u32 nr = current_call();
	struct scratch *scratch;
	struct caller caller;

	if (!first || !caller_is_traced(&caller) || call_kind(nr) != CALL_CHANGE)
		return 0;
	scratch = begun(caller.tag, TRACE_RECORD_CHANGE, nr);
	if (!scratch)
		return 0;
	change_place(scratch, 0, first);
	if (text)
		place_given(scratch, 1, GIVEN_BY_KERNEL, (__u64)text, TRACE_TEXT_BYTES);
	else if (second)
		change_place(scratch, 1, second);
	record_finish(scratch->index);
	return 0;
}

static __always_inline int changed(struct named named)
{
	return change_begun(&named, NULL, NULL);
}

SEC("lsm/path_unlink")

int BPF_PROG(on_unlink, const struct path *dir, struct dentry *dentry)
{
	return changed(named_in(dir, dentry));
}

SEC("lsm/path_rmdir")

int BPF_PROG(on_rmdir, const struct path *dir, struct dentry *dentry)
{
	return changed(named_in(dir, dentry));
}

SEC("lsm/path_mkdir")

int BPF_PROG(on_mkdir, const struct path *dir, struct dentry *dentry)
{
	return changed(named_in(dir, dentry));
}

SEC("lsm/path_mknod")

int BPF_PROG(on_mknod, const struct path *dir, struct dentry *dentry)
{
	return changed(named_in(dir, dentry));
}

SEC("lsm/path_truncate")

int BPF_PROG(on_truncate, const struct path *path)
{
	return changed(named(path));
}

SEC("lsm/path_chmod")

int BPF_PROG(on_chmod, const struct path *path)
{
	return changed(named(path));
}

SEC("lsm/path_chown")

int BPF_PROG(on_chown, const struct path *path)
{
	return changed(named(path));
}

SEC("lsm/path_symlink")

int BPF_PROG(on_symlink, const struct path *dir, struct dentry *dentry, const char *text)
{
	const struct named link = named_in(dir, dentry);

	return change_begun(&link, NULL, text);
}

/* Both in one mount: link(2) refuses anything else before. */
SEC("lsm/path_link")

int BPF_PROG(on_link, struct dentry *old, const struct path *dir, struct dentry *dentry)
{
	const struct named from = named_in(dir, old), to = named_in(dir, dentry);

	return change_begun(&from, &to, NULL);
}

SEC("lsm/path_rename")

int BPF_PROG(on_rename, const struct path *old_dir, struct dentry *old, const struct path *dir,
	     struct dentry *dentry)
{
	const struct named from = named_in(old_dir, old), to = named_in(dir, dentry);

	return change_begun(&from, &to, NULL);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
