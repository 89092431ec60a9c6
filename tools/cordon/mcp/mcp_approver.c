/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cordon/mcp/mcp_approver.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/json_write.h"
#include "common/plain.h"
#include "tools/toolkit/approver/face.h"

#define WHO "the MCP client"
#define ID  "cordon-ask-"
#define NO_WAY                                                                          \
	"the MCP client does not say that it can be asked (no form in its elicitation " \
	"capability)"

struct open_question {
	uint64_t id;
	char *pattern; /* that was suggested, as JSON; owned, NULL: none */
};

struct mcp_approver {
	struct face face; /* first */
	uv_timer_t timer; /* refuses what cannot be asked: never from within being asked */
	struct mcp_carrier carrier;
	bool can_ask;
	struct open_question open[MAX_OPEN_QUESTIONS];
};

/* ---- what is asked ---- */

static struct open_question *find(struct mcp_approver *a, uint64_t id)
{
	for (size_t i = 0; i < MAX_OPEN_QUESTIONS; i++)
		if (a->open[i].id == id)
			return &a->open[i];
	return NULL;
}

static void forget(struct mcp_approver *a, uint64_t id)
{
	struct open_question *q = find(a, id);

	if (!q)
		return;
	free(q->pattern);
	*q = (struct open_question){0};
}

static void put_member(struct buf *text, const char *label, const struct json *value)
{
	_cleanup_free_ char *printed = value ? json_print(value) : NULL;

	if (!printed)
		return;
	buf_printf(text, "%s: ", label);
	buf_put_plain(text, json_string(value) ? json_string(value) : printed, MAX_QUESTION_BYTES);
	buf_putc(text, '\n');
}

/* All of it is shown: what is not could be what matters. */
static void put_message(struct buf *text, const struct json *q)
{
	buf_puts(text, "cordon: a rule wants this to be agreed to.\n");
	put_member(text, "Action", json_get(q, "kind"));
	put_member(text, "Details", json_get(q, "fields"));
	put_member(text, "Tool", json_get(q, "tool"));
	put_member(text, "Call", json_get(q, "call"));
	put_member(text, "Rule", json_get(q, "rule"));
	put_member(text, "Why it asks", json_get(q, "because"));
	put_member(text, "The session has read", json_get(q, "labels"));
	put_member(text, "Scope \"pattern\" stands for", json_get(q, "pattern"));
}

static void put_choice(struct json_writer *w, const char *key, const char *title,
		       const char *const *choices)
{
	json_begin_object(w, key);
	json_put_string(w, "type", "string");
	json_put_string(w, "title", title);
	json_begin_array(w, "enum");
	for (size_t i = 0; choices[i]; i++)
		json_put_string(w, NULL, choices[i]);
	json_end_array(w);
	json_end_object(w);
}

static void put_schema(struct json_writer *w)
{
	static const char *const verdicts[] = {"allow", "deny", NULL};
	static const char *const scopes[] = {"once", "session", "pattern", NULL};

	json_begin_object(w, "requestedSchema");
	json_put_string(w, "type", "object");
	json_begin_object(w, "properties");
	put_choice(w, "verdict", "May it?", verdicts);
	put_choice(w, "scope", "This once, the same for the session, or all like it?", scopes);
	json_end_object(w);
	json_begin_array(w, "required");
	json_put_string(w, NULL, "verdict");
	json_end_array(w);
	json_end_object(w);
}

static void begin(struct json_writer *w, const char *method)
{
	json_begin_object(w, NULL);
	json_put_string(w, "jsonrpc", "2.0");
	json_put_string(w, "method", method);
}

static void end(struct mcp_approver *a, struct json_writer *w)
{
	json_end_object(w);
	json_end_object(w);
	buf_putc(w->out, '\n');
	a->carrier.send(a->carrier.ctx, w->out);
}

static void send_question(struct mcp_approver *a, uint64_t id, const struct json *question)
{
	_cleanup_buf_ struct buf message = BUF_INIT(0);
	struct buf line = BUF_INIT(0);
	struct json_writer w = {.out = &line};
	char text[48];

	put_message(&message, question);
	(void)snprintf(text, sizeof(text), ID "%" PRIu64, id);
	begin(&w, "elicitation/create");
	json_put_string(&w, "id", text);
	json_begin_object(&w, "params");
	json_put_bytes(&w, "message", message.data, message.len);
	put_schema(&w);
	end(a, &w);
}

static void on_timer(uv_timer_t *timer)
{
	struct mcp_approver *a = timer->data;

	face_fail_all(&a->face, WHO, NO_WAY);
}

static int ask(struct approver *approver, const struct question *question)
{
	struct mcp_approver *a = (struct mcp_approver *)approver;
	_cleanup_(json_freep) struct json *doc = NULL;
	struct open_question *slot = find(a, 0);
	int r;

	if (!a->carrier.send || !slot)
		return -ENOTCONN;
	/* An agent can make questions that nobody waits for any more, without end. */
	if (a->carrier.is_choked(a->carrier.ctx))
		return -ENOBUFS;
	r = json_parse("question", question->text, strlen(question->text), &doc, NULL);
	if (r == 0)
		r = face_note(&a->face, question->id);
	if (r < 0)
		return r;
	if (!a->can_ask)
		return uv_timer_start(&a->timer, on_timer, 0, 0);
	*slot = (struct open_question){.id = question->id};
	if (json_get(doc, "pattern"))
		slot->pattern = json_print(json_get(doc, "pattern"));
	send_question(a, question->id, doc);
	return 0;
}

static void cancel(struct approver *approver, uint64_t id)
{
	struct mcp_approver *a = (struct mcp_approver *)approver;
	struct buf line = BUF_INIT(0);
	struct json_writer w = {.out = &line};
	char text[48];

	face_forget(&a->face, id);
	if (!find(a, id) || !a->carrier.send)
		return;
	forget(a, id);
	(void)snprintf(text, sizeof(text), ID "%" PRIu64, id);
	begin(&w, "notifications/cancelled");
	json_begin_object(&w, "params");
	json_put_string(&w, "requestId", text);
	json_put_string(&w, "reason", "nobody waits for the answer any more");
	end(a, &w);
}

/* ---- what is answered ---- */

void mcp_approver_note_client(struct mcp_approver *a, const struct json *params)
{
	const struct json *ways = json_get(json_get(params, "capabilities"), "elicitation");

	/* An empty one is of a revision that has forms alone. */
	a->can_ask = ways && json_type(ways) == JSON_OBJECT &&
		     (!json_length(ways) || json_get(ways, "form"));
}

/* Its content as an answer of cordon-approver(7); whoever reads that takes what is none for a no.
 */
static char *accepted(const struct json *content, const struct open_question *q)
{
	struct buf out = BUF_INIT(0);
	struct json_writer w = {.out = &out};
	const char *scope = json_get_string(content, "scope");
	bool has_pattern = false;

	json_begin_object(&w, NULL);
	for (const struct json *m = json_first(content); m; m = json_next(m)) {
		_cleanup_free_ char *value = json_print(m);

		json_put_raw(&w, json_key(m), value, strlen(value));
		has_pattern |= strcmp(json_key(m), "pattern") == 0;
	}
	if (scope && strcmp(scope, "pattern") == 0 && q->pattern && !has_pattern)
		json_put_raw(&w, "pattern", q->pattern, strlen(q->pattern));
	json_end_object(&w);
	return out.data;
}

static void reply(struct mcp_approver *a, const struct open_question *q, const struct json *doc)
{
	const struct json *result = json_get(doc, "result");
	const char *action = json_get_string(result, "action");
	_cleanup_free_ char *text = NULL;
	struct reply what = {.by = WHO};

	if (action && strcmp(action, "accept") == 0) {
		text = accepted(json_get(result, "content"), q);
		what.text = text;
	} else if (action && (strcmp(action, "decline") == 0 || strcmp(action, "cancel") == 0)) {
		what.text = "{\"verdict\":\"deny\"}";
	} else {
		what.failure = json_get(doc, "error") ? "the client answered with an error"
						      : "what the client sent is no answer";
	}
	face_reply(&a->face, q->id, &what);
}

void mcp_approver_answer(struct mcp_approver *a, const char *key, const struct json *doc)
{
	for (size_t i = 0; i < MAX_OPEN_QUESTIONS; i++) {
		const struct open_question q = a->open[i];
		char id[48];

		(void)snprintf(id, sizeof(id), "\"" ID "%" PRIu64, q.id);
		if (!q.id || strcmp(key, id) != 0)
			continue;
		a->open[i] = (struct open_question){0};
		reply(a, &q, doc);
		free(q.pattern);
		return;
	}
}

bool mcp_approver_waits(const struct mcp_approver *a)
{
	return a->face.open_count > 0;
}

/* ---- life ---- */

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void close_mcp(struct face *face)
{
	struct mcp_approver *a = (struct mcp_approver *)face;

	if (a->carrier.closed)
		a->carrier.closed(a->carrier.ctx);
	for (size_t i = 0; i < MAX_OPEN_QUESTIONS; i++)
		free(a->open[i].pattern);
	uv_close((uv_handle_t *)&a->timer, on_closed);
}

struct mcp_approver *mcp_approver_new(uv_loop_t *loop)
{
	static const struct approver_ops ops = {.ask = ask, .cancel = cancel};
	struct mcp_approver *a = xcalloc(1, sizeof(*a));

	a->face.approver.ops = &ops;
	a->face.close = close_mcp;
	(void)uv_timer_init(loop, &a->timer);
	a->timer.data = a;
	return a;
}

struct approver *mcp_approver_face(struct mcp_approver *a)
{
	return &a->face.approver;
}

void mcp_approver_carry(struct mcp_approver *a, const struct mcp_carrier *carrier)
{
	a->carrier = *carrier;
}
