/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cordon/log/replay.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "monitor/policy/decide.h"
#include "monitor/policy/policy_state.h"
#include "tools/cordon/log/log_show.h"

/* See monitor/loss.c. */
static const char *const losses[] = {"trace.lost", "trace.untraced", "trace.full", "clock.step",
				     "state.evicted"};

static bool is(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "") == 0;
}

void replay_init(struct replay *replay, const struct policy *policy)
{
	*replay = (struct replay){
		.policy = policy, .state = policy_state_new(policy), .lineages = lineages_new()};
}

void replay_done(struct replay *replay)
{
	replay->state = policy_state_free(replay->state);
	replay->lineages = lineages_free(replay->lineages);
	example_done(&replay->example);
	json_free(replay->pending);
	replay->flows = replay_flows_free(replay->flows);
	free(replay->last_call);
	free(replay->last_path);
}

/*
 * As a session does that cannot see reads: it takes as set what something in it can give. Which
 * files --label would name for another policy, nobody knows: then all are.
 */
static void assume_labels(struct replay *r)
{
	const size_t count = policy_label_count(r->policy);
	const uint64_t all = count >= 64 ? UINT64_MAX : (UINT64_C(1) << count) - 1;
	const uint64_t labels = r->is_same_policy ? policy_labels_given(r->policy) : all;

	if (!labels || !policy_uses_labels(r->policy))
		return;
	policy_state_add_labels(r->state, labels);
	policy_state_fix_labels(r->state);
}

static void on_start(struct replay *r, const struct json *fields)
{
	r->is_same_policy = is(json_get_string(fields, "policy"), policy_hash(r->policy));
	r->had_file_gate = is(json_get_string(fields, "file_gate"), "on");
	r->tells_processes = is(json_get_string(fields, "process_labels"), "on");
	r->tells_also = is(json_get_string(fields, "also"), "on");
	for (const struct json *l = json_first(json_get(fields, "layers")); l; l = json_next(l))
		r->host_bound |= strncmp(json_key(l), "bound.", 6) == 0;
	if (is(json_get_string(fields, "trace"), "off")) {
		assume_labels(r);
		lineages_lose(r->lineages);
		policy_state_assume_unseen(r->state, r->had_file_gate, true);
	}
}

/* ---- labels ---- */

/*
 * A label.set stands before the open that set it, or behind the action whose rule did. Of these the
 * policy says anew what is set, if it has changed. Any other is a fact, and so is what a rule set
 * on an action that cannot be judged.
 */
static void settle_labels(struct replay *r, const struct json *next)
{
	const char *next_kind = json_get_string(next, "kind");
	const struct json *fields = json_get(r->pending, "fields");
	const char *path = json_get_string(fields, "path");
	const char *call = json_get_string(r->pending, "call");
	const bool by_read = path && is(path, json_get_string(json_get(next, "fields"), "path")) &&
			     is(call, json_get_string(next, "call")) &&
			     (is(next_kind, "file.open") || is(next_kind, "file.open.done"));
	/* What a redacted path gives, its mark does not tell. */
	const bool is_fact = json_get(r->pending, "masked") != NULL;
	const bool by_rule =
		!by_read && r->last_had_rule && is(path, r->last_path) && is(call, r->last_call);

	for (const struct json *l = json_first(json_get(fields, "labels")); l; l = json_next(l)) {
		const char *name = json_string(l);
		const int index = name ? policy_label_index(r->policy, name) : -1;
		const uint64_t bit = index < 0 ? 0 : UINT64_C(1) << index;

		if (!bit || (policy_state_labels(r->state) & bit))
			continue;
		if (!r->is_same_policy && !is_fact &&
		    (by_rule || (by_read && (policy_labels_of_paths(r->policy) & bit) &&
				 !(policy_labels_of_path(r->policy, str_of(path)) & bit))))
			r->labels_dropped |= bit;
		else if (r->tells_processes)
			policy_state_add_session_labels(r->state, bit);
		else
			policy_state_add_labels(r->state, bit);
	}
	json_free(r->pending);
	r->pending = NULL;
}

static void remember(struct replay *r, const struct json *event, bool judged)
{
	free(r->last_call);
	free(r->last_path);
	r->last_call =
		xstrdup(json_get_string(event, "call") ? json_get_string(event, "call") : "");
	r->last_path = xstrdup(json_get_string(json_get(event, "fields"), "path")
				       ? json_get_string(json_get(event, "fields"), "path")
				       : "");
	r->last_had_rule = judged && json_get(event, "rule") != NULL;
}

/* ---- verdicts ---- */

static enum replay_result compare(struct replayed *ret)
{
	if (ret->was != ret->now.verdict)
		return REPLAY_CHANGED;
	return is(ret->was_rule, ret->now_rule) ? REPLAY_SAME : REPLAY_OTHER_RULE;
}

/* In the same order, since the record has the most severe first, too. */
static bool has_the_same_beside(const struct replay *r, const struct json *event,
				const struct decision *now)
{
	const struct rule_info *would = policy_tells_would(now) ? now->would : NULL;
	const struct json *was = json_first(json_get(event, "also"));
	struct also also;

	policy_also(r->policy, now, &also);
	for (size_t i = 0; i < also.count; i++, was = json_next(was)) {
		if (!was ||
		    !is(json_get_string(was, "rule"), policy_rule(r->policy, also.rules[i])->id))
			return false;
	}
	return !was &&
	       is(json_get_string(json_get(event, "would"), "rule"), would ? would->id : NULL);
}

static void note_loss(struct replay *r, const char *kind)
{
	if (r->loss[0])
		return;
	(void)snprintf(r->loss, sizeof(r->loss), "%s", kind);
	(void)snprintf(r->loss_rule, sizeof(r->loss_rule), "on_loss.%s", kind);
}

static enum replay_result on_loss(struct replay *r, const char *kind, const struct json *event,
				  struct replayed *ret)
{
	const bool only_logs = is(kind, "state.evicted") && !policy_state_evicted_acts(r->state);

	/* What had no room is a matter of the policy: this one has its own. */
	if (is(kind, "state.evicted") && !r->evicted)
		return REPLAY_NOTHING;
	if (!only_logs)
		note_loss(r, kind);
	if (is(kind, "trace.lost") || is(kind, "trace.untraced")) {
		assume_labels(r);
		lineages_lose(r->lineages);
		policy_state_assume_unseen(r->state, r->had_file_gate, false);
	}
	if (!verdict_by_name(json_get_string(event, "verdict"), &ret->was))
		return REPLAY_NOTHING;
	ret->was_rule = ret->now_rule = json_get_string(event, "rule");
	ret->now.verdict = only_logs ? VERDICT_LOG : on_loss_verdict(policy_on_loss(r->policy));
	ret->because = json_get_string(event, "because");
	return compare(ret);
}

static uint64_t process_labels(const struct replay *r, const struct json *event)
{
	uint64_t labels = 0;

	for (const struct json *l = json_first(json_get(event, "process_labels")); l;
	     l = json_next(l)) {
		const int index =
			json_string(l) ? policy_label_index(r->policy, json_string(l)) : -1;

		if (index >= 0)
			labels |= UINT64_C(1) << index;
	}
	return labels;
}

/* What the event's fields leave out was empty. */
static const char *read_action(struct replay *r, const struct json *event, const char *line,
			       size_t len)
{
	const struct json *fields = json_get(event, "fields");
	uint64_t number = 0;

	if (fields && json_type(fields) != JSON_OBJECT)
		return "its fields are no object";
	if (json_get(event, "masked")) {
		r->lineage_masked |= r->example.action.kind == ACTION_FORK;
		return "a text in it was redacted";
	}
	if (r->lineage_masked && policy_reads_lineage(r->policy))
		return "a program that its process may come from was redacted";
	if (json_get(fields, "oversize"))
		return "its fields were too large for the record";
	if (r->example.action.kind == ACTION_TOOL_RESULT && policy_reads_results(r->policy))
		return "what a tool returned is not on the record";
	for (const struct json *f = json_first(fields); f; f = json_next(f)) {
		const char *reason = is(json_key(f), "text_bytes")
					     ? NULL
					     : example_set_field(&r->example, json_key(f), f);

		if (reason)
			return reason;
	}
	if (!log_raw_u64(line, len, "ts", &number))
		return "it has no time";
	r->action = r->example.action;
	r->action.time_ns = number;
	r->action.labels = process_labels(r, event);
	(void)snprintf(r->call, sizeof(r->call), "%s",
		       json_get_string(event, "call") ? json_get_string(event, "call") : "");
	r->action.call_id = str_of(r->call);
	if (log_raw_u64(line, len, "exec_id", &number))
		r->action.exec_id = (uint32_t)number;
	if (log_raw_u64(line, len, "pid", &number))
		r->action.pid = (uint32_t)number;
	if (r->action.kind == ACTION_FORK)
		lineages_fork(r->lineages, r->action.exec_id, (uint32_t)r->action.parent,
			      r->action.pid);
	lineages_fill(r->lineages, &r->action);
	return NULL;
}

/* An exec that the kernel has seen; the verdict on it was before. */
static void on_exec_done(struct replay *r, const struct json *event, const char *line, size_t len)
{
	const char *path = json_get_string(json_get(event, "fields"), "path");
	uint64_t exec_id = 0, pid = 0, time_ns = 0;

	r->lineage_masked |= json_get(event, "masked") != NULL;

	if (path && log_raw_u64(line, len, "exec_id", &exec_id) &&
	    log_raw_u64(line, len, "pid", &pid) && log_raw_u64(line, len, "ts", &time_ns))
		lineages_exec(r->lineages, (uint32_t)exec_id, (uint32_t)pid, str_of(path), time_ns);
}

/* Of a net.close, which tells how many bytes left. *ret: what a budget says of the flow now. */
static void count_bytes(struct replay *r, struct replayed *was, struct decision *ret)
{
	const struct json *stopped;
	struct action began;
	enum verdict verdict;

	if (!replay_flows_close(&r->flows, &r->action, &began, &stopped))
		return;
	if (verdict_by_name(json_get_string(stopped, "verdict"), &verdict) && verdict > was->was) {
		was->was = verdict;
		was->was_rule = json_get_string(stopped, "rule");
	}
	if (r->action.bytes_out <= 0 || !policy_budgets_bytes(r->policy))
		return;
	r->counted_bytes = true;
	policy_count_bytes(r->policy, r->state, &began, (uint64_t)r->action.bytes_out, ret);
}

static void note_cpu(struct replay *r, const struct json *fields, uint32_t exec_id)
{
	static const char *const parts[] = {"user_us", "system_us"};
	uint64_t total = 0;

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		int64_t part = 0;

		if (json_i64(json_get(fields, parts[i]), 0, INT64_MAX, &part) == 0)
			total += (uint64_t)part;
	}
	policy_state_note_cpu(r->state, exec_id, total);
}

static void on_exec_end(struct replay *r, const struct json *fields, uint32_t exec_id)
{
	note_cpu(r, fields, exec_id);
	lineages_end(r->lineages, exec_id);
}

static enum replay_result on_action(struct replay *r, const struct json *event, const char *line,
				    size_t len, struct replayed *ret)
{
	const enum verdict lost = on_loss_verdict(policy_on_loss(r->policy));
	const char *kind = json_get_string(event, "kind");
	struct decision by_bytes = {.verdict = VERDICT_ALLOW};
	const struct rule_info *evicted_rule;
	enum replay_result result;
	bool was_lost;

	if (!verdict_by_name(json_get_string(event, "verdict"), &ret->was))
		return REPLAY_NOTHING;
	ret->was_rule = json_get_string(event, "rule");
	example_done(&r->example);
	r->example = (struct example){.action.kind = action_kind_by_name(kind), .repeat = 1};
	ret->reason = read_action(r, event, line, len);
	if (ret->reason) {
		r->masked += json_get(event, "masked") != NULL;
		return REPLAY_UNKNOWN;
	}
	if (r->action.write && !r->had_file_gate)
		r->writes_seen++;
	if (r->action.kind == ACTION_CLOSE)
		count_bytes(r, ret, &by_bytes);
	policy_state_add_labels(r->state, policy_labels_of_read(r->policy, &r->action));
	policy_decide(r->policy, r->state, &r->action, &ret->now);
	if (by_bytes.verdict >= VERDICT_ASK && by_bytes.verdict > ret->now.verdict)
		ret->now = by_bytes;
	if (ret->now.rule || ret->now.verdict != VERDICT_ALLOW)
		ret->now_rule = ret->now.rule ? ret->now.rule->id : "default";
	ret->because = policy_because(r->policy, &r->action, &ret->now);
	/* A sequence is forgotten after the verdict, so that this action is not refused for it. */
	if (r->action.kind == ACTION_PROC_EXIT)
		lineages_exit(r->lineages, r->action.pid);
	was_lost = r->loss[0] != '\0';
	r->evicted = policy_state_evicted(r->state, &evicted_rule) > 0;
	if (policy_state_evicted_acts(r->state))
		note_loss(r, "state.evicted");
	if (was_lost && lost >= VERDICT_ASK && ret->now.verdict < lost &&
	    action_begins(r->action.kind)) {
		ret->now.verdict = lost;
		ret->now.rule = NULL;
		ret->now_rule = r->loss_rule;
		ret->because = "Evidence of this session was lost before.";
	}
	result = compare(ret);
	/* What a budget says of bytes is told elsewhere. */
	if (result == REPLAY_SAME && r->tells_also && by_bytes.verdict == VERDICT_ALLOW &&
	    !has_the_same_beside(r, event, &ret->now))
		return REPLAY_OTHER_ALSO;
	return result;
}

enum replay_result replay_event(struct replay *r, const struct json *event, const char *line,
				size_t len, struct replayed *ret)
{
	const char *kind = json_get_string(event, "kind");
	const struct json *fields = json_get(event, "fields");
	enum replay_result result = REPLAY_NOTHING;
	uint64_t exec_id = 0;

	*ret = (struct replayed){0};
	if (!kind)
		return REPLAY_NOTHING;
	if (r->pending)
		settle_labels(r, event);
	if (is(kind, "label.set")) {
		/* Which of the cases it is, the next event tells. */
		(void)json_parse("event", line, len, &r->pending, NULL);
		return REPLAY_NOTHING;
	}
	if (is(kind, "session.start"))
		on_start(r, fields);
	if (is(kind, "exec.done"))
		on_exec_done(r, event, line, len);
	if (is(kind, "exec.end") && log_raw_u64(line, len, "exec_id", &exec_id))
		on_exec_end(r, fields, (uint32_t)exec_id);
	for (size_t i = 0; i < sizeof(losses) / sizeof(losses[0]); i++) {
		if (is(kind, losses[i]))
			result = on_loss(r, kind, event, ret);
	}
	replay_flows_note(&r->flows, event, line, len);
	if (action_kind_by_name(kind) != ACTION_KINDS)
		result = on_action(r, event, line, len, ret);
	remember(r, event, result != REPLAY_UNKNOWN);
	return result;
}
