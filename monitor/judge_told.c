/* SPDX-License-Identifier: Apache-2.0 */

/* What is said of an action that was judged: its event, and to whom it was refused. */

#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/limits.h"
#include "monitor/judge.h"
#include "monitor/policy/decide.h"
#include "monitor/redact.h"
#include "monitor/session_internal.h"

/*
 * A text of a fixed size, of pieces; what does not fit is cut. Refusals come as fast as a program
 * asks for them, and printf would be a good part of what one costs.
 */
struct text {
	char *at;
	size_t room; /* with the NUL */
};

static void add(struct text *text, const char *bytes, size_t len)
{
	const size_t fits = len < text->room ? len : text->room - 1;

	if (fits)
		memcpy(text->at, bytes, fits);
	text->at += fits;
	text->room -= fits;
	*text->at = '\0';
}

static void add_str(struct text *text, struct str str)
{
	add(text, str.at, str.len);
}

static void add_text(struct text *text, const char *bytes)
{
	add(text, bytes, strlen(bytes));
}

static void add_number(struct text *text, uint64_t value)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	add(text, digits + at, sizeof(digits) - at);
}

static void set_text(char *to, size_t size, const char *bytes)
{
	add_text(&(struct text){to, size}, bytes);
}

const char *judge_call_of(const struct action *action, char text[ACTION_CALL_BYTES])
{
	if (!action->call_id.len)
		return NULL;
	add_str(&(struct text){text, ACTION_CALL_BYTES}, action->call_id);
	return text;
}

static void put_list(struct json_writer *w, const char *name, const struct str_list *list)
{
	json_begin_array(w, name);
	for (size_t i = 0; i < list->count; i++)
		json_put_bytes(w, NULL, list->items[i].at, list->items[i].len);
	json_end_array(w);
}

/* Of what is seldom, and tells the process of all else by its pid; of others where a rule asks. */
static bool tells_lineage(const struct action *action, const struct action_field *field)
{
	return (action->lineage_told || action->kind == ACTION_EXEC ||
		action->kind == ACTION_FORK || action->kind == ACTION_PROC_EXIT) &&
	       !action_is_unknown(action, field);
}

/* What nobody knows is not told; nor is it where no rule reads it. */
static bool is_untold(const struct action *action, const struct action_field *field)
{
	if (action_field_is_past(field))
		return action->past_unknown;
	return action_field_is_lineage(field) && !tells_lineage(action, field);
}

/* Lists that most actions have nothing in are not told of those. */
static bool is_told_empty(const struct action_field *field)
{
	return field->offset != offsetof(struct action, declared) &&
	       !action_field_is_file_labels(field);
}

/* All fields that the kind has, but for empty strings, what the event's head tells already, and the
 * text that a tool returned: it may be what a rule keeps from the agent. */
void judge_put_fields(struct json_writer *w, const struct action *action)
{
	struct field_set left = action_kind_fields(action->kind);
	const struct action_field *field;

	json_begin_object(w, "fields");
	while ((field = field_set_take(&left))) {
		struct str text;

		if (field->offset == offsetof(struct action, call_id) || is_untold(action, field))
			continue;
		if (field->offset == offsetof(struct action, text)) {
			json_put_u64(w, "text_bytes", action->text.len);
			continue;
		}
		switch (field->type) {
		case FIELD_STRING:
			text = action_string(action, field);
			if (text.len)
				json_put_bytes(w, field->name, text.at, text.len);
			break;
		case FIELD_INT:
			json_put_i64(w, field->name, action_integer(action, field));
			break;
		case FIELD_BOOL:
			json_put_bool(w, field->name, action_boolean(action, field));
			break;
		case FIELD_LIST:
			if (is_told_empty(field) || action_list(action, field)->count)
				put_list(w, field->name, action_list(action, field));
			break;
		}
	}
	json_end_object(w);
}

static void describe_host(const struct action *action, char *to, size_t size)
{
	struct text text = {to, size};

	add_str(&text, action->host.len ? action->host : action->address);
	add_text(&text, " port ");
	add_number(&text, (uint64_t)action->port);
}

static void describe(const struct action *action, char *text, size_t size)
{
	switch (action->kind) {
	case ACTION_CONNECT:
	case ACTION_SEND:
	case ACTION_BIND:
	case ACTION_LISTEN:
		if (action->path.len)
			(void)snprintf(text, size, "unix:%.*s", (int)action->path.len,
				       action->path.at);
		else
			describe_host(action, text, size);
		break;
	case ACTION_CLOSE:
		describe_host(action, text, size);
		break;
	case ACTION_DNS:
		(void)snprintf(text, size, "%.*s (%.*s)", (int)action->host.len, action->host.at,
			       (int)action->qtype.len, action->qtype.at);
		break;
	case ACTION_REQUEST:
		(void)snprintf(text, size, "%.*s to %.*s port %lld", (int)action->protocol.len,
			       action->protocol.at, (int)action->host.len, action->host.at,
			       (long long)action->port);
		break;
	case ACTION_TOOL_CALL:
	case ACTION_TOOL_RESULT:
		(void)snprintf(text, size, "%.*s", (int)action->tool.len, action->tool.at);
		break;
	case ACTION_USAGE:
		(void)snprintf(text, size,
			       "%lld ms of processor time, %lld bytes of memory, %lld "
			       "bytes written",
			       (long long)action->cpu_ms, (long long)action->memory_bytes,
			       (long long)action->written_bytes);
		break;
	case ACTION_MEM_EXEC:
		(void)snprintf(text, size, "%.*s of %.*s", (int)action->op.len, action->op.at,
			       action->path.len ? (int)action->path.len : (int)strlen("memory"),
			       action->path.len ? action->path.at : "memory");
		break;
	case ACTION_LIMIT:
		(void)snprintf(text, size, "its limit of %.*s", (int)action->limit.len,
			       action->limit.len ? action->limit.at : "");
		break;
	case ACTION_OUTLIVE:
		(void)snprintf(text, size, "%.*s", (int)action->exe.len,
			       action->exe.len ? action->exe.at : "");
		break;
	case ACTION_EXEC:
	case ACTION_FILE_OPEN:
	case ACTION_FILE_CHANGE:
	case ACTION_FORK:
	case ACTION_PROC_EXIT:
	case ACTION_PROC_CALL:
	case ACTION_SIGNAL:
	case ACTION_KINDS:
		(void)snprintf(text, size, "%.*s", (int)action->path.len,
			       action->path.len ? action->path.at : "");
		break;
	}
}

/* Before it is cut to size, since half of what is protected is not found. */
static void describe_whole(const struct session *session, const struct action *action,
			   struct denial *ret)
{
	char whole[MAX_PATH_BYTES + 64];

	describe(action, whole, sizeof(whole));
	redactor_copy(session->redactor, str_of(whole), ret->subject, sizeof(ret->subject));
}

static void redact_text(const struct session *session, char *text, size_t size)
{
	_cleanup_free_ char *whole = xstrdup(text);

	redactor_copy(session->redactor, str_of(whole), text, size);
}

void judge_redact_denial(const struct session *session, struct denial *denial)
{
	if (!session->redactor)
		return;
	redact_text(session, denial->subject, sizeof(denial->subject));
	redact_text(session, denial->because, sizeof(denial->because));
}

void judge_fill_denial(const struct session *session, const struct action *action,
		       const struct judgement *judgement, struct denial *ret)
{
	const struct rule_info *rule = judgement->decision.rule;
	struct text because = {ret->because, sizeof(ret->because)};

	*ret = (struct denial){.verdict = judgement->decision.verdict, .seq = judgement->seq};
	set_text(ret->kind, sizeof(ret->kind), action_kind_name(action->kind));
	if (session->redactor)
		describe_whole(session, action, ret);
	else
		describe(action, ret->subject, sizeof(ret->subject));
	if (ret->verdict < VERDICT_ASK && !judgement->reason) {
		/* Policy would let it pass; the session is failing. */
		set_text(ret->rule, sizeof(ret->rule), "session");
		(void)snprintf(ret->because, sizeof(ret->because), "The session is ending: %.400s",
			       session->failure.text);
		return;
	}
	set_text(ret->rule, sizeof(ret->rule), rule ? rule->id : "default");
	if (judgement->reason) {
		add_text(&because, judgement->reason);
		add_text(&because, " ");
	}
	/* The rule's text speaks of what may never have been. */
	if (session->labels_assumed &&
	    policy_decided_by_labels(session->policy, &judgement->decision))
		add_text(&because, "Nobody can tell what this session has read (no trace, or "
				   "events of it were lost), so it counts as having read all that "
				   "is protected. The rule says: ");
	else if (policy_decided_unseen(session->policy, session->state, &judgement->decision))
		add_text(&because, "Nobody can see all that this session does (no trace, or events "
				   "of it were lost), so what this rule waits for counts as having "
				   "been. The rule says: ");
	add_text(&because, policy_because(session->policy, action, &judgement->decision));
	if (session->redactor)
		redact_text(session, ret->because, sizeof(ret->because));
}

void judge_record(struct session *session, const struct action *action, struct judgement *judgement)
{
	char call[ACTION_CALL_BYTES];
	const struct event_head head = {
		.time_ns = action->time_ns,
		.call = judge_call_of(action, call),
		.exec_id = action->exec_id,
		.pid = action->pid,
		.kind = action_kind_name(action->kind),
	};
	struct json_writer *w;

	judgement->seq = record_count(session->record);
	w = event_begin_as(session, &head);
	judge_put_fields(w, action);
	if (judgement->decision.process_labels && action->pid)
		policy_put_labels(w, "process_labels", session->policy,
				  judgement->decision.process_labels);
	json_put_string(w, "verdict", verdict_name(judgement->decision.verdict));
	if ((session->mode == MODE_OBSERVE && judgement->decision.verdict >= VERDICT_THROTTLE &&
	     !judgement->by_decoy) ||
	    (judgement->decision.verdict == VERDICT_REDACT && !judgement->redaction))
		json_put_bool(w, "enforced", false);
	if (judgement->by_loss)
		loss_explain(session, w);
	else if (judgement->decision.rule || judgement->decision.verdict != VERDICT_ALLOW)
		policy_explain(session->policy, session->state, action, &judgement->decision, w);
	if (policy_tells_would(&judgement->decision))
		policy_explain_would(session->policy, session->state, action, &judgement->decision,
				     w);
	policy_put_also(session->policy, &judgement->decision, w);
	if (judgement->by_decoy)
		json_put_string(w, "answered_by", "decoy");
	if (judgement->question)
		json_put_u64(w, "question", judgement->question);
	if (judgement->approval)
		json_put_u64(w, "approval", judgement->approval);
	if (judgement->delay_ms)
		json_put_u64(w, "delay_ms", judgement->delay_ms);
	if (judgement->redaction)
		redaction_record(judgement->redaction, w);
	if (judgement->reason)
		json_put_string(w, "reason", judgement->reason);
	event_end(session);
}
