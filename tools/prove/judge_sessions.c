/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two sessions of one user, watched by one resident supervisor where there can be one: what one may
 * do to the other, and to their supervisor. From outside it is looked at whether the bystander was
 * hit. The control is the same attack on a bystander of the attacker's own session; for the
 * supervisor's socket, the same attempt made on the host.
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
#include "tools/prove/bystander.h"
#include "tools/prove/calls.h"
#include "tools/prove/judge.h"

#define LONGEST_MS 60000
#define MAX_WORDS  24

/* A program that was started, and what it has said. */
struct run {
	pid_t pid;
	int output_fd;
	struct buf said;
};

static int start(struct run *run, const struct outside *o, const char *const *argv)
{
	char state[128];
	char resident[] = "CORDON_RESIDENT=auto";
	char path[] = "PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin";
	char *const env[] = {state, resident, path, place_backend(), NULL};
	char *words[MAX_WORDS];
	int ends[2];

	(void)snprintf(state, sizeof(state), "CORDON_STATE_DIR=%s/state", o->arena.dir);
	memcpy(words, argv, sizeof(words));
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	*run = (struct run){.pid = fork(), .output_fd = ends[0], .said = BUF_INIT(1u << 22)};
	if (run->pid == 0) {
		(void)setsid();
		(void)dup2(open("/dev/null", O_RDONLY | O_CLOEXEC), STDIN_FILENO);
		(void)dup2(ends[1], STDOUT_FILENO);
		(void)dup2(ends[1], STDERR_FILENO);
		(void)execve(words[0], words, env);
		_exit(127);
	}
	(void)close(ends[1]);
	buf_puts(&run->said, "");
	return run->pid < 0 ? -EAGAIN : 0;
}

static bool has_said(const struct run *run, const char *text)
{
	return run->said.data && strstr(run->said.data, text);
}

/* Until it has said the text, or NULL: to its end. */
static bool wait_until(struct run *run, const char *text)
{
	struct pollfd p = {.fd = run->output_fd, .events = POLLIN};
	char bytes[4096];

	while (!text || !has_said(run, text)) {
		const ssize_t n = poll(&p, 1, LONGEST_MS) == 1
					  ? read(run->output_fd, bytes, sizeof(bytes))
					  : -1;

		if (n <= 0)
			return !text && n == 0;
		buf_put(&run->said, bytes, (size_t)n);
	}
	return true;
}

static void end(struct run *run)
{
	if (run->pid <= 0)
		return;
	(void)kill(run->pid, SIGKILL);
	while (waitpid(run->pid, NULL, 0) < 0 && errno == EINTR)
		;
	close_fd(&run->output_fd);
	buf_done(&run->said);
	run->pid = 0;
}

/* A session whose one command is a shell's. */
static int start_session(struct run *run, const struct places *p, const struct outside *o,
			 const char *script)
{
	/* The arena's policy: those that ship refuse sockets to who may have read secrets. */
	char policy[128];
	const char *const argv[MAX_WORDS] = {p->cordon,
					     "run",
					     "--policy",
					     policy,
					     "--quiet",
					     "--discard",
					     p->trace ? "--trace=on" : "--trace=auto",
					     "--workspace",
					     o->arena.work,
					     "--bind",
					     o->arena.bin,
					     "--",
					     "sh",
					     "-c",
					     script};

	(void)snprintf(policy, sizeof(policy), "%s/policy.json", o->arena.dir);
	return start(run, o, argv);
}

/* Runs `cordon serve OPTION`. Return: whether it has said @text. */
static bool serve(const struct places *p, const struct outside *o, const char *option,
		  const char *text)
{
	const char *const argv[MAX_WORDS] = {p->cordon, "serve", option, "--idle=20"};
	const char *const asked[MAX_WORDS] = {p->cordon, "serve", option, "--json"};
	struct run run = {0};
	bool said = false;

	if (start(&run, o, text ? asked : argv) == 0 && wait_until(&run, NULL))
		said = !text || has_said(&run, text);
	end(&run);
	return said;
}

struct outcome {
	bool attacked; /* the attempt was made */
	bool shared;   /* one supervisor watched both */
	bool hit;
	bool seen;
};

static void attack_other(const struct places *p, const struct outside *o, const char *kind,
			 struct outcome *ret)
{
	struct run bystander = {0};
	struct run attacker = {0};
	char script[512];
	pid_t pid = 0;

	(void)snprintf(script, sizeof(script), "exec %s/escape " BYSTANDER, o->arena.bin);
	if (start_session(&bystander, p, o, script) == 0 && wait_until(&bystander, STANDING))
		pid = bystander_wait(o);
	(void)snprintf(script, sizeof(script), "exec %s/escape " ATTACK " %s %s/state/resident",
		       o->arena.bin, kind, o->arena.dir);
	if (pid && start_session(&attacker, p, o, script) == 0) {
		/* While the one stands the other has come and gone: both were there at once. */
		ret->attacked = wait_until(&attacker, NULL) && has_said(&attacker, ATTACKED);
		ret->shared = serve(p, o, "--status", "\"served\":2");
		ret->hit = bystander_was_hit(pid);
		ret->seen = has_said(&attacker, BYSTANDER) || has_said(&attacker, REACHED);
	}
	end(&attacker);
	end(&bystander);
}

/*
 * The control, in one session; that would go on for long, so what ends it is the attack. A second
 * before that, for nobody sees a bystander that is hit before it is found.
 */
static void attack_same(const struct places *p, const struct outside *o, const char *kind,
			struct outcome *ret)
{
	struct run run = {0};
	char script[640];
	pid_t pid = 0;

	(void)snprintf(script, sizeof(script),
		       "%s/escape " BYSTANDER " & until [ -e " READY " ]; do sleep 0.05; done; "
		       "sleep 1; %s/escape " ATTACK " %s; echo done; sleep 500",
		       o->arena.bin, o->arena.bin, kind);
	if (start_session(&run, p, o, script) == 0 && wait_until(&run, STANDING))
		pid = bystander_wait(o);
	for (unsigned waited = 0; pid && !ret->hit && !ret->seen && waited < LONGEST_MS / 2;
	     waited += 20) {
		ret->hit = bystander_was_hit(pid);
		ret->seen = strcmp(kind, ATTACK_LOOK) == 0 && wait_until(&run, BYSTANDER);
		(void)usleep(20000);
	}
	end(&run);
}

/* The control for the supervisor's socket: who is not in a session reaches it. */
static void attack_on_host(const struct places *p, const struct outside *o, const char *kind,
			   struct outcome *ret)
{
	char folder[128];
	const char *const argv[MAX_WORDS] = {p->program, ATTACK, kind, folder};
	struct run run = {0};

	(void)snprintf(folder, sizeof(folder), "%s/state/resident", o->arena.dir);
	ret->seen = start(&run, o, argv) == 0 && wait_until(&run, NULL) && has_said(&run, REACHED);
	end(&run);
}

static struct outcome beside(const struct places *p, const char *kind,
			     void (*fn)(const struct places *, const struct outside *, const char *,
					struct outcome *))
{
	struct outcome outcome = {0};
	struct outside o;

	if (outside_open(&o, p->program, false, false) == 0) {
		(void)serve(p, &o, "--detach", NULL);
		fn(p, &o, kind, &outcome);
		(void)serve(p, &o, "--stop", NULL);
	}
	outside_close(&o);
	return outcome;
}

static const char *describe(const struct outcome *outcome)
{
	return outcome->hit ? "hit" : outcome->seen ? "reached" : "not reached";
}

static const struct {
	const char *id, *kind, *classes, *wall;
} rows[] = {
	{"session.kill-all", ATTACK_ALL, "11", "pid namespace of the session"},
	{"session.kill-each-number", ATTACK_EACH, "11", "pid namespace of the session"},
	{"session.see", ATTACK_LOOK, "11", "pid namespace of the session"},
	{"session.abstract-socket", ATTACK_ABSTRACT, "25", "network namespace; Landlock"},
	{"session.socket-in-workspace", ATTACK_PIDFD, "25", "overlay of each session"},
	{"session.file-in-tmp", ATTACK_FILE, "37", "tmpfs of each session"},
	{"session.supervisor", ATTACK_SERVER, "11,35", "mount namespace"},
};

static void judge_one(const struct places *p, size_t i, struct result *result)
{
	const bool server = strcmp(rows[i].kind, ATTACK_SERVER) == 0;
	const struct outcome other = beside(p, rows[i].kind, attack_other);
	const struct outcome same = beside(p, rows[i].kind, server ? attack_on_host : attack_same);

	if (server && !other.shared) {
		result->verdict = SKIPPED;
		(void)snprintf(result->note, sizeof(result->note),
			       "this user's runs have no resident supervisor here");
		return;
	}
	if (other.attacked && !other.hit && !other.seen)
		result->verdict = HELD;
	result->control_ok = same.hit || same.seen;
	(void)snprintf(result->note, sizeof(result->note), "%s another session: %s%s; %s: %s",
		       other.shared ? "one supervisor," : "a supervisor each,",
		       other.attacked ? "" : "not attacked, ", describe(&other),
		       server ? "from the host" : "its own", describe(&same));
}

void judge_sessions(const struct places *p, struct results *results)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct result *result =
			results_add(results, rows[i].id, rows[i].classes, rows[i].wall);

		if (p)
			judge_one(p, i, result);
	}
}
