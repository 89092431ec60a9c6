/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A session: one agent's sandbox as the monitor sees it. It lives across many calls; each call may
 * start executions, each of which is a leaf that dies with the call.
 *
 *	STARTING --HELLO--> READY --session_end--> ENDING --init gone--> closed callback
 *
 * Everything is asynchronous on the supervisor's loop. The session owns its control socket, its
 * record, its policy state and the gates of its executions. Whatever goes wrong with one of these
 * ends the session and everything in it: there is no half-guarded session.
 */

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/error.h"
#include "common/proto.h"
#include "monitor/ask/approver.h"
#include "monitor/evidence/record.h"
#include "monitor/policy/policy.h"
#include "monitor/supervisor.h"

struct session;
struct authority;    /* monitor/net/decoy/tls_module.h */
struct tls_module;   /* likewise */
struct decoy_script; /* monitor/net/decoy/script.h */

/* One tool call of the agent: what every face turns its requests into. */
struct call {
	const char *id;	     /* given by the face, unique in the session */
	const char *tool;    /* catalogue or gateway name; "run" for cordon run */
	const char *args;    /* its arguments as JSON text */
	const char *command; /* shell or code text if the tool has one, else NULL */
	uint32_t declared;   /* bits of enum declared */
	int64_t cost;	     /* that its caller declares, in units; 0: none */
	const char *unit;    /* of the cost; NULL: none was declared */
};

/* Why something was refused, in words and ids that outlive the callback it came with. */
struct denial {
	enum verdict verdict;
	char kind[32];	   /* action kind */
	char rule[96];	   /* rule id, or "default" */
	char because[512]; /* text for the agent */
	char subject[512]; /* what it was about: path, address:port, tool */
	uint64_t seq;	   /* event in the record */
};

struct exec_request {
	const char *call_id;
	const char *tool;
	uint32_t declared;	 /* as of the call */
	const char *const *argv; /* NULL-terminated */
	const char *const *env;	 /* NULL: the spec's */
	const char *cwd;	 /* inside; NULL: the workspace */
	int stdio_fds[3];	 /* borrowed: duplicates are sent */
	bool tty;
	uint32_t timeout_ms; /* 0: none */
};

struct exec_result {
	enum exec_outcome outcome;
	int status;
	bool timed_out;
	bool killed;		   /* by a rule's kill verdict or a mismatch at exec */
	uint32_t denied;	   /* actions refused during the execution */
	struct denial last_denial; /* valid if denied or killed */
	uint64_t wall_ns;
	uint64_t user_time_us, system_time_us, max_rss_kib;
	/* Since the execution before it ended, of the session; where a cgroup counts. */
	uint64_t memory_kills;	/* processes that were ended for want of memory */
	uint64_t refused_forks; /* processes that could not be made */
	uint64_t disk_ends;	/* 1: it was ended for what the session took of the host's disk, */
	uint64_t layer_bytes;	/* of which the session may have so much; 0: it has none */
	uint32_t left;		/* processes still running when its program had ended */
	bool memory_is_each;	/* the limit of memory is one on each process: an rlimit */
	char error[1024];	/* EXEC_SETUP_ERROR */
};

struct exec_ops {
	/* tty only: the pty's master, owned by the callee. May be NULL otherwise. */
	void (*tty)(void *ctx, int master_fd);
	void (*ended)(void *ctx, uint32_t exec_id, const struct exec_result *result);
};

/* A label on a file or folder inside the view; the path is the host's, opened while building. */
struct session_label {
	const char *path; /* inside */
	const char *name;
};

struct session_ops {
	void (*ready)(void *ctx);
	/* Once, last: the init is gone and the record is closed. err is NULL after session_end().
	 */
	void (*closed)(void *ctx, const struct error *err);
	/* Optional: each event's line as it enters the record. */
	record_observer observer;
};

/* Of a session whose network is relayed (its init says so). Borrowed for the life of the session.
 */
struct net_config {
	const char *resolver;		  /* ADDRESS[:PORT]; NULL: the host's */
	const char *const *allow_private; /* networks that may be dialled though they are private,
					     NULL-terminated; or NULL */
	const char *const *canaries;	  /* NAME=TEXT, NULL-terminated; or NULL: what may not
					     leave */
	/* Of the decoy internet, where policy or the network's mode wants one. */
	const struct tls_module *tls;
	const struct authority *authority; /* that the view trusts; NULL: there can be none */
	const struct decoy_script *script; /* answers of a scenario's own; NULL: none */
	const char *evidence_dir;   /* on the host, for what decoys are sent: made if it is not
				       there; NULL: nothing is kept */
	const char *const *publish; /* [ADDRESS:]HOSTPORT:PORT, NULL-terminated; or NULL */
};

#define DEFAULT_APPROVER_MS 60000u

struct session_config {
	struct supervisor *supervisor;
	const struct policy *policy; /* borrowed for the life of the session */
	enum monitor_mode mode;
	enum trace_mode trace;	      /* off: not traced, though the supervisor has a trace */
	struct approver *approver;    /* borrowed for the life of the session; NULL: nobody */
	uint32_t approver_timeout_ms; /* no answer until then is a no; 0: DEFAULT_APPROVER_MS */
	const char *id;
	const char *workspace; /* inside */
	int control_fd;	       /* to the session's init; taken over, also on failure */
	const char *record_path;
	int record_fd; /* of the record, new and empty; taken over, also on failure. 0: made here */
	const struct session_label *labels;
	size_t label_count;
	struct net_config net;
	const char *const *env; /* default environment; borrowed for the life of the session */
	const struct session_ops *ops;
	void *ctx;
};

int session_start(const struct session_config *config, struct session **ret, struct error *err);

enum call_check {
	CALL_MAY_GO_ON,
	CALL_IS_REFUSED,
	CALL_WAITS
};

struct call_waiter {
	/* Check the call again; what became of it is known now. From the loop, once. */
	void (*again)(void *ctx);
	void *ctx;
};

/*
 * session_check_call - policy on the call itself, before any process starts; recorded.
 * @waiter: NULL if the call cannot wait; what is to be asked is refused then.
 * Return: what follows; if it is refused *ret says why. A call that waits is checked again, or
 * given up by session_forget_call().
 */
enum call_check session_check_call(struct session *session, const struct call *call,
				   const struct call_waiter *waiter, struct denial *ret);
void session_forget_call(struct session *session, const struct call_waiter *waiter);

struct call_result {
	const struct str *text; /* NULL if it went to the agent without us */
	bool is_error;		/* as the agent will see it */
};

enum result_check {
	RESULT_IS_SHOWN,
	RESULT_IS_CHANGED, /* another text is shown in its place */
	RESULT_IS_WITHHELD
};

/*
 * session_end_call - policy on what the call returned, before the agent sees it; recorded, but for
 * the text.
 * @ret_text: what to show if it is changed, with what was there let go of; NULL without a text.
 * @ret: if it is withheld, why; may be NULL.
 */
enum result_check session_end_call(struct session *session, const struct call *call,
				   const struct call_result *result, struct buf *ret_text,
				   struct denial *ret);
/* The same cuts in another text that goes to the agent with that result. Return: false: it must not
 * be shown. */
bool session_redact_text(struct session *session, struct str text, struct buf *out);

/* Starts an execution of a call. Errors: -EPIPE when the session is ending, -E2BIG,
 * -ENOBUFS when its init takes no requests. */
int session_exec(struct session *session, const struct exec_request *request,
		 const struct exec_ops *ops, void *ctx, uint32_t *ret_exec_id, struct error *err);
/* Ends it with everything in its leaf. */
void session_kill_exec(struct session *session, uint32_t exec_id);
/*
 * Sends a signal to the program and its process group, which may do with it what they like. One
 * that comes before the program started ends or stops it at its start.
 */
void session_signal_exec(struct session *session, uint32_t exec_id, int signum);

/* Ends every execution and the session; closed() follows. The session frees itself after it. */
void session_end(struct session *session);

struct session_totals {
	uint64_t events, execs, gated, denied, killed;
	struct trace_counts trace;
	uint64_t labels;
};

void session_totals(const struct session *session, struct session_totals *ret);
/* "layer=state" strings of the floor's HELLO, NULL-terminated; borrowed. */
const char *const *session_layers(const struct session *session);
/* The state of one of them, NULL if the floor did not tell of it; borrowed. */
const char *session_layer(const struct session *session, const char *name);
