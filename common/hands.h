/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the supervisor and the hands of an execution say to each other.
 *
 * The hands carry out gated file operations: a process of the leaf with the program's user, root,
 * mounts and Landlock domain, so that nothing is done that the program could not do itself. One
 * SOCK_SEQPACKET socket an execution, one operation at a time, in two steps:
 *
 *	WALK	path(s), folder descriptors, everything the operation needs
 *	WALKED	errno, or where the walk ended: O_PATH descriptors that the hands hold on to
 *	DO	carry it out on these descriptors (or the next WALK: drop them)
 *	DONE	errno and, for an open, the descriptor; AGAIN: something moved, walk anew;
 *		DEFERRED: it blocks (a FIFO without a reader), and DONE with the same id follows
 *
 * A connection was judged before it comes here, and has one step: WALK, and DONE or DEFERRED. Where
 * it goes to a file, the judged one comes along, and the walk must end there.
 *
 * Who waits for whom. A message through a socket wakes its reader on an idle processor, which
 * takes longer than all that an operation needs. A notification of seccomp and its answer wake the
 * other side on the processor of the one that goes to sleep (SYNC_WAKE_UP, Linux 6.6). So the hands
 * are under a filter that notifies of recvmsg(2), the bell: the supervisor, which watches its
 * listener and not the socket, then has all that they said before, and answers when there is
 * something to receive. A process that waited for a FIFO rings by a recvmsg(2) on -1, and goes.
 *
 * Both ends come from one build on one machine, so the heads are plain structs.
 */

#include <stdint.h>
#include <time.h>

#include "common/limits.h"

enum hands_op {
	HANDS_OPEN,
	HANDS_TRUNCATE,
	HANDS_RENAME,
	HANDS_LINK,
	HANDS_SYMLINK,
	HANDS_UNLINK,
	HANDS_MKDIR,
	HANDS_MKNOD,
	HANDS_CHMOD,
	HANDS_CHOWN,
	HANDS_SETXATTR,
	HANDS_REMOVEXATTR,
	HANDS_UTIME,
	HANDS_BIND, /* a UNIX socket, whose descriptor comes behind those of the paths */
	/* Any socket, which comes last: with one path, the judged file (O_PATH) before it; or with
	   none, and the address as value */
	HANDS_CONNECT,
	HANDS_OPS
};

enum hands_step {
	HANDS_WALK,
	HANDS_DO,
	HANDS_WALKED,
	HANDS_DONE,
	HANDS_AGAIN,
	HANDS_DEFERRED
};

/* How one path is to be walked. */
enum hands_walk {
	HANDS_HAS_BASE = 1u << 0, /* a descriptor comes along: where a relative path starts */
	HANDS_FOLLOW = 1u << 1,	  /* a symbolic link as last component is followed */
	HANDS_ITSELF = 1u << 2,	  /* no path: the descriptor is the file */
};

/* The name that a socket gets, which getsockname(2) tells: the path as the caller wrote it, ... */
enum hands_name {
	HANDS_AS_WRITTEN, /* which the kernel walks anew: held below the folder by Landlock */
	HANDS_LAST,	  /* its last component, in the very folder */
};

#define HANDS_MAX_VALUE 65536u /* XATTR_SIZE_MAX */
#define HANDS_MAX_BYTES (HANDS_MAX_VALUE + 3u * MAX_PATH_BYTES)
#define HANDS_MAX_NAME	260u /* NAME_MAX, a slash, NUL */

struct hands_request {
	uint64_t id;
	uint32_t step; /* HANDS_WALK or HANDS_DO; the rest is for HANDS_WALK */
	uint32_t op;
	uint32_t flags; /* of open, renameat2, unlinkat (AT_REMOVEDIR), setxattr; for bind enum
			   hands_name, which counts in HANDS_DO */
	uint32_t mode;
	uint32_t umask;
	uint32_t uid, gid;
	uint32_t pid, tid; /* the caller's, in the leaf: what /proc/self is */
	uint32_t has_times;
	uint32_t walk[2]; /* enum hands_walk, by path */
	uint32_t paths; /* 1 or 2 (connect: 0 or 1); strings of the payload, each with its NUL; then
			   for symlink the text, for *xattr the name, and `value_len` bytes of value
			 */
	uint32_t value_len;
	int64_t size; /* truncate */
	uint64_t device;
	struct timespec times[2];
};

/* Where a path ended. */
struct hands_place {
	uint32_t has_parent, has_target; /* descriptors that come along, in this order */
	uint32_t mode;			 /* of the target, as st_mode */
	char last[HANDS_MAX_NAME];	 /* name in the parent, with the slash that was behind it */
};

struct hands_reply {
	uint64_t id;
	uint32_t step; /* HANDS_WALKED, HANDS_DONE, HANDS_AGAIN, HANDS_DEFERRED */
	int32_t error; /* positive errno; 0: none */
	struct hands_place place[2];
};
