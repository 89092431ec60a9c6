/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tool call is the span from its tool.call to its tool.result, or to the record's end where it
 * has none. A line holds one span, as a whole request of OTLP, so that lines can be sent apart.
 *
 * Names: OpenTelemetry's semantic conventions for generative AI, "execute tool" span. What a tool
 * was told and what it answered is left out, as these want it where nobody asked for it.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "common/cleanup.h"
#include "common/json_write.h"
#include "tools/cordon/log/log_export.h"
#include "tools/cordon/log/log_severity.h"
#include "tools/cordon/version.h"

enum {
	SPAN_KIND_INTERNAL = 1,
	STATUS_UNSET = 0,
	STATUS_ERROR = 2,
	SPAN_ID_DIGITS = 16,
};

struct otel_span {
	char *call; /* owned, as all texts */
	char *tool;
	char *session;
	char id[SPAN_ID_DIGITS + 1];
	uint64_t begin_ts;
	struct buf events; /* members of an array */
	char *refused_by;  /* the last rule that refused, or NULL */
	struct otel_span *next, *prev;
};

/* Hashes of lines are unlike each other, which is all that an id has to be. */
static void take_id(char *ret, size_t digits, const struct json *event)
{
	const char *hash = json_get_string(event, "hash");
	const size_t len = hash ? strspn(hash, "0123456789abcdef") : 0;

	(void)memset(ret, '0', digits);
	(void)memcpy(ret, hash ? hash : "", len < digits ? len : digits);
	ret[digits] = '\0';
}

static void put_time(struct json_writer *w, const char *key, const struct log_exporter *e,
		     uint64_t ts)
{
	char digits[24];

	/* OTLP has 64-bit numbers as texts. */
	(void)snprintf(digits, sizeof(digits), "%" PRIi64, log_utc_ns(e->clock, ts));
	json_put_string(w, key, digits);
}

static void put_attribute(struct json_writer *w, const char *key, const char *value)
{
	if (!value)
		return;
	json_begin_object(w, NULL);
	json_put_string(w, "key", key);
	json_begin_object(w, "value");
	json_put_string(w, "stringValue", value);
	json_end_object(w);
	json_end_object(w);
}

static struct otel_span *find(struct log_exporter *e, const char *call)
{
	struct otel_span *span;

	DL_FOREACH (e->spans, span)
		if (call && strcmp(span->call, call) == 0)
			return span;
	return NULL;
}

static void begin(struct log_exporter *e, const struct json *event, uint64_t ts)
{
	const char *tool = json_get_string(json_get(event, "fields"), "tool");
	const char *call = json_get_string(event, "call");
	const char *session = json_get_string(event, "session");
	struct otel_span *span;

	if (!call || !tool)
		return;
	span = xcalloc(1, sizeof(*span));
	span->call = xstrdup(call);
	span->tool = xstrdup(tool);
	span->session = xstrdup(session ? session : "");
	span->begin_ts = ts;
	take_id(span->id, SPAN_ID_DIGITS, event);
	DL_APPEND(e->spans, span);
}

static bool is_refused(const char *verdict)
{
	return verdict && (strcmp(verdict, "deny") == 0 || strcmp(verdict, "kill") == 0);
}

/* The rules that matched beside the one that decided. */
static void put_also(struct json_writer *w, const struct json *event)
{
	const struct json *also = json_get(event, "also");
	bool any = false;

	for (const struct json *a = json_first(also); a; a = json_next(a))
		any |= !log_is_observed(a) && json_get_string(a, "rule");
	if (!any)
		return;
	json_begin_object(w, NULL);
	json_put_string(w, "key", "cordon.also");
	json_begin_object(w, "value");
	json_begin_object(w, "arrayValue");
	json_begin_array(w, "values");
	for (const struct json *a = json_first(also); a; a = json_next(a)) {
		if (log_is_observed(a) || !json_get_string(a, "rule"))
			continue;
		json_begin_object(w, NULL);
		json_put_string(w, "stringValue", json_get_string(a, "rule"));
		json_end_object(w);
	}
	json_end_array(w);
	json_end_object(w);
	json_end_object(w);
	json_end_object(w);
}

/* An action that a rule spoke on, or that a default refused. */
static void add_event(const struct log_exporter *e, struct otel_span *span,
		      const struct json *event, uint64_t ts)
{
	const char *verdict = json_get_string(event, "verdict");
	const char *rule = json_get_string(event, "rule");
	/* Inside an array, whose brackets come later. */
	struct json_writer w = {.out = &span->events, .comma = span->events.len > 0};

	if (!rule && !is_refused(verdict))
		return;
	json_begin_object(&w, NULL);
	put_time(&w, "timeUnixNano", e, ts);
	json_put_string(&w, "name", "cordon.verdict");
	json_begin_array(&w, "attributes");
	put_attribute(&w, "cordon.action", json_get_string(event, "kind"));
	put_attribute(&w, "cordon.verdict", verdict);
	put_attribute(&w, "cordon.rule", rule);
	put_attribute(&w, "cordon.severity", log_severity_name_of(event));
	put_attribute(&w, "cordon.because", json_get_string(event, "because"));
	put_also(&w, event);
	put_attribute(&w, "cordon.event", json_get_string(event, "hash"));
	json_end_array(&w);
	json_end_object(&w);
	if (!is_refused(verdict))
		return;
	free(span->refused_by);
	span->refused_by = xstrdup(rule ? rule : "default");
}

static void put_span(struct json_writer *w, const struct log_exporter *e,
		     const struct otel_span *span, const char *error, uint64_t end_ts)
{
	_cleanup_free_ char *name = xasprintf("execute_tool %s", span->tool);

	json_begin_object(w, NULL);
	json_put_string(w, "traceId", e->trace);
	json_put_string(w, "spanId", span->id);
	json_put_string(w, "name", name);
	json_put_u64(w, "kind", SPAN_KIND_INTERNAL);
	put_time(w, "startTimeUnixNano", e, span->begin_ts);
	put_time(w, "endTimeUnixNano", e, end_ts);
	json_begin_array(w, "attributes");
	put_attribute(w, "gen_ai.operation.name", "execute_tool");
	put_attribute(w, "gen_ai.tool.name", span->tool);
	put_attribute(w, "gen_ai.tool.call.id", span->call);
	put_attribute(w, "gen_ai.tool.type", "function");
	put_attribute(w, "cordon.session", span->session);
	put_attribute(w, "cordon.refused_by", span->refused_by);
	put_attribute(w, "error.type", error);
	json_end_array(w);
	json_key_of(w, "events");
	json_open(w, '[');
	json_word(w, span->events.len ? span->events.data : "", span->events.len);
	json_close(w, ']');
	json_begin_object(w, "status");
	json_put_u64(w, "code", error ? STATUS_ERROR : STATUS_UNSET);
	json_end_object(w);
	json_end_object(w);
}

/* @error: what went wrong, in a word, or NULL. */
static void end(struct log_exporter *e, struct otel_span *span, const char *error, uint64_t ts,
		struct buf *out)
{
	struct json_writer w = {.out = out};

	json_begin_object(&w, NULL);
	json_begin_array(&w, "resourceSpans");
	json_begin_object(&w, NULL);
	json_begin_object(&w, "resource");
	json_begin_array(&w, "attributes");
	put_attribute(&w, "service.name", "cordon");
	put_attribute(&w, "service.version", CORDON_VERSION);
	json_end_array(&w);
	json_end_object(&w);
	json_begin_array(&w, "scopeSpans");
	json_begin_object(&w, NULL);
	json_begin_object(&w, "scope");
	json_put_string(&w, "name", "cordon");
	json_put_string(&w, "version", CORDON_VERSION);
	json_end_object(&w);
	json_begin_array(&w, "spans");
	put_span(&w, e, span, error, ts);
	json_end_array(&w);
	json_end_object(&w);
	json_end_array(&w);
	json_end_object(&w);
	json_end_array(&w);
	json_end_object(&w);
	buf_putc(out, '\n');
	DL_DELETE(e->spans, span);
	buf_done(&span->events);
	free(span->call);
	free(span->tool);
	free(span->session);
	free(span->refused_by);
	free(span);
}

void export_otel(struct log_exporter *e, const struct json *event, const char *line, size_t len,
		 struct buf *out)
{
	const char *kind = json_get_string(event, "kind");
	const bool is_error = json_bool(json_get(json_get(event, "fields"), "is_error"));
	struct otel_span *span;
	uint64_t ts = 0;

	(void)log_raw_u64(line, len, "ts", &ts);
	e->last_ts = ts;
	if (!e->trace[0])
		take_id(e->trace, sizeof(e->trace) - 1, event);
	if (strcmp(kind, "tool.call") == 0)
		begin(e, event, ts);
	span = find(e, json_get_string(event, "call"));
	if (!span)
		return;
	add_event(e, span, event, ts);
	if (strcmp(kind, "tool.result") == 0)
		end(e, span, is_error ? "tool_error" : NULL, ts, out);
}

void export_otel_end(struct log_exporter *e, struct buf *out)
{
	while (e->spans)
		end(e, e->spans, e->spans->refused_by ? "refused" : "no_result", e->last_ts, out);
}
