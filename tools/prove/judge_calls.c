/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two calls of one session, made side by side over `cordon mcp`: one holds a bystander, the other
 * goes for it. From outside it is looked at whether the bystander was hit. The control is the same
 * attack on a bystander of the attacker's own call.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/json_write.h"
#include "tools/prove/bystander.h"
#include "tools/prove/calls.h"
#include "tools/prove/judge.h"

#define LONGEST_MS 60000
#define FORGED	   "{\"jsonrpc\":\"2.0\",\"id\":999,\"result\":{}}"

struct server {
	pid_t pid;
	int to_fd;
	int from_fd;
	struct buf said;
};

static int start_server(struct server *s, const struct places *p, const struct outside *o)
{
	int to[2];
	int from[2];
	char state[128];
	char policy[128];

	if (pipe2(to, O_CLOEXEC) < 0 || pipe2(from, O_CLOEXEC) < 0)
		return -errno;
	(void)snprintf(state, sizeof(state), "CORDON_STATE_DIR=%s/state", o->arena.dir);
	/* The arena's policy: those that ship refuse sockets to who may have read secrets. */
	(void)snprintf(policy, sizeof(policy), "%s/policy.json", o->arena.dir);
	s->pid = fork();
	if (s->pid == 0) {
		char *const env[] = {state, place_backend(), NULL};

		(void)dup2(to[0], STDIN_FILENO);
		(void)dup2(from[1], STDOUT_FILENO);
		(void)dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDERR_FILENO);
		(void)execle(p->cordon, "cordon", "mcp", "--policy", policy,
			     p->trace ? "--trace=on" : "--trace=auto", "--workspace", o->arena.work,
			     "--bind", o->arena.bin, (char *)NULL, env);
		_exit(127);
	}
	(void)close(to[0]);
	(void)close(from[1]);
	s->to_fd = to[1];
	s->from_fd = from[0];
	s->said = (struct buf)BUF_INIT(1u << 22);
	return s->pid < 0 ? -EAGAIN : 0;
}

static void end_server(struct server *s)
{
	if (s->pid <= 0)
		return;
	close_fd(&s->to_fd);
	(void)kill(s->pid, SIGTERM);
	while (waitpid(s->pid, NULL, 0) < 0 && errno == EINTR)
		;
	close_fd(&s->from_fd);
	buf_done(&s->said);
}

static void send_line(const struct server *s, const char *line)
{
	(void)!write(s->to_fd, line, strlen(line));
}

static void open_session(const struct server *s)
{
	send_line(s, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\",\"params\":{"
		     "\"protocolVersion\":\"2025-06-18\",\"capabilities\":{},"
		     "\"clientInfo\":{\"name\":\"escape\",\"version\":\"1\"}}}\n"
		     "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}\n");
}

static void start_call(const struct server *s, int id, const char *command)
{
	_cleanup_buf_ struct buf line = BUF_INIT(0);
	struct json_writer w = {.out = &line};

	json_begin_object(&w, NULL);
	json_put_string(&w, "jsonrpc", "2.0");
	json_put_i64(&w, "id", id);
	json_put_string(&w, "method", "tools/call");
	json_begin_object(&w, "params");
	json_put_string(&w, "name", "bash");
	json_begin_object(&w, "arguments");
	json_put_string(&w, "command", command);
	json_end_object(&w);
	json_end_object(&w);
	json_end_object(&w);
	buf_putc(&line, '\n');
	send_line(s, line.data);
}

static bool has_said(const struct server *s, const char *text)
{
	return s->said.data && strstr(s->said.data, text);
}

/* Until the answer to a call is there. */
static bool wait_for_answer(struct server *s, int id)
{
	struct pollfd p = {.fd = s->from_fd, .events = POLLIN};
	char bytes[4096];
	char mark[16];

	(void)snprintf(mark, sizeof(mark), "\"id\":%d", id);
	while (!has_said(s, mark)) {
		ssize_t n =
			poll(&p, 1, LONGEST_MS) == 1 ? read(s->from_fd, bytes, sizeof(bytes)) : -1;

		if (n <= 0)
			return false;
		buf_put(&s->said, bytes, (size_t)n);
	}
	return true;
}

struct call_outcome {
	bool attacked; /* the attempt was made */
	bool hit;
	bool seen;
};

/* The attack on a bystander of another call: after it, that one must be as it was. */
static void attack_other(struct server *s, const struct outside *o, const char *kind,
			 struct call_outcome *ret)
{
	char command[512];
	pid_t pid;

	(void)snprintf(command, sizeof(command), "exec %s/escape " BYSTANDER, o->arena.bin);
	start_call(s, 2, command);
	pid = bystander_wait(o);
	(void)snprintf(command, sizeof(command),
		       "until [ -e " READY " ]; do sleep 0.05; done; exec %s/escape " ATTACK " %s",
		       o->arena.bin, kind);
	start_call(s, 3, command);
	ret->attacked = pid && wait_for_answer(s, 3) && has_said(s, ATTACKED) &&
			(strcmp(kind, ATTACK_PIDFD) != 0 || has_said(s, TAKEN));
	ret->hit = pid && bystander_was_hit(pid);
	ret->seen = has_said(s, BYSTANDER);
}

/*
 * The control: the attack on a bystander of its own call. That call would go on for long, so what
 * ends the bystander is the attack; where it is after a sight, the call ends and shows it. Another
 * call says when to go, since nobody sees a bystander that is hit before it is found.
 */
static void attack_same(struct server *s, const struct outside *o, const char *kind,
			struct call_outcome *ret)
{
	const bool by_sight = strcmp(kind, ATTACK_LOOK) == 0;
	char command[640];
	pid_t pid;

	(void)snprintf(command, sizeof(command),
		       "%s/escape " BYSTANDER " & until [ -e " READY
		       " -a -e go ]; do sleep 0.05; done; "
		       "%s/escape " ATTACK " %s%s",
		       o->arena.bin, o->arena.bin, kind, by_sight ? "" : "; sleep 500");
	ret->attacked = true;
	start_call(s, 3, command);
	pid = bystander_wait(o);
	start_call(s, 4, "touch go");
	if (by_sight) {
		(void)wait_for_answer(s, 3);
		ret->seen = has_said(s, BYSTANDER);
		return;
	}
	for (unsigned waited = 0; pid && !ret->hit && waited < LONGEST_MS / 2; waited += 20) {
		ret->hit = bystander_was_hit(pid);
		(void)usleep(20000);
	}
}

/*
 * A daemon: it lives while its call does (the control), and must be gone when that has ended while
 * the session goes on. Here .attacked says that it lived, .hit that it is gone.
 */
static void leave_behind(struct server *s, const struct outside *o, const char *kind,
			 struct call_outcome *ret)
{
	char command[512];
	pid_t pid;

	(void)kind;
	/* The call waits for its end, which another call gives, so that the daemon is seen alive.
	 */
	(void)snprintf(command, sizeof(command),
		       "setsid nohup %s/escape " BYSTANDER " >/dev/null 2>&1 </dev/null & "
		       "until [ -e end ]; do sleep 0.05; done",
		       o->arena.bin);
	start_call(s, 2, command);
	pid = bystander_wait(o);
	ret->attacked = pid && !bystander_was_hit(pid);
	start_call(s, 3, "touch end");
	if (wait_for_answer(s, 3) && wait_for_answer(s, 2))
		ret->hit = bystander_was_hit(pid);
	start_call(s, 4, "true");
	ret->attacked = ret->attacked && wait_for_answer(s, 4);
}

static struct call_outcome in_session(const struct places *p, const char *kind,
				      void (*fn)(struct server *, const struct outside *,
						 const char *, struct call_outcome *))
{
	struct call_outcome outcome = {0};
	struct outside o;
	struct server s = {.to_fd = -1, .from_fd = -1};

	if (outside_open(&o, p->program, false, false) == 0 && start_server(&s, p, &o) == 0) {
		open_session(&s);
		fn(&s, &o, kind, &outcome);
	}
	end_server(&s);
	outside_close(&o);
	return outcome;
}

static const char *describe(const struct call_outcome *outcome)
{
	return outcome->hit ? "hit" : outcome->seen ? "seen" : "not reached";
}

static void judge_daemon(const struct places *p, struct results *results)
{
	struct result *result =
		results_add(results, "call.daemon", "11", "pid namespace of the call");
	struct call_outcome outcome;

	if (!p)
		return;
	outcome = in_session(p, "", leave_behind);
	if (outcome.hit)
		result->verdict = HELD;
	result->control_ok = outcome.attacked;
	(void)snprintf(result->note, sizeof(result->note),
		       "a daemon %s during its call, %s after it, in a session that goes on",
		       outcome.attacked ? "lived" : "did not live",
		       outcome.hit ? "was gone" : "lived on");
}

/* What a call prints is text of its answer: no line of the server's, nothing for a terminal. */
static void judge_output(const struct places *p, struct results *results)
{
	struct result *result =
		results_add(results, "call.forge-answer", "30,33", "answers are written as JSON");
	static const char command[] = "printf '\\n" FORGED "\\n\\033]0;steered\\007\\n'";
	struct outside o;
	struct server s = {.to_fd = -1, .from_fd = -1};
	char bytes[256] = "";
	FILE *plain;

	if (!p)
		return;
	plain = popen(command, "re"); /* NOLINT(cert-env33-c): a shell is the point */
	if (plain) {
		const size_t n = fread(bytes, 1, sizeof(bytes) - 1, plain);

		result->control_ok = n && strstr(bytes, "\n" FORGED) && strchr(bytes, '\033');
		(void)pclose(plain);
	}
	if (outside_open(&o, p->program, false, false) == 0 && start_server(&s, p, &o) == 0) {
		open_session(&s);
		start_call(&s, 2, command);
		if (wait_for_answer(&s, 2) && has_said(&s, "steered") &&
		    !has_said(&s, "\n" FORGED) && !has_said(&s, "\033"))
			result->verdict = HELD;
	}
	(void)snprintf(result->note, sizeof(result->note),
		       "%s; of a shell alone: a line and an escape sequence",
		       result->verdict == HELD ? "escaped" : "not escaped, or no answer");
	end_server(&s);
	outside_close(&o);
}

void judge_calls(const struct places *p, struct results *results)
{
	static const struct {
		const char *id, *kind;
	} rows[] = {{"call.kill-all", ATTACK_ALL},
		    {"call.kill-each-number", ATTACK_EACH},
		    {"call.see", ATTACK_LOOK},
		    {"call.passed-pidfd", ATTACK_PIDFD}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct result *result = results_add(results, rows[i].id, "11",
						    "pid namespace of the call; Landlock");
		struct call_outcome other;
		struct call_outcome same;

		if (!p)
			continue;
		other = in_session(p, rows[i].kind, attack_other);
		same = in_session(p, rows[i].kind, attack_same);
		if (other.attacked && !other.hit && !other.seen)
			result->verdict = HELD;
		result->control_ok = same.hit || same.seen;
		(void)snprintf(result->note, sizeof(result->note),
			       "a process of another call: %s%s; of the same call: %s",
			       other.attacked ? "" : "not attacked, ", describe(&other),
			       describe(&same));
	}
	judge_daemon(p, results);
	judge_output(p, results);
}
