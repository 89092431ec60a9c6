/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What a tool returned, without what is protected in it: the session's canaries and what the
 * policy's patterns match. All that lies in some match is cut out, and a mark says whose it was.
 * Afterwards nothing of it may be left: no canary in an encoding, which can be found but not cut
 * out, and no text that a rule to redact still matches by. Else the result is withheld.
 */

#include "monitor/redact.h"

#include <errno.h>
#include <string.h>

#include "common/cleanup.h"
#include "monitor/net/canary.h"
#include "monitor/policy/decide.h"
#include "monitor/policy/redact.h"
#include "monitor/session_internal.h"
#include "monitor/session_net_internal.h"

#define WITHHELD(_why) "What is protected in it cannot be cut out: " _why

/* Also of a session without a network: what may not leave may not be told either. */
static int gather(const struct session *session, struct canaries *ret)
{
	int r = canaries_add_given(ret, session->net_config.canaries, NULL);

	if (r == 0 && session->net && session->net->decoy)
		r = session_decoy_canaries(session->net->decoy, ret, NULL);
	return r;
}

void redact_find_canaries(const struct canaries *canaries, struct str text,
			  struct redact_spans *spans)
{
	for (size_t i = 0; i < canaries->count; i++) {
		const struct str canary = canaries->texts[i];
		const char *at = text.at;
		const char *end = text.at + text.len;

		while (at < end && (at = memmem(at, (size_t)(end - at), canary.at, canary.len))) {
			const size_t start = (size_t)(at - text.at);

			redact_spans_add(spans, (struct redact_span){start, start + canary.len,
								     canaries->names[i]});
			at++; /* one may begin within another */
		}
	}
}

static int by_start(const void *a, const void *b)
{
	const struct redact_span *x = a;
	const struct redact_span *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return x->end > y->end ? -1 : x->end < y->end;
}

static void count_one(struct redaction *redaction, struct str name)
{
	size_t i = 0;

	while (i < redaction->count && !str_eq(redaction->items[i].name, name))
		i++;
	if (i == redaction->count) {
		redaction->items =
			xrealloc_array(redaction->items, i + 1, sizeof(*redaction->items));
		redaction->items[redaction->count++] =
			(struct redacted){{xstrndup(name.at, name.len), name.len}, 0};
	}
	redaction->items[i].times++;
}

void redact_sort(struct redact_spans *spans)
{
	if (spans->count)
		qsort(spans->items, spans->count, sizeof(*spans->items), by_start);
}

/* Spans that overlap become one, by the name of the first. */
static void cut(struct str text, struct redact_spans *spans, struct redaction *ret)
{
	size_t at = 0;

	redact_sort(spans);
	for (size_t i = 0; i < spans->count; i++) {
		const struct redact_span *span = &spans->items[i];

		count_one(ret, span->name);
		if (span->start >= at) {
			buf_put(&ret->text, text.at + at, span->start - at);
			buf_puts(&ret->text, "[redacted:");
			buf_put(&ret->text, span->name.at, span->name.len);
			buf_putc(&ret->text, ']');
		}
		at = span->end > at ? span->end : at;
	}
	buf_put(&ret->text, text.at + at, text.len - at);
}

/* What cannot be looked at may hold one, too. */
static bool hides_canary(struct canaries *canaries, struct str text)
{
	_cleanup_(scan_freep) struct scan *scan = NULL;

	if (!canaries->count)
		return false;
	if (canaries_build(canaries, NULL) < 0)
		return true;
	scan = scan_new(canaries->set);
	scan_feed(scan, text.at, text.len);
	return scan_found(scan) || scan_gave_up(scan);
}

static struct str text_of(const struct redaction *redaction)
{
	return (struct str){redaction->text.len ? redaction->text.data : "", redaction->text.len};
}

static const char *redact(struct session *session, struct canaries *canaries,
			  const struct action *action, struct redaction *ret)
{
	_cleanup_(redact_spans_done) struct redact_spans spans = {0};
	struct action shown = *action;

	if (gather(session, canaries) < 0)
		return WITHHELD("the canaries cannot be told.");
	redact_find_canaries(canaries, action->text, &spans);
	if (policy_redact_spans(session->policy, action->text, &spans) < 0)
		return WITHHELD("there is too much of it.");
	cut(action->text, &spans, ret);
	shown.text = text_of(ret);
	if (hides_canary(canaries, shown.text))
		return WITHHELD("it is there in an encoding, or in what cannot be looked at.");
	if (policy_still_redacts(session->policy, session->state, &shown))
		return WITHHELD("the rule would match what is left.");
	return NULL;
}

struct redaction *redaction_new(struct session *session, const struct action *action)
{
	struct redaction *redaction = xcalloc(1, sizeof(*redaction));
	struct canaries canaries = {0};

	redaction->withheld = redact(session, &canaries, action, redaction);
	canaries_done(&canaries);
	return redaction;
}

struct redaction *redaction_free(struct redaction *redaction)
{
	if (!redaction)
		return NULL;
	for (size_t i = 0; i < redaction->count; i++)
		free(without_const(redaction->items[i].name.at));
	free(redaction->items);
	buf_done(&redaction->text);
	free(redaction);
	return NULL;
}

void redaction_record(const struct redaction *redaction, struct json_writer *w)
{
	json_begin_array(w, "redacted");
	for (size_t i = 0; i < redaction->count; i++) {
		json_begin_object(w, NULL);
		json_put_bytes(w, "name", redaction->items[i].name.at,
			       redaction->items[i].name.len);
		json_put_u64(w, "count", redaction->items[i].times);
		json_end_object(w);
	}
	json_end_array(w);
	if (redaction->withheld)
		json_put_bool(w, "withheld", true);
}

bool session_redact_text(struct session *session, struct str text, struct buf *out)
{
	const struct action action = {
		.kind = ACTION_TOOL_RESULT, .time_ns = monotonic_ns(), .text = text};
	struct redaction *redaction = redaction_new(session, &action);
	const bool is_whole = !redaction->withheld;

	if (is_whole)
		buf_put(out, redaction->text.data ? redaction->text.data : "", redaction->text.len);
	redaction_free(redaction);
	return is_whole;
}
