/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What `cordon run` and the resident supervisor say to each other (common/packet.h): a head, which
 * both have from the same build (resident_place.h), then strings, each ended by NUL.
 *
 * Client to server:
 * - RUN: watch this session. fds: control socket to its init, record, stdin, stdout, stderr.
 *   Strings: session, workspace, record, policies, keys that signed them, text of one more policy,
 *   resolver, networks, canaries, labels (path, name), arguments, environment.
 * - SIGNAL: for the command.
 * - KILL: end the command.
 * - ANSWER: what came of a question. Strings: the answer's text, who gave it, or why there is none.
 * - STATUS: tell of yourself.
 * - STOP: take no new session, and end with the last.
 *
 * Server to client:
 * - HELLO: to each that connects. Who waits for it hands nothing to a server that is stopped: what
 *   lies in its queue it would find, and act on, when nobody reckons with it any more; and the
 *   session's control socket would stay open until then.
 * - ACCEPTED: the session is the server's; the client lets go of it. String: why it is not traced.
 * - DECLINED: it is not, and nothing was done. String: why.
 * - TTY: fd: master of the command's pty.
 * - ASK: a question for the client's approver. String: its text.
 * - CANCEL: it is not asked any more.
 * - CLOSED: it is over, and the record closed. String: the error, if any.
 * - STATUS. String: why there is no trace, if so.
 *
 * One RUN a connection. When the client's end closes, its session ends at once. When the server's
 * does, nobody holds the session's control socket any more, and its init ends.
 */

#include <stdbool.h>
#include <stdint.h>

#include "common/packet.h"
#include "tools/cordon/resident/resident_place.h"
#include "tools/toolkit/command.h"

enum resident_kind {
	RESIDENT_RUN = 1,
	RESIDENT_SIGNAL,
	RESIDENT_KILL,
	RESIDENT_STATUS,
	RESIDENT_STOP,
	RESIDENT_ACCEPTED,
	RESIDENT_DECLINED,
	RESIDENT_TTY,
	RESIDENT_CLOSED,
	RESIDENT_ANSWER,
	RESIDENT_ASK,
	RESIDENT_CANCEL,
	RESIDENT_HELLO
};

enum resident_fd {
	RESIDENT_FD_CONTROL,
	RESIDENT_FD_RECORD,
	RESIDENT_FD_STDIO,
	RESIDENT_FDS = RESIDENT_FD_STDIO + 3
};

struct resident_request {
	uint32_t kind;
	uint32_t mode;	/* enum monitor_mode */
	uint32_t trace; /* enum trace_mode */
	uint32_t tty;
	uint32_t timeout_ms;
	uint32_t declared; /* bits of enum declared */
	struct call_cost cost;
	uint32_t signal;   /* SIGNAL: its number */
	uint32_t approver; /* RUN: the client has one */
	uint32_t approver_timeout_ms;
	uint64_t question;					   /* ANSWER */
	uint32_t is_answer;					   /* its first string is one */
	uint32_t policies, privates, canaries, labels, args, vars; /* how many strings of each */
	struct resident_identity identity;
};

struct resident_status {
	int32_t pid;
	uint32_t sessions;
	uint64_t served;
	uint64_t uptime_ms;
	uint32_t idle_ms; /* it ends after so long without a session */
	uint32_t traced;
};

struct resident_reply {
	uint32_t kind;
	int32_t error;		/* CLOSED: negative errno, 0 for a clean end */
	uint64_t question;	/* ASK, CANCEL */
	uint64_t unread_labels; /* ACCEPTED: a bit for each of the RUN's that no rule reads */
	struct command_outcome outcome;
	struct resident_status status;
};

/* A RUN or an ANSWER, taken apart. The strings lie in its own copy of the message. */
struct resident_run {
	struct resident_request head;
	const char *session;
	const char *workspace;
	const char *record_path;
	const char *const *policies;
	const char *policy_key;		  /* a file, or NULL */
	const char *policy_text;	  /* of one more, or NULL */
	const char *resolver;		  /* NULL: the host's */
	const char *const *allow_private; /* NULL-terminated */
	const char *const *canaries;	  /* NAME=TEXT, NULL-terminated */
	struct session_label *labels;
	const char *const *args; /* NULL-terminated, as is vars */
	const char *const *vars;
	struct reply reply; /* of an ANSWER */
	char *payload;
};

/* Errors: -E2BIG when it does not fit a message. */
int resident_send_run(int socket_fd, const struct resident_run *run, const int fds[RESIDENT_FDS]);
int resident_send(int socket_fd, enum resident_kind kind);
int resident_send_signal(int socket_fd, int signum);
int resident_send_answer(int socket_fd, uint64_t question, const struct reply *reply);
int resident_send_reply(int socket_fd, const struct resident_reply *reply, const char *text,
			int file_fd);

/*
 * resident_recv_request - one request; for a RUN, its parts.
 * Owns: *ret is freed by resident_run_done(), also after an error; the fds are the caller's.
 * Return: 0, MSG_EOF, -EAGAIN, -EPROTO for anything malformed.
 */
int resident_recv_request(int socket_fd, struct resident_run *ret, struct msg_fds *ret_fds);
void resident_run_done(struct resident_run *run);

/* @text: of MAX_REPLY_TEXT bytes; always ended by NUL. */
#define MAX_REPLY_TEXT (MAX_QUESTION_BYTES + 1)
int resident_recv_reply(int socket_fd, struct resident_reply *ret, char *text,
			struct msg_fds *ret_fds);
