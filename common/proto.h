/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the supervisor and a session's init say to each other.
 *
 * One SOCK_SEQPACKET socket pair a session; one message a datagram: a fixed head, then strings each
 * ended by NUL, file descriptors by SCM_RIGHTS. Both ends come from one build on one machine, so
 * the head is a plain struct; each side still checks every length, since the peer may have been
 * taken over.
 *
 *	HELLO	init -> supervisor: the floor stands; strings "layer=state": which walls hold;
 *		fd: the session's root directory (O_PATH)
 *	EXEC	supervisor -> init: start an execution; fds: stdin, stdout, stderr
 *	READY	init -> supervisor: about to exec; fds: listener (if gated), pidfd, socket and
 *		bell of the hands (if files), pty (if tty)
 *	KILL	supervisor -> init: end execution `exec` and everything in its leaf
 *	EXIT	init -> supervisor: execution over, its leaf is empty; strings: what went wrong,
 *		then of each process that was running when its program had ended, up to
 *		LEFT_MAX, one of enum left_how, one of LEFT_OF_..., and its program
 *	SOCKET	supervisor -> init: make a socket in the session's network;
 *		init -> supervisor: fd: it
 *	ERROR	either: text; from init before HELLO: the sandbox could not be built
 *	ROOM	keeper -> supervisor: msg.room: bytes of the host's disk that may be taken without
 *		being written. Comes from the start on where any are counted, HELLO or not
 *	BYE	supervisor -> init: end the session (closing the socket does the same)
 *
 * Order for one execution: EXEC, then READY or EXIT, then EXIT if READY came.
 */

#include <stddef.h>
#include <stdint.h>

#include "common/limits.h"
#include "common/packet.h"

enum msg_type {
	MSG_HELLO = 1,
	MSG_EXEC,
	MSG_READY,
	MSG_KILL,
	MSG_EXIT,
	MSG_ERROR,
	MSG_BYE,
	MSG_SOCKET,
	MSG_ROOM
};

enum exec_flags {
	EXEC_TTY = 1u << 0,  /* run on a new pty of the session; its master comes with READY */
	EXEC_GATE = 1u << 1, /* install the filter that notifies; a listener comes with READY */
	/* With EXEC_GATE: it notifies of writing opens and path changes too, which the hands carry
	   out */
	EXEC_FILES = 1u << 2,
	/* With EXEC_GATE: the hands make its connections, and it has no UNIX socket that sends
	   without one */
	EXEC_CONNECTS = 1u << 3,
	/* With either, socket and bell of the hands (common/hands.h) come with READY. */
	EXEC_WITH_HANDS = EXEC_FILES | EXEC_CONNECTS,
};

/*
 * What SOCKET asks for, in msg.flags; the first string is a numeric address, msg.status the port,
 * msg.exec a number that the answer has too. There msg.status is 0, or a negative errno and no fd.
 */
enum socket_kind {
	SOCKET_LISTEN,	 /* TCP, listening there */
	SOCKET_DATAGRAM, /* UDP, bound there; tells of each datagram where it was sent to */
	SOCKET_CONNECT,	 /* TCP, its connection to there begun */
	SOCKET_DIAG, /* sock_diag(7): tells of the namespace's sockets; the address is not used */
};

/* How an execution ended, in msg.outcome of EXIT. */
enum exec_outcome {
	EXEC_EXITED,	  /* msg.status is the exit status */
	EXEC_SIGNALED,	  /* msg.status is the signal */
	EXEC_NOT_STARTED, /* execve failed: msg.status is the errno (ENOENT, EACCES, EPERM, ...) */
	EXEC_SETUP_ERROR, /* a wall could not be put up: first string is the text */
};

/* How a process stands that was running when the program of its call had ended: a letter. */
enum left_how {
	LEFT_ATTACHED = 'a',	/* in the terminal session of that program */
	LEFT_OWN_SESSION = 's', /* in one that it or another made, which is there: setsid(2) */
	LEFT_ORPHAN = 'o',	/* in one whose leader has ended: a double fork */
};

#define LEFT_OF_IMAGE	'i'
#define LEFT_OF_SESSION 's'
#define LEFT_UNKNOWN	'u' /* its program may not be looked up: its own name for itself */

struct msg {
	uint32_t type;	/* enum msg_type */
	uint32_t exec;	/* execution id, given by the supervisor, unique in the session, from 1 */
	uint32_t flags; /* EXEC: enum exec_flags */
	uint32_t outcome;
	int32_t status;
	uint32_t argc;	       /* EXEC: number of argv strings, after cwd */
	uint32_t envc;	       /* EXEC: number of environment strings, after argv */
	uint32_t payload_len;  /* bytes of strings that follow; each string ends in NUL */
	uint32_t left;	       /* EXIT: processes that were running when the program had ended */
	uint64_t max_rss_kib;  /* EXIT */
	uint64_t user_time_us; /* EXIT */
	uint64_t system_time_us;
	/* EXIT: of the session since it began, where a cgroup counts */
	uint64_t memory_kills;	/* processes ended for want of memory */
	uint64_t refused_forks; /* processes that could not be made */
	uint64_t disk_ends;	/* calls that the keeper ended for what they took of the disk, */
	uint64_t layer_bytes;	/* of which the session may have so much; 0: none is counted */
	uint64_t room;		/* ROOM */
};

/* Sends one message; blocks only if the socket does. The fds stay with the caller. */
int msg_send(int socket_fd, const struct msg *m, const char *payload, const int *fds,
	     unsigned fd_count);

/*
 * msg_recv - one message.
 * @payload: at least MAX_MESSAGE_BYTES. Received fds are O_CLOEXEC and belong to the caller, also
 * those in excess are never leaked.
 * Return: 0, MSG_EOF when the peer is gone, -EAGAIN, -EPROTO for anything malformed.
 */
int msg_recv(int socket_fd, struct msg *ret_m, char *payload, struct msg_fds *ret_fds);

/* The next string of a payload, NULL at its end. `*at` starts at 0. */
const char *msg_next_string(const struct msg *m, const char *payload, size_t *at);
