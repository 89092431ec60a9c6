/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What really happened, from BPF programs in the kernel.
 *
 * Two back ends. "lsm" (monitor/bpf/lsm.bpf.c) is on the kernel's security hooks; it is taken where
 * the kernel has "bpf" among its security modules and takes the programs. "tracepoint"
 * (monitor/bpf/trace.bpf.c) sees every system call return. What they differ in stands below at what
 * it is about; CORDON_TRACE_BACKEND=auto|lsm|tracepoint in the environment chooses.
 *
 * One set of programs per supervisor serves all its sessions. A process is traced when its task
 * storage carries a tag (session slot, execution id); the tag is set on an execution's first
 * process before it execs and inherited at fork. Programs are attached while at least one session
 * is registered. No libuv here: the owner calls trace_drain() from a timer and before decisions.
 * Nothing wakes the consumer per event.
 *
 * OPEN: open, openat, openat2, creat, open_by_handle_at, failed ones too. CHANGE: rename*, link*,
 * symlink*, unlink*, rmdir, mkdir*, mknod*, truncate, ftruncate, *chmod*, *chown*, utime*,
 * *setxattr*, *removexattr*. tracepoint sees all as they return, also when seccomp refused them.
 * lsm sees them begin (`begun`): an open that the gate carried out, as its descriptor arrives;
 * failed opens as they return; of changes neither failed ones nor ftruncate, utime*, *xattr*.
 * O_PATH opens nothing there.
 *
 * CALL: tracepoint tells of all in monitor/bpf/calls.h; lsm of what sets ids and capabilities, as
 * it begins, and of setgroups and memfd_create, as they return.
 *
 * What a path is worth: of a file that was opened or executed, and of one changed through a
 * descriptor, it is the kernel's own, in the process's mount namespace ("..." stands for what was
 * too long). Of a failed open, of every other change and of a UNIX socket it is what the caller's
 * memory said at the return, after the folder it is relative to: another thread may have written
 * there meanwhile; with lsm only of a failed open, of a UNIX socket and of what a symbolic link is
 * to say, and the latter two are the kernel's copy. Such events have `claimed` set. What is claimed
 * is for the record; nothing that must hold may rest on it;
 * monitor/session/claimed_paths.h tells it by the names that rules know.
 *
 * What labels see: each open for reading, however the path led there (hard and symbolic links,
 * /proc/self/fd, a descriptor from O_PATH opened again), and each exec. On an overlay a hard link
 * is not seen to be one: there a labelled file that was changed counts as read once links were
 * made. What they do not see, each shown by tests/integration/test_trace_labels.c:
 *	- a descriptor that was open before its process was tagged, or came from a process that is
 *	  not traced: reading or mapping it is no open. The floor closes what it does not mean to
 *	  hand over. Within a session passing one on changes nothing: its open has set the label.
 *	  lsm does see one that comes from another process (SCM_RIGHTS, pidfd_getfd, the gate).
 *	- a file that is moved out of a labelled folder: it takes no label along. Label the file
 *	  too, or make the folder read-only.
 *	- tracepoint only: a descriptor that another thread replaces in the moment between its
 *	  creation and the return of its open; closing it there counts as having read everything.
 *
 * Which processes have a label: monitor/bpf/groups.h and flows.h say how labels go on, and
 * cordon-policy(5) what is not seen of it. With lsm that is seen while some session has labelled
 * files: each process of one that began before it had any has what its session has; and so it is in
 * all of them once the kernel has skipped a program that sees it (trace_skips).
 *
 * All sessions share one ring. A session may have no more in it, not yet drained, than is still
 * free, so that a flood loses events of its own and of nobody else; alone it has all of it. What is
 * enforced (approvals, labels) needs no room in the ring.
 *
 * A child for whose tag there was no memory is counted as lost, and its session gets every label.
 * Calls are counted by tracepoint, but for those that do not return (exit, exit_group) and
 * rt_sigreturn.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "monitor/exec_image.h"

struct trace;

enum trace_event_kind {
	TRACE_EXEC,
	TRACE_FORK,
	TRACE_EXIT,
	TRACE_OPEN,
	TRACE_CONNECT,
	TRACE_CHANGE,	     /* write-class path call */
	TRACE_EXEC_MISMATCH, /* the image is not what was approved; the process was killed */
	TRACE_EXEC_REFUSED,  /* the same, seen before it took effect: the call failed with EPERM */
	TRACE_CALL,	     /* a call that reaches beyond the program (monitor/bpf/calls.h) */
	TRACE_SIGNAL,	     /* sent by the program to another process */
	TRACE_LIMIT,	     /* a call failed since something was used up: ENOSPC and its like */
	TRACE_MAP,	     /* memory that can be run from here on; see trace_tell_maps() */
};

/* Why, as the result of EXEC_MISMATCH and EXEC_REFUSED; a text for it. */
const char *trace_mismatch_text(int64_t result);

/* One event as handed to the owner; strings are borrowed for the callback. */
struct trace_event {
	enum trace_event_kind kind;
	uint64_t time_ns; /* CLOCK_MONOTONIC */
	uint32_t slot;	  /* session slot, as given to trace_session_add */
	uint32_t exec_id;
	uint32_t pid; /* process (tgid) on the host */
	uint32_t tid;
	uint32_t parent_pid; /* FORK: the new process is pid, its parent parent_pid; EXEC, EXIT */
	int64_t result;	     /* return value; EXIT: wait status; SIGNAL: its number */
	int32_t syscall;     /* number, for OPEN, CONNECT, CHANGE, CALL, MAP; else -1 */
	bool created;	     /* OPEN: there was no such file before */
	bool begun;	     /* it was about to happen: result is 0, and not known */
	uint32_t flags;	     /* OPEN: open flags; MAP: the protection, PROT_EXEC among it */
	uint64_t dev, inode; /* of the file opened or executed, as the kernel has them */
	uint64_t labels;     /* labels that this open added to its session; map: of the file */
	uint64_t process_labels; /* that its process has, from then on */
	const char *path;   /* kernel's view where it can be had, else what the caller passed */
	const char *target; /* CHANGE with two paths */
	bool claimed;	    /* path or target is the caller's word alone */
	const char *comm;
	uint64_t args[2];     /* CALL: the first two arguments */
	const char *relation; /* SIGNAL: what who gets it is to the sender: "descendant", "sibling",
			       * "ancestor" or "other"; target is its name */
	uint32_t receiver;    /* SIGNAL: that one's pid; 0: it is not of the same execution */
	uint16_t family;      /* CONNECT */
	uint16_t port;	      /* host order */
	uint8_t address[16];
};

/* Emitted by the kernel = consumed + lost; counted in the kernel, per session. */
struct trace_counts {
	uint64_t emitted; /* tried to emit */
	uint64_t lost;	  /* ring full, or a table full */
	uint64_t consumed;
	uint64_t untraced; /* of those lost: children that go untraced until they exec */
};

typedef void (*trace_handler)(void *ctx, const struct trace_event *event);

/*
 * trace_open - loads the programs; nothing is attached yet.
 * Errors: -EPERM without the privilege, -EOPNOTSUPP without BTF or program types; the text says
 * what is missing and how to get it.
 */
int trace_open(trace_handler handler, void *ctx, struct trace **ret, struct error *err);
#define TRACE_RING_BYTES ((size_t)4 << 20)

/* What there is room for, where it is less than usual; for tests of what then happens. */
struct trace_room {
	size_t ring_bytes; /* a power of two pages; 0: TRACE_RING_BYTES */
	bool no_tags;	   /* no child can be marked as one of its session */
	/* Not room, but also less than there is: the programs for kernels before 6.16. */
	bool no_direct_reads;
};

int trace_open_with(trace_handler handler, void *ctx, const struct trace_room *room,
		    struct trace **ret, struct error *err);
struct trace *trace_close(struct trace *trace);

enum trace_backend {
	TRACE_BACKEND_AUTO, /* lsm, or tracepoint where that cannot be had */
	TRACE_BACKEND_LSM,
	TRACE_BACKEND_TRACEPOINT
};

/* What CORDON_TRACE_BACKEND says. Errors: -EINVAL if it is none of them. */
int trace_wanted_backend(enum trace_backend *ret, struct error *err);
/* "lsm" or "tracepoint". */
const char *trace_backend_name(const struct trace *trace);
/* Are its programs those for Linux 6.16 and later? They read the kernel's memory without calls. */
bool trace_reads_directly(const struct trace *trace);
/* Does it see system calls return, and count them; or only begin what they do? */
bool trace_sees_returns(const struct trace *trace);
/*
 * How often a program was not run though its event was there: the kernel skips one on a tracepoint,
 * or at the return of a function, where it was preempted on the same CPU. For whom is not known.
 */
uint64_t trace_skips(const struct trace *trace);
/*
 * Counts what was skipped since as lost, for every session, with tracepoint: there tags, labels and
 * the verification at exec may be among it. With lsm only reports are, and who has which label, of
 * which trace_drain() takes note. Costs a system call a program: for a timer.
 */
void trace_note_skips(struct trace *trace);

/* Attaches with the first session, detaches with the last. slot < MAX_SESSIONS, chosen by caller.
 */
int trace_session_add(struct trace *trace, uint32_t slot, struct error *err);
void trace_session_remove(struct trace *trace, uint32_t slot);
/* @linger: the last session does not detach; the owner does, later, by trace_detach_idle(). */
void trace_set_linger(struct trace *trace, bool linger);
/* Detaches if no session is left. */
void trace_detach_idle(struct trace *trace);

/*
 * Tags a process (by pidfd, before its first exec) as execution @exec_id of session @slot.
 * Errors: -ENOENT no such session, -ESRCH the process is gone.
 */
int trace_tag(struct trace *trace, int pid_fd, uint32_t slot, uint32_t exec_id);

/*
 * trace_approve_exec - the next exec of thread @tid may only become @image, of which all is held:
 * program, arguments, environment, name. The program's identity is the kernel's inode behind our
 * own descriptor, which the caller keeps open until the exec was seen or the thread went on: (dev,
 * ino) from stat(2) is no identity on overlayfs. A task that execs without a matching approval is
 * killed before its first instruction in user space (lsm: is refused, where program or length
 * differ), once trace_require_approval() said so for its session. An approval ends with the return
 * of the call, or with the thread. Errors: -E2BIG for a block over TRACE_BLOCK_MAX, -ENOSPC when
 * too many are pending.
 */
int trace_approve_exec(struct trace *trace, uint32_t slot, uint32_t exec_id, uint32_t tid,
		       const struct exec_image *image);
/* Takes an approval back whose thread ended before it was told. */
void trace_revoke_exec(struct trace *trace, uint32_t tid);
int trace_require_approval(struct trace *trace, uint32_t slot, bool required);

/*
 * trace_tell_maps - from here on memory of the session that becomes executable is an event: by
 * mmap, mprotect, pkey_mprotect or shmat; tracepoint tells failed ones, too, lsm sees them begin.
 * The path is that of the file it shows, empty for none and where it cannot be told (tracepoint: an
 * mprotect over several files, or beside another thread that maps). Files on a mount or a file
 * system that is read-only are left out, so that the start of a program costs nothing. Errors:
 * -ENOENT.
 */
int trace_tell_maps(struct trace *trace, uint32_t slot);

/*
 * From here on a connect of the session that returns is no event: all are carried out by the
 * caller, who tells of them. With lsm they are not seen anyway. Errors: -ENOENT.
 */
int trace_leave_connects(struct trace *trace, uint32_t slot);

/*
 * Of the return of thread @tid's connect there is no event if it fails with @code: the caller
 * refuses it and tells of it by itself. One a session: of several that are on their way, for the
 * last.
 */
void trace_note_refusal(struct trace *trace, uint32_t slot, uint32_t tid, int code);
/* That thread is in another call by now. */
void trace_forget_refusal(struct trace *trace, uint32_t slot, uint32_t tid);

/*
 * trace_label_file - reading the file (or anything below the folder) behind @file_fd adds @labels
 * to the session, in the kernel, before the open returns. The trace keeps a duplicate of the
 * descriptor, which pins the inode. Opening a folder itself, or a file only for writing, reads
 * nothing; executing a file reads it. Errors: -ENOSPC for more than 4096 of a session.
 */
int trace_label_file(struct trace *trace, uint32_t slot, int file_fd, uint64_t labels);
/*
 * trace_label_network - what a process of the session receives from outside of it adds @labels to
 * it: by a socket whose peer has no loopback address, or that has no peer. Errors: of
 * trace_label_file().
 */
int trace_label_network(struct trace *trace, uint32_t slot, uint64_t labels);
/*
 * What a file has: labels of its own and of folders above it, and those that somebody had who could
 * write it. All that there are if it cannot be asked for. Costs a system call once a file or the
 * network has labels.
 */
uint64_t trace_file_labels(struct trace *trace, uint32_t slot, int file_fd);
/* Labels that reads in the session have set so far; read from the kernel, no drain needed. */
uint64_t trace_session_labels(struct trace *trace, uint32_t slot);

/*
 * What the process with this id (on the host) has read or got from others: of the labels that its
 * session has. All of them for one that cannot be asked for. Costs a few system calls once a label
 * is set in the session, nothing before.
 */
uint64_t trace_process_labels(struct trace *trace, uint32_t slot, uint32_t pid);

/* Of these, what any process of the session may have: nobody can tell which ones do. */
uint64_t trace_everywhere_labels(struct trace *trace, uint32_t slot);

/* Takes labels from the session; a read from here on sets them again. */
void trace_session_clear_labels(struct trace *trace, uint32_t slot, uint64_t labels);

/* Hands every event that the kernel has so far to the handler. Return: events handled, or negative
 * errno. */
int trace_drain(struct trace *trace);
int trace_session_counts(struct trace *trace, uint32_t slot, struct trace_counts *ret);
/* Calls of system call @nr by the session so far; nr < TRACE_SYSCALLS. -EOPNOTSUPP: not counted. */
#define TRACE_SYSCALLS 512
int trace_syscall_counts(struct trace *trace, uint32_t slot, uint64_t counts[TRACE_SYSCALLS]);
