/* SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/observation.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "common/json.h"
#include "monitor/evidence/reader.h"
#include "tools/toolkit/paths.h"

#define MAX_CHILDREN_TEXT 4096u

void observation_init(struct observation *seen, size_t steps)
{
	*seen = (struct observation){.calls = xcalloc(steps, sizeof(*seen->calls)),
				     .call_count = steps,
				     .record.state = RECORD_CUT};
}

void observation_done(struct observation *seen)
{
	for (size_t i = 0; i < seen->call_count; i++) {
		free(seen->calls[i].text);
		free(seen->calls[i].left);
	}
	for (size_t i = 0; i < seen->ruling_count; i++) {
		free(seen->rulings[i].call);
		free(seen->rulings[i].kind);
		free(seen->rulings[i].rule);
	}
	for (size_t i = 0; i < seen->sent_count; i++) {
		free(seen->sent[i].host);
		free(seen->sent[i].service);
		free(seen->sent[i].method);
		free(seen->sent[i].canaries);
	}
	free(seen->sent);
	for (size_t i = 0; i < seen->label_count; i++)
		free(seen->labels[i]);
	free(seen->calls);
	free(seen->rulings);
	free(seen->labels);
	*seen = (struct observation){0};
}

/* ---- calls ---- */

void observe_result(struct call_seen *call, const struct tool_result *result, uint64_t wall_ns)
{
	call->ran = true;
	call->wall_ns = wall_ns;
	call->text = xstrndup(result->text, result->text_len);
	if (!result->exec)
		return;
	call->timed_out = result->exec->timed_out;
	call->has_exit = result->exec->outcome == EXEC_EXITED;
	call->exit = result->exec->status;
}

/* ---- processes ---- */

/* The numbers in /proc/PID/task/PID/children, or a reason in their place. */
static int read_children(pid_t pid, char text[MAX_CHILDREN_TEXT])
{
	_cleanup_free_ char *path = xasprintf("/proc/%d/task/%d/children", pid, pid);
	FILE *file = fopen(path, "re");
	size_t n;

	if (!file)
		return -errno;
	n = fread(text, 1, MAX_CHILDREN_TEXT - 1, file);
	text[n] = '\0';
	(void)fclose(file);
	return 0;
}

static void name_process(pid_t pid, struct buf *names)
{
	_cleanup_free_ char *path = xasprintf("/proc/%d/comm", pid);
	FILE *file = fopen(path, "re");
	char name[32] = "";

	if (file && fgets(name, sizeof(name), file))
		name[strcspn(name, "\n")] = '\0';
	if (file)
		(void)fclose(file);
	buf_printf(names, "%s%s (%d)", names->len ? ", " : "", name, pid);
}

/* Calls @visit with each process directly below one. Return: negative errno. */
static int each_child(pid_t pid, void (*visit)(pid_t child, void *ctx), void *ctx)
{
	char children[MAX_CHILDREN_TEXT] = "";
	const int r = read_children(pid, children);
	char *end;

	for (char *at = children; r == 0; at = end) {
		const long child = strtol(at, &end, 10);

		if (end == at)
			break;
		visit((pid_t)child, ctx);
	}
	return r;
}

struct leaves {
	struct buf names;
	struct stat ours; /* the launcher's program */
};

/*
 * A process that waits to become the next call's, or its hands. Who may not be looked at is one of
 * these too if it is called so: programs can be, unless they hide.
 */
static bool is_ours(pid_t pid, const struct leaves *l)
{
	_cleanup_free_ char *path = xasprintf("/proc/%d/exe", pid);
	_cleanup_buf_ struct buf name = BUF_INIT(64);
	struct stat program;

	if (stat(path, &program) == 0)
		return program.st_dev == l->ours.st_dev && program.st_ino == l->ours.st_ino;
	if (errno == ENOENT || errno == ESRCH)
		return true; /* gone meanwhile */
	name_process(pid, &name);
	return name.len && strstr(name.data, "cordon-");
}

static void visit_left(pid_t pid, void *ctx)
{
	struct leaves *l = ctx;

	if (!is_ours(pid, l))
		name_process(pid, &l->names);
}

/*
 * Below pid 1 stand leaves alone, processes of ours: one that waits for the next call, and one that
 * may still be ending itself after it has told that nothing is left of its call. What a call left
 * would be below its leaf, which is pid 1 to it, and runs another program than the launcher's,
 * which is in no session's view.
 */
static void visit_leaf(pid_t pid, void *ctx)
{
	(void)each_child(pid, visit_left, ctx);
}

static void visit_init(pid_t pid, void *ctx)
{
	(void)each_child(pid, visit_leaf, ctx);
}

void observe_processes(struct call_seen *call, pid_t launcher)
{
	struct leaves l = {.names = BUF_INIT(400)};
	_cleanup_free_ char *program = NULL;
	int r = paths_launcher(&program, NULL);

	if (r == 0 && stat(program, &l.ours) < 0)
		r = -errno;
	if (r == 0)
		r = each_child(launcher, visit_init, &l);
	if (r < 0)
		buf_printf(&l.names, "unknown: /proc/%d: %s", launcher, strerror(-r));
	if (l.names.len)
		call->left = xstrdup(l.names.data);
	buf_done(&l.names);
}

/* ---- the record ---- */

static const char *text_of(const struct json *object, const char *key)
{
	const char *text = json_get_string(object, key);

	return text ? text : "";
}

static void add_labels(struct observation *seen, const struct json *labels)
{
	for (const struct json *l = json_first(labels); l; l = json_next(l)) {
		if (!json_string(l))
			continue;
		seen->labels =
			xrealloc_array(seen->labels, seen->label_count + 1, sizeof(*seen->labels));
		seen->labels[seen->label_count++] = xstrdup(json_string(l));
	}
}

static void add_ruling(struct observation *seen, const struct json *event, enum verdict verdict,
		       const char *rule)
{
	const struct json *enforced = json_get(event, "enforced");
	const bool is_mismatch = strcmp(text_of(event, "kind"), "exec.mismatch") == 0;

	seen->rulings =
		xrealloc_array(seen->rulings, seen->ruling_count + 1, sizeof(*seen->rulings));
	seen->rulings[seen->ruling_count++] = (struct ruling){
		.seq = (uint64_t)json_number(json_get(event, "seq")),
		.call = xstrdup(text_of(event, "call")),
		.kind = xstrdup(is_mismatch ? "exec" : text_of(event, "kind")),
		.rule = xstrdup(rule),
		.verdict = verdict,
		.enforced = !enforced || json_bool(enforced),
		.question = (uint64_t)json_number(json_get(event, "question")),
		.agreed = json_get(event, "approval") != NULL,
		.by_decoy = strcmp(text_of(event, "answered_by"), "decoy") == 0,
	};
}

static void add_beside(struct observation *seen, const struct json *event, const struct json *rule,
		       bool observed)
{
	if (!*text_of(rule, "rule"))
		return;
	add_ruling(seen, event, observed ? VERDICT_ALLOW : VERDICT_LOG, text_of(rule, "rule"));
	/* A decoy answers what was decided. */
	seen->rulings[seen->ruling_count - 1].by_decoy = false;
}

/* What decided nothing, and found something all the same. */
static void add_others(struct observation *seen, const struct json *event)
{
	for (const struct json *a = json_first(json_get(event, "also")); a; a = json_next(a))
		add_beside(seen, event, a, strcmp(text_of(a, "mode"), "observe") == 0);
	add_beside(seen, event, json_get(event, "would"), true);
}

static void add_sent(struct observation *seen, const struct json *fields)
{
	struct buf canaries = BUF_INIT(0);

	buf_putc(&canaries, ' ');
	for (const struct json *c = json_first(json_get(fields, "canaries")); c; c = json_next(c))
		buf_printf(&canaries, "%s ", json_string(c) ? json_string(c) : "");
	seen->sent = xrealloc_array(seen->sent, seen->sent_count + 1, sizeof(*seen->sent));
	seen->sent[seen->sent_count++] = (struct sent){
		.host = xstrdup(text_of(fields, "host")),
		.service = xstrdup(text_of(fields, "service")),
		.method = xstrdup(text_of(fields, "method")),
		.canaries = canaries.data,
		.bytes = (uint64_t)json_number(json_get(fields, "bytes")),
	};
}

static void note_answer(struct observation *seen, const struct json *event)
{
	const uint64_t question =
		(uint64_t)json_number(json_get(json_get(event, "fields"), "question"));

	for (size_t i = 0; i < seen->ruling_count; i++) {
		struct ruling *r = &seen->rulings[i];

		if (question && r->question == question)
			r->agreed = strcmp(text_of(event, "verdict"), "allow") == 0;
	}
}

static enum verdict verdict_of(const char *name)
{
	for (int v = VERDICT_LOG; v <= VERDICT_KILL; v++) {
		if (strcmp(name, verdict_name((enum verdict)v)) == 0)
			return (enum verdict)v;
	}
	return VERDICT_ALLOW;
}

/* Seen before it took effect it was refused, after that killed. */
static enum verdict mismatch_verdict(const struct json *fields)
{
	const struct json *killed = json_get(fields, "killed");

	return !killed || json_bool(killed) ? VERDICT_KILL : VERDICT_DENY;
}

bool observe_line(struct observation *seen, const char *line, size_t len)
{
	struct json *event = NULL;
	enum verdict verdict;
	const char *rule;

	if (json_parse("record", line, len, &event, NULL) < 0)
		return false;
	verdict = verdict_of(text_of(event, "verdict"));
	rule = text_of(event, "rule");
	if (strcmp(text_of(event, "kind"), "label.set") == 0)
		add_labels(seen, json_get(json_get(event, "fields"), "labels"));
	else if (strcmp(text_of(event, "kind"), "decoy.request") == 0)
		add_sent(seen, json_get(event, "fields"));
	else if (strcmp(text_of(event, "kind"), "exec.mismatch") == 0)
		add_ruling(seen, event, mismatch_verdict(json_get(event, "fields")),
			   "exec.mismatch");
	else if (strcmp(text_of(event, "kind"), "ask.answer") == 0)
		note_answer(seen, event);
	else if (rule[0] || verdict != VERDICT_ALLOW)
		add_ruling(seen, event, verdict, rule);
	add_others(seen, event);
	json_free(event);
	return true;
}

int observe_record(struct observation *seen, const char *path, struct error *err)
{
	_cleanup_free_ char *key = NULL;
	struct record_reader reader;
	const char *line;
	size_t len;
	int r = paths_record_key(&key, err);

	if (r == 0)
		r = record_verify(path, key, &seen->record, err);
	if (r == 0)
		r = reader_open(path, &reader, err);
	if (r < 0)
		return r;
	while ((r = reader_next(&reader, &line, &len)) == READER_LINE)
		(void)observe_line(seen, line, len);
	reader_done(&reader);
	return r < 0 ? error_errno(err, r, "read %s", path) : 0;
}
