/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once

/*
 * What the programs in the kernel and their reader (monitor/trace) share. Fixed widths, explicit
 * padding; both sides are built together, and the size checks below hold them to it.
 */

#include <linux/types.h>

#define TRACE_SLOTS	       4096u /* as MAX_SESSIONS */
#define TRACE_SYSCALL_MAX      512u
#define TRACE_TEXT_BYTES       4096u /* one string or one chain of names of a record */
#define TRACE_TEXT_MAX	       (4u * TRACE_TEXT_BYTES)
#define TRACE_WALK_MAX	       1024u /* folders walked up from a file */
#define TRACE_APPROVAL_MAX     4096u
#define TRACE_LABEL_MAX	       16384u
#define TRACE_GROUP_MAX	       16384u /* processes, of all sessions */
#define TRACE_FLOW_MAX	       16384u /* objects that have labels, of all sessions */
#define TRACE_FLOW_SESSION_MAX 8192u
#define TRACE_BLOCK_MAX	       (512u << 10) /* strings of one exec */
#define TRACE_CHUNK_WORDS      4u /* they are hashed in chunks, the last filled with zeros */
#define TRACE_CHUNK_BYTES      (TRACE_CHUNK_WORDS * sizeof(__u64))

enum trace_session_flags {
	TRACE_SESSION_VERIFY = 1u << 0,	  /* an exec without a matching approval is killed */
	TRACE_SESSION_LABELS = 1u << 1,	  /* labelled files exist: look each opened file up */
	TRACE_SESSION_TERMINAL = 1u << 2, /* it has made a pseudo-terminal */
	TRACE_SESSION_MAPS = 1u << 3,	  /* memory that can be run makes records */
	TRACE_SESSION_CONNECTS = 1u << 4, /* somebody else makes its connections, and tells */
};

/*
 * X(name, number): system calls of which ordinary programs make most. They are counted in the slot,
 * which is at hand; all others in a map that has to be searched.
 */
#define TRACE_OFTEN(X) \
	X(READ, 0)     \
	X(WRITE, 1)    \
	X(CLOSE, 3)    \
	X(FSTAT, 5)    \
	X(LSEEK, 8)    \
	X(MMAP, 9)     \
	X(OPENAT, 257) \
	X(NEWFSTATAT, 262)
#define TRACE_OFTEN_MAX 8u /* a power of two */

#define TRACE_OFTEN_NAME(name, number) TRACE_OFTEN_##name,

enum trace_often {
	TRACE_SELDOM,
	TRACE_OFTEN(TRACE_OFTEN_NAME)
};

#undef TRACE_OFTEN_NAME

/*
 * One a slot, in an array that the reader has mapped: reading labels needs no system call. What is
 * asked at every call and hardly ever changes has a cache line of its own, apart from what each
 * event changes, and that from what each call does.
 */
struct trace_slot {
	__u32 generation;  /* tags and records of another generation belong to a session gone */
	__u32 flags;	   /* enum trace_session_flags */
	__u64 labels;	   /* set so far */
	__u64 every_label; /* union of all labels of the session's files */
	__u64 everywhere;  /* labels that any process of it may have */
	__u64 unplaced;	   /* labels of what has no object of its own; see flows.h */
	__u32 flows;	   /* objects with labels */
	__u32 reserved;
	__u64 network; /* labels of what comes from outside of the session */
	__u32 reserved_as_well[2];
	__u64 emitted;
	__u64 lost;
	__u64 unkilled; /* SIGKILL that could not be sent at once */
	__u64 untraced; /* children for whose tag there was no memory */
	/* Bytes of its records, put into the ring and taken out of it by the reader; they wrap. */
	__u32 put, taken;
	__u64 refused; /* trace_refusal() of the connect that the owner refused last, until it
			  returns */
	__u64 reserved_too[2];
	__u64 often[TRACE_OFTEN_MAX]; /* calls, by enum trace_often - 1 */
};

_Static_assert(sizeof(struct trace_slot) == 192 &&
		       __builtin_offsetof(struct trace_slot, emitted) == 64 &&
		       __builtin_offsetof(struct trace_slot, often) == 128,
	       "three cache lines, no padding");
_Static_assert((__u32)TRACE_OFTEN_NEWFSTATAT == TRACE_OFTEN_MAX, "a place for each");

/* A system call of thread @tid that is to fail with @code, and of which there is nothing to tell.
 */
static inline __u64 trace_refusal(__u32 tid, __u32 code)
{
	return (__u64)tid << 32 | code;
}

enum trace_tag_flags {
	TRACE_TAG_CONDEMNED = 1u << 0, /* to be killed at the next chance */
};

/* The task storage of a traced thread. */
struct trace_tag {
	__u32 slot;
	__u32 generation;
	__u32 exec_id;
	__u32 tid; /* its own, in the reader's pid namespace; 0: not looked up yet */
	__u32 flags;
	__u32 signalled; /* process and number of the signal that it sent last */
	__u32 limited;	 /* the call and errno of the limit that it ran into last */
	__u32 reserved;
	__u64 group;  /* of processes that share memory; struct trace_group by this number */
	__u64 spread; /* labels that all has which this thread can write */
};

_Static_assert(sizeof(struct trace_tag) == 48, "no padding");

/* Groups that the reader makes have this bit in their number. */
#define TRACE_GROUP_OF_READER (1ull << 63)

enum trace_group_flags {
	TRACE_GROUP_SHARES = 1u << 0, /* it has memory that others may have, too */
};

struct trace_group {
	__u64 labels;
	__u32 processes;
	__u32 flags; /* enum trace_group_flags */
};

_Static_assert(sizeof(struct trace_group) == 16, "no padding");

struct trace_label_key {
	__u64 inode; /* address of the kernel's struct inode */
	__u32 slot;
	__u32 generation;
};

_Static_assert(sizeof(struct trace_label_key) == 16, "no padding");

/* A file, a pipe, a socket: as it is known for as long as it lives, in memory or not. */
struct trace_flow_key {
	__u64 number;  /* i_ino */
	__u32 device;  /* as in a record */
	__u32 version; /* i_generation */
	__u32 slot;
	__u32 generation;
};

_Static_assert(sizeof(struct trace_flow_key) == 24, "no padding");

/* What the next exec of a thread may become; see monitor/exec_image.h. */
struct trace_approval {
	__u64 inode; /* address of the kernel's struct inode */
	__u64 hash;  /* of the whole block, filled up with zeros to whole chunks */
	__u32 argv_bytes, env_bytes, name_bytes;
	__u32 slot;
	__u32 generation;
	__u32 exec_id;
};

_Static_assert(sizeof(struct trace_approval) == 40, "no padding");

/* Why an image is not what was approved: result of TRACE_RECORD_EXEC_MISMATCH and REFUSED. */
enum trace_mismatch {
	TRACE_MISMATCH_NONE,
	TRACE_MISMATCH_NOT_APPROVED, /* nothing was approved for this thread */
	TRACE_MISMATCH_PROGRAM,
	TRACE_MISMATCH_ARGUMENTS,   /* their length already */
	TRACE_MISMATCH_ENVIRONMENT, /* its length already */
	TRACE_MISMATCH_STRINGS,	    /* arguments, environment or name; no telling which */
	TRACE_MISMATCH_UNREADABLE,  /* they cannot be read: counts as different */
};

struct trace_counters {
	__u64 calls[TRACE_SYSCALL_MAX];
};

enum trace_control_op {
	TRACE_CONTROL_LEVEL,   /* takes down the reader's depth of pid namespace */
	TRACE_CONTROL_INODE,   /* ret_inode = the inode behind fd */
	TRACE_CONTROL_APPROVE, /* the next exec of tid may become the inode behind fd */
	TRACE_CONTROL_LABEL,   /* label the inode behind fd in (slot, generation) */
	TRACE_CONTROL_LABELS,  /* labels = those of the file behind fd there */
};

/* Argument of the program that runs in the reader's own context. */
struct trace_control {
	__u32 op;
	__u32 fd;
	__u32 tid;
	__u32 slot;
	__u32 generation;
	__s32 ret; /* 0 or negative errno */
	__u64 labels;
	struct trace_approval approval; /* its inode is filled in, for every op with an fd */
};

_Static_assert(sizeof(struct trace_control) == 72, "no padding");

enum trace_record_kind {
	TRACE_RECORD_EXEC,
	TRACE_RECORD_FORK,
	TRACE_RECORD_EXIT,
	TRACE_RECORD_OPEN,
	TRACE_RECORD_CONNECT,
	TRACE_RECORD_CHANGE,
	TRACE_RECORD_EXEC_MISMATCH,
	TRACE_RECORD_EXEC_REFUSED, /* the same, and the call failed: nothing was loaded */
	TRACE_RECORD_CALL,	   /* a system call that reaches beyond the program: args */
	TRACE_RECORD_SIGNAL,	   /* sent to another process: result is its number, open_flags an
				      enum trace_relation, address the comm of who gets it,
				      parent_pid that one's number if it is of the same execution,
				      else 0 */
	TRACE_RECORD_LIMIT,	   /* a system call failed since something was used up: args */
	TRACE_RECORD_MAP,	   /* memory can be run from here on: open_flags is its protection,
				      the first place what it shows, no place: no file */
};

/* What the process that gets a signal is to the one that sends it. */
enum trace_relation {
	TRACE_RELATION_SELF,
	TRACE_RELATION_DESCENDANT,
	TRACE_RELATION_SIBLING,	 /* descends from the sender's parent, or did (is_own_daemon()) */
	TRACE_RELATION_ANCESTOR, /* of the same execution */
	TRACE_RELATION_OTHER,
};

enum trace_record_flags {
	TRACE_RECORD_BEGUN = 1u << 0,	/* seen as it began: how it went is not known */
	TRACE_RECORD_CREATED = 1u << 1, /* the file that was opened was made by that */
};

/*
 * A place in the file system, as text parts in this order: what the caller passed (NUL-ended), then
 * names from a dentry up to the root of the mount namespace, leaf first, each NUL-ended.
 */
struct trace_place {
	__u16 given_bytes;
	__u16 names_bytes;
	__u32 flags; /* enum trace_place_flags */
};

enum trace_place_flags {
	TRACE_PLACE_ROOTED =
		1u << 0,	   /* the names reach the root; else they start somewhere below */
	TRACE_PLACE_CUT = 1u << 1, /* too long or too deep: text is missing */
};

struct trace_record {
	__u32 kind; /* enum trace_record_kind */
	__u32 size; /* with the text behind */
	__u64 time_ns;
	__u32 slot;
	__u32 generation;
	__u32 exec_id;
	__u32 pid;
	__u32 tid;
	__u32 parent_pid;
	__s16 syscall;
	__u16 flags; /* enum trace_record_flags */
	__u32 open_flags;
	__s64 result;
	__u64 inode;
	__u32 device; /* the kernel's encoding: major << 20 | minor */
	__u16 family;
	__u16 port; /* network order */
	__u64 labels;
	__u64 process_labels; /* that its process has now */

	union {
		__u8 address[16];
		__u64 args[2];
	};

	char comm[16];
	struct trace_place place[2];
};

_Static_assert(sizeof(struct trace_record) == 136, "no padding");
