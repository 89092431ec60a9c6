/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The inside of a session, shared by its files:
 *
 *	session.c	life: start, end
 *	session_hello.c	what the floor says of itself, by which it gets ready
 *	session_trace.c	what the trace looks for, and what is assumed where nobody looks
 *	session_record.c the first event, the last one, and those that are no actions
 *	session_room.c	what may be taken of the host's disk without being written
 *	session_socket.c sockets in its network; what of that leads out is session_net.h
 *	control.c	the socket to the session's init, with a queue of what it could not take yet
 *	execution.c	one execution: its timer, its result; execution_gate.c, its gate
 *	ending.c	what its end tells of an execution: limits it ran into, what was left
 *	usage.c		what executions use while they run, where a rule asks; proc_usage.c reads it
 *
 * An action is decided by judge.h, waits in ask/waiting.h, and what is missing of what it rests on
 * is told by loss.h. What really happened comes in by observe.h.
 */

#include <utlist.h>
#include <uv.h>

#include "common/buf.h"
#include "common/proto.h"
#include "monitor/ask/waiting.h"
#include "monitor/gate/gate.h"
#include "monitor/lineage.h"
#include "monitor/past.h"
#include "monitor/session/loss.h"
#include "monitor/session/proc_usage.h"
#include "monitor/session/session.h"
#include "monitor/supervisor_internal.h"

enum session_stage {
	SESSION_STARTING,
	SESSION_READY,
	SESSION_ENDING,
	SESSION_CLOSED
};

/* A message that waits for room in the socket. */
struct outgoing {
	struct msg head;
	char *payload;
	struct msg_fds fds;
	struct outgoing *next, *prev;
};

struct owned_label {
	char *path;
	char *name;
};

struct execution {
	struct session *session; /* borrowed: outlives its executions */
	uint32_t id;
	bool kill_sent;
	char *call_id;
	char *tool;
	uint32_t declared;
	bool asks_names;    /* has turned to the session's name server */
	struct gate *gate;  /* NULL before READY */
	int program_pidfd;  /* -1 before READY */
	int early_signal;   /* to be sent at READY; 0: none */
	uv_timer_t timeout; /* its close callback frees the execution */
	bool tty;
	const struct exec_ops *ops;
	void *ctx;
	uint64_t started_ns;
	uint32_t leaf_pid;	 /* on the host; 0: not known, or nobody asks */
	uint64_t leaf_started;	 /* in ticks since boot */
	struct proc_usage usage; /* as last told */
	struct exec_result result;
	struct execution *next, *prev;
};

struct socket_order;  /* session_socket.c */
struct session_net;   /* session_net.c */
struct session_decoy; /* session_decoy.c */

/* On the host's disk, for what is taken there without being written; session_room.c. */
struct room {
	bool is_counted; /* the keeper has told; else nothing of the session is there */
	uint64_t left;	 /* as last told */
	/* What was let through in this second and the one before: the keeper may not have seen it
	 * yet. */
	uint64_t now, before;
	uint64_t second;
	uint32_t told_of; /* the execution that was told last that there is none */
};

struct session {
	struct supervisor *supervisor; /* borrowed */
	const struct policy *policy;   /* borrowed */
	enum monitor_mode mode;
	struct approver *approver; /* borrowed; NULL: nobody can be asked */
	uint32_t approver_timeout_ms;
	struct waiting pendings;
	struct trace *trace; /* borrowed from the supervisor; NULL: this session is not traced */
	const struct session_ops *ops;
	void *ctx;
	char *id;
	char *workspace;
	const char *const *env; /* borrowed */
	struct owned_label *labels;
	size_t label_count;
	uint32_t slot;
	bool has_slot;
	enum session_stage stage;

	int control_fd;
	uv_poll_t control;
	struct outgoing *outbox;
	unsigned waiting;  /* of these with a payload */
	char *inbox;	   /* MAX_MESSAGE_BYTES, for msg_recv */
	uv_timer_t ending; /* grace after BYE, and "fail from the loop, not from here" */
	struct socket_order *orders;
	uint32_t last_order;
	struct net_config net_config; /* borrowed strings */
	struct publish *publish;      /* owned; NULL: nothing is published */
	struct session_net *net;      /* owned; NULL: the network leads nowhere */
	unsigned handles; /* open libuv handles; the last one's close frees the session */

	struct record *record;
	struct redactor *redactor; /* owned; NULL: nothing is protected */
	struct policy_state *state;
	struct lineages *lineages; /* owned; NULL before it is ready, and without a trace */
	struct past *past;	   /* owned; NULL where no rule asks for it */
	struct claimed_paths *claimed_paths; /* owned; NULL where the trace tells of no path */
	bool tells_lineage;		     /* in each event: a rule reads it */
	bool tells_file_labels;		     /* likewise of what is run */
	uint64_t labels_recorded;	     /* label bits that the record has already told of */
	uint64_t everywhere_recorded;	     /* the same of those that any process may have */
	bool labels_assumed; /* all of them are set, since nobody sees what is read */
	struct execution *executions;
	uint32_t last_exec_id;
	char **layers;		 /* NULL-terminated, owned */
	int diag_fd;		 /* tells of its sockets; 0: no need */
	const char **host_bound; /* owned; its strings are parts of layers, NULL-terminated */
	const char **writable;	 /* likewise: these and the private folder, lite only; or NULL */
	bool gates_files;	 /* writing opens and path changes are decided before */
	bool carries_connects;	 /* a path may lead to a socket of the host's, and a rule is on that
				  */
	struct session_totals totals;
	struct loss loss;

	struct {
		uint64_t memory_kills, refused_forks; /* as its init has counted them */
	} limits;
	struct room room;

	struct {
		bool is_needed;
		uint64_t next_ns; /* when to look again */
	} usage;
	struct error failure;
	bool failed;
};

/* session.c */
void session_fail(struct session *session, const struct error *err);
void session_tick(struct session *session);
void session_on_lost_init(struct session *session);
void session_handle_closed(struct session *session);

/* session_hello.c */
void session_on_hello(struct session *session, const struct msg *m, const char *payload,
		      struct msg_fds *fds);

/* session_trace.c */
/* @root_fd: the session's root directory. */
int session_trace_start(struct session *session, int root_fd, struct error *err);
/* Nobody can tell any more what was read: all labels that exist count as set. */
void session_assume_labels(struct session *session);
/* The same of what rules with a sequence wait for. @from_start: there is no trace at all. */
void session_assume_steps(struct session *session, bool from_start);

/* control.c */
int control_open(struct session *session, int control_fd, struct error *err);
/* Errors: -ENOBUFS for a payload when MAX_OUTBOX of them wait already. */
int control_send(struct session *session, const struct msg *m, const char *payload, const int *fds,
		 unsigned fd_count);
void control_close(struct session *session);

/* session_room.c */
void session_on_room(struct session *session, const struct msg *m);
/* Whether a program may have so many bytes of the disk; takes them off. */
bool session_may_take(struct execution *execution, uint64_t bytes);

/* session_socket.c */
/* @result: the socket, non-blocking, the callee's; or a negative errno. */
typedef void (*socket_cb)(void *ctx, int result);
/*
 * Has the init make a socket in the session's network, at a numeric address inside. @done comes
 * once, from the loop. Errors: -EPIPE while the session is not ready or ends, -ENOBUFS.
 */
int session_ask_socket(struct session *session, enum socket_kind kind, const char *address,
		       uint16_t port, socket_cb done, void *ctx);
void session_on_socket(struct session *session, const struct msg *m, struct msg_fds *fds);
/* What was asked for will not come. */
void session_end_orders(struct session *session);

/* execution.c */
struct execution *execution_find(struct session *session, uint32_t exec_id);
void execution_on_ready(struct session *session, const struct msg *m, struct msg_fds *fds);
void execution_on_exit(struct session *session, const struct msg *m, const char *payload);
void execution_kill(struct execution *execution);
/* An action of it was: its result tells of the last one, and what kills ends it. */
void execution_refused(struct execution *execution, const struct denial *denial);
/* The init is gone: every execution is over; reports each as killed. */
void execution_end_all(struct session *session);
/* execution_gate.c; their context is the execution. */
extern const struct gate_ops execution_gate_ops;

/* session_record.c */
/* The wall clock's time as the member "utc". */
void session_put_utc(const struct session *session, struct json_writer *w);
void session_record_start(struct session *session);
/* Closes the record; the session has failed if that cannot be written. */
void session_record_end(struct session *session);
/* An event; the caller writes members and ends it with event_end(). */
struct json_writer *event_begin_as(struct session *session, const struct event_head *head);
/* The same of one that is no action. */
struct json_writer *event_begin(struct session *session, const char *kind, const char *call,
				uint32_t exec_id);
void event_end(struct session *session);
/* The record cannot be written: the session ends. */
void event_failed(struct session *session, int reason);

/* usage.c */
/* Errors: -EOPNOTSUPP if a rule needs what this kernel does not tell. */
int usage_start(struct session *session, struct error *err);
/* From READY on, with the program's pidfd there. */
void usage_of_leaf(struct execution *execution);
void usage_tick(struct session *session);
/* With its result there. */
void usage_end(struct execution *execution);

/* ending.c */
/* What is told of an execution by no process of it. */
struct action execution_action(const struct execution *execution, enum action_kind kind);
/* With its EXIT there, and the trace drained. */
void ending_note(struct execution *execution, const struct msg *m, const char *payload);
