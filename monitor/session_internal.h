/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The inside of a session, shared by its files:
 *
 *	session.c	life: start, ready, end
 *	control.c	the socket to the session's init, with a queue of what it could not take yet
 *	execution.c	one execution: its gate, its timer, its result
 *	session_room.c	what may be taken of the host's disk without being written
 *	session_socket.c sockets in its network
 *	session_dns.c	the name server there
 *	session_net.c	what of that leads out: the relay, behind the gate
 *	session_relay.c	what the relay asks policy, and tells the record
 *	session_decoy.c	what answers there in place of whom a program means
 *	judge.c		action -> drained trace -> policy -> record -> answer
 *	judge_told.c	the event of a verdict, and what who was refused is told
 *	pending.c	actions that wait: ask.c, for an answer (approver.h); turn.c, for their turn
 *	approval.c	what an answer says, and for what it holds; question.c, what is asked
 *	loss.c		what was lost -> policy's on_loss -> record, and what it refuses from then
 *			on
 *	observe.c	trace event -> action -> policy -> record
 *	ending.c	what its end tells of an execution: limits it ran into, what was left
 *	usage.c		what executions use while they run, where a rule asks; proc_usage.c reads it
 */

#include <utlist.h>
#include <uv.h>

#include "common/buf.h"
#include "common/proto.h"
#include "monitor/ask/approval.h"
#include "monitor/gate/gate.h"
#include "monitor/lineage.h"
#include "monitor/past.h"
#include "monitor/proc_usage.h"
#include "monitor/session.h"
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

enum loss_cause {
	LOSS_NONE,
	LOSS_EVENTS,   /* the trace's ring was full */
	LOSS_CHILD,    /* no memory to mark a child as traced */
	LOSS_APPROVAL, /* no room for what a program must be */
	LOSS_CLOCK,    /* the wall clock was set */
	LOSS_SEQUENCE, /* policy had no room to remember what a sequence was about */
	LOSSES
};

/* What of a session waits; pending.c. */
struct waiting {
	struct pending *list;
	unsigned questions, throttled; /* open ones */
	uint64_t last_question;
	struct grant *grants;
	unsigned grant_count;
	uint64_t *turn_ns; /* by rule: when the next one may go on; NULL until one throttles */
	uv_timer_t timer;
};

struct socket_order;  /* session_socket.c */
struct session_net;   /* session_net.c */
struct session_decoy; /* session_decoy.c */

struct loss {
	enum loss_cause cause;	   /* the first one; the session goes by it */
	uint64_t seq;		   /* its event */
	uint64_t events, children; /* lost so far, as the record tells it */
	uint64_t sequences;
};

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
	struct lineages *lineages;    /* owned; NULL before it is ready, and without a trace */
	struct past *past;	      /* owned; NULL where no rule asks for it */
	bool tells_lineage;	      /* in each event: a rule reads it */
	bool tells_file_labels;	      /* likewise of what is run */
	uint64_t labels_recorded;     /* label bits that the record has already told of */
	uint64_t everywhere_recorded; /* the same of those that any process may have */
	bool labels_assumed;	      /* all of them are set, since nobody sees what is read */
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
		uint64_t memory_kills, refused_forks, disk_ends; /* as its init has counted them */
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
/* Nobody can tell any more what was read: all labels that exist count as set. */
void session_assume_labels(struct session *session);
/* The same of what rules with a sequence wait for. @from_start: there is no trace at all. */
void session_assume_steps(struct session *session, bool from_start);
void session_handle_closed(struct session *session);

/* control.c */
int control_open(struct session *session, int control_fd, struct error *err);
/* Errors: -ENOBUFS for a payload when MAX_OUTBOX of them wait already. */
int control_send(struct session *session, const struct msg *m, const char *payload, const int *fds,
		 unsigned fd_count);
void control_close(struct session *session);
void session_on_hello(struct session *session, const struct msg *m, const char *payload,
		      struct msg_fds *fds);
void session_on_lost_init(struct session *session);

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

/* session_dns.c */
struct names;
struct session_dns;
/* Makes the session ready, or fails it, once it is known whether the server stands. */
struct session_dns *session_dns_start(struct session *session, struct names *names);
/* Frees it, later. */
void session_dns_end(struct session_dns *dns);

/* session_decoy.c */
struct canaries; /* monitor/net/canary.h */
struct judgement;
struct relay_arrival;
/*
 * Whether the decoy internet answers what would else be refused, or let out: of the verdict decoy,
 * and with the network "decoy" of all that leads out and that nobody has to be asked about.
 */
bool session_decoy_answers(const struct session *session, const struct action *action,
			   const struct judgement *judgement);
/* Errors: policy has decoys and there is none, or it cannot be made. *ret is NULL if none is
 * needed.
 */
int session_decoy_start(struct session *session, struct session_decoy **ret, struct error *err);
/* Those that the decoys give away: what a program got from them is not to leave either. */
int session_decoy_canaries(const struct session_decoy *ours, struct canaries *canaries,
			   struct error *err);
/* A connection that it answers has arrived; the socket is taken over. */
int session_decoy_serve(struct session_decoy *ours, const struct relay_arrival *arrival);
/* Every connection ends now; frees it, later. */
void session_decoy_end(struct session_decoy *ours);

/* session_net.c; without a relayed network all of it does nothing. */
/* With one, the session is ready when session_dns.c says so. */
int session_net_start(struct session *session, struct error *err);
void session_net_drop_execution(struct execution *execution);
void session_net_end(struct session *session);

/* session_publish.c */
int session_publish_start(struct session *session, struct error *err);
void session_publish_end(struct session *session);
/* Puts the name in that an action's address was minted for. */
void session_net_name(const struct session *session, struct action *action);
/* The name that a numeric address was minted for; NULL: none. */
const char *session_net_host(const struct session *session, const char *address);
/* True, with @ret set, if the call needs no verdict, or had it before. */
bool session_net_answers(struct execution *execution, const struct gate_request *request,
			 struct gate_answer *ret);
/* The network is "decoy": nothing is dialled. */
bool session_net_is_decoy(const struct session *session);
/* True if it is TCP, UDP or a name that leads out of a session whose network is relayed. */
bool session_net_leads_out(const struct session *session, const struct action *action);
/* What policy has let through: *ret is changed to what the network makes of it. @by_decoy: a decoy
 * answers. */
void session_net_carry_out(struct execution *execution, const struct gate_request *request,
			   const struct action *action, bool by_decoy, struct gate_answer *ret);

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

/* judge.c */
struct judgement {
	struct decision decision;
	bool proceed;
	bool later;	   /* not decided yet: it will be asked about again, see struct stop */
	bool by_loss;	   /* not policy: something was lost */
	bool by_decoy;	   /* it proceeds, and a decoy answers in place of whom it is meant for */
	bool is_told;	   /* the record has it: asked about, it waited, and nothing has changed */
	uint64_t question; /* that it waits for; 0: none */
	uint64_t approval; /* the question whose answer holds here too; 0: none */
	uint64_t delay_ms; /* that it is held up for */
	struct redaction *redaction; /* of a result that is to be changed; owned; or NULL */
	const char *reason;	     /* why what asks is refused; static or of the pending's */
	uint64_t seq;
};

/* An action that can wait where it is: in a system call, or before a tool call. */
struct stop {
	struct execution *execution; /* NULL: a tool call */
	uint64_t ticket;	     /* of its gate */
	const struct call_waiter *waiter;
	struct action_evidence evidence;
};

/*
 * Decides, records and counts one action; *ret_denial (may be NULL) is filled if it is refused.
 * @stop: NULL if it cannot wait; then what is to be asked is refused, and so is on the network what
 * is to wait for its turn. A result, which is there already, goes on.
 */
void judge(struct session *session, const struct action *action, const struct stop *stop,
	   struct judgement *ret, struct denial *ret_denial);
/* The same without the drain, for actions that come from the trace itself. */
void judge_traced(struct session *session, const struct action *action, struct judgement *ret,
		  struct denial *ret_denial);
/* Labels that are new in the session go to the record as an event of their own. */
void judge_note_labels(struct session *session, const struct action *cause);
/* What was done until now counts: its events are taken from the trace, and labels of reads go to
 * the session's state, those of the action's process to the action. */
void judge_catch_up(struct session *session, struct action *action);

/* file_labels.c: action.file_labels; the names are borrowed from the policy. */
struct file_labels {
	struct str names[MAX_LABELS];
};

/* @known: those that the kernel has of the file. */
void file_labels_fill(const struct session *session, uint64_t known, struct file_labels *ret,
		      struct action *action);
/* Of the program, and of the script that names it. */
void file_labels_of_exec(const struct session *session, const struct gate_request *request,
			 struct file_labels *ret, struct action *action);

/* judge_told.c */
#define ACTION_CALL_BYTES 96
/* The call that an action belongs to, for an event; NULL: none. */
const char *judge_call_of(const struct action *action, char text[ACTION_CALL_BYTES]);
/* The event of an action; its number goes to the judgement. */
void judge_record(struct session *session, const struct action *action,
		  struct judgement *judgement);
void judge_fill_denial(const struct session *session, const struct action *action,
		       const struct judgement *judgement, struct denial *ret);
/* Takes out of a denial's texts what is protected. */
void judge_redact_denial(const struct session *session, struct denial *denial);
/* The member "fields" of an action. */
void judge_put_fields(struct json_writer *w, const struct action *action);
/* An event that is no action; the caller writes members and ends it with event_end(). */
struct json_writer *event_begin(struct session *session, const char *kind, const char *call,
				uint32_t exec_id);
void event_end(struct session *session);
/* The record cannot be written: the session ends. */
void event_failed(struct session *session, int reason);

/* ask/question.c: the text of a question, into a buffer with a ceiling. */
void question_write(const struct session *session, const struct action *action,
		    const struct decision *decision, uint64_t id, struct buf *out);

/* ask/pending.c, ask.c, turn.c */
void pending_start(struct session *session);
/* True if this very action was decided before and waits since. */
bool pending_knows(struct session *session, const struct stop *stop);
/* Of a decision to ask, or to throttle: proceed, later and what the record is to say of it. @stop
 * of what is throttled may be NULL: it is refused where it would have to wait. */
void pending_ask(struct session *session, const struct stop *stop, struct judgement *judgement);
void pending_throttle(struct session *session, const struct stop *stop,
		      struct judgement *judgement);
/* It is over, and what of it waits with it. */
void pending_drop_execution(struct execution *execution);
/* Nobody is asked any more; tool calls that wait are refused. */
void pending_end(struct session *session);
void pending_free(struct session *session);

/* loss.c */
/* Asks the trace what it has lost since, and notes it. */
void loss_check(struct session *session);
/* Asks the policy's state the same. */
void loss_check_sequences(struct session *session);
/* @action is an exec that there was no room to approve. */
void loss_of_approval(struct session *session, const struct action *action);
void loss_of_clock(struct session *session, int64_t step_ns);
/* After a loss: makes the decision one to refuse, if on_loss is stricter. Return: true if it did.
 */
bool loss_overrules(const struct session *session, const struct action *action,
		    struct decision *decision);
/* As policy_explain(), for such a decision. */
void loss_explain(const struct session *session, struct json_writer *w);

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

/* observe.c */
void session_trace_event(struct session *session, const struct trace_event *event);
/* How what was allowed went, and not for the kernel to do: a gated file operation, a connection;
 * @error: errno or 0. */
void observe_carried_out(struct session *session, const struct action *action, int error);
