/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cordon/policy/check_output.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/json_write.h"
#include "tools/cordon/policy/policy_command.h"
#include "tools/cordon/version.h"

#define INVALID "invalid" /* stands among the kinds of findings for what cannot be loaded */

static const char *level_of(enum finding_kind kind)
{
	return finding_is_note(kind) ? "note" : "warning";
}

/* Rules that take no hold, and those that do so only beside a bound folder, are the sum's. */
static bool takes_hold(const struct rule_hold *holds, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (holds[i].host_bound != HOLD_NONE)
			return true;
	}
	return false;
}

/* ---- text ---- */

static void print_hold(const struct rule_hold *hold, const char *separator)
{
	(void)printf("%s%s", separator, action_kind_name(hold->kind));
	if (hold->access)
		(void)printf(" (%s)", hold->access);
	(void)printf(" %s", hold_name(hold->host_bound));
	if (hold->hold == hold->host_bound)
		return;
	(void)printf(" where a host folder is bound writable");
	if (hold->hold != HOLD_NONE)
		(void)printf(", else %s", hold_name(hold->hold));
}

static size_t print_rules(const struct checked *c, bool colour)
{
	const struct policy *policy = c->lint.set.policy;
	size_t idle = 0;
	int width = 0;

	for (size_t i = 0; i < policy_rule_count(policy); i++) {
		const int len = (int)strlen(policy_rule(policy, i)->id);

		width = len > width ? len : width;
	}
	for (size_t i = 0; i < policy_rule_count(policy); i++) {
		const enum verdict verdict = policy_rule_verdict(policy, i);
		struct rule_hold holds[MAX_RULE_HOLDS];
		const size_t count = policy_rule_holds(policy, i, c->traced, holds);

		idle += !takes_hold(holds, count);
		(void)printf("%-*s  %s%-5s%s  ", width, policy_rule(policy, i)->id,
			     verdict_colour(verdict, colour), verdict_name(verdict),
			     end_colour(colour));
		for (size_t h = 0; h < count; h++)
			print_hold(&holds[h], h ? "; " : "");
		if (policy_rule_is_observed(policy, i))
			(void)fputs("  (observed only)", stdout);
		if (!c->traced && policy_rule_needs_trace(policy, i))
			(void)printf("; what it waits for is not seen, and counts as having been");
		(void)putchar('\n');
	}
	return idle;
}

void check_print_text(const struct checked *c, bool colour)
{
	const size_t rules = policy_rule_count(c->lint.set.policy);
	size_t warnings = 0;
	size_t idle;

	for (size_t i = 0; i < c->lint.count; i++) {
		const struct finding *f = &c->lint.findings[i];
		const bool note = finding_is_note(f->kind);

		warnings += !note;
		print_text(f->file);
		(void)printf(":%u:%u: %s%s%s: ", f->line, f->column,
			     !colour ? ""
			     : note  ? "\033[36m"
				     : "\033[33m",
			     level_of(f->kind), end_colour(colour));
		print_text(f->text);
		(void)printf(" [%s]\n", finding_name(f->kind));
	}
	if (c->lint.count)
		(void)putchar('\n');
	idle = print_rules(c, colour);
	(void)printf("\n%zu rule%s in %zu file%s: %zu to mend, %zu note%s", rules,
		     rules == 1 ? "" : "s", c->lint.set.sources.count,
		     c->lint.set.sources.count == 1 ? "" : "s", warnings, c->lint.count - warnings,
		     c->lint.count - warnings == 1 ? "" : "s");
	if (idle)
		(void)printf("; %zu take%s no hold here", idle, idle == 1 ? "s" : "");
	(void)putchar('\n');
	if (!c->traced)
		(void)printf(
			"There is no trace%s%s: what is seen after it happened is not seen, and all "
			"labels that rules read count as set.\n",
			c->why_not[0] ? " here: " : "", c->why_not);
}

/* ---- JSON ---- */

/* "file:line:column: reason", as policy errors are; without a place all of it is the reason. */
struct place {
	char file[512];
	unsigned line, column;
	const char *reason;
};

static void split_error(const char *text, struct place *ret)
{
	const char *colon = strchr(text, ':');
	char *end;

	*ret = (struct place){.reason = text};
	for (; colon; colon = strchr(colon + 1, ':')) {
		ret->line = (unsigned)strtoul(colon + 1, &end, 10);
		if (*end != ':' || !ret->line)
			continue;
		ret->column = (unsigned)strtoul(end + 1, &end, 10);
		if (strncmp(end, ": ", 2) == 0 && ret->column)
			break;
	}
	if (!colon || (size_t)(colon - text) >= sizeof(ret->file)) {
		ret->line = ret->column = 0;
		return;
	}
	memcpy(ret->file, text, (size_t)(colon - text));
	ret->reason = end + 2;
}

static void put_findings(struct json_writer *w, const struct checked *c)
{
	struct place place;

	json_begin_array(w, "findings");
	if (c->error) {
		split_error(c->error->text, &place);
		json_begin_object(w, NULL);
		json_put_string(w, "finding", INVALID);
		json_put_string(w, "level", "error");
		json_put_string(w, "file", place.line ? place.file : NULL);
		json_put_u64(w, "line", place.line);
		json_put_u64(w, "column", place.column);
		json_put_string(w, "rule", NULL);
		json_put_string(w, "text", place.reason);
		json_end_object(w);
	}
	for (size_t i = 0; i < c->lint.count; i++) {
		const struct finding *f = &c->lint.findings[i];

		json_begin_object(w, NULL);
		json_put_string(w, "finding", finding_name(f->kind));
		json_put_string(w, "level", level_of(f->kind));
		json_put_string(w, "file", f->file);
		json_put_u64(w, "line", f->line);
		json_put_u64(w, "column", f->column);
		json_put_string(w, "rule", f->rule);
		json_put_string(w, "text", f->text);
		json_end_object(w);
	}
	json_end_array(w);
}

static void put_rule(struct json_writer *w, const struct checked *c, size_t index)
{
	const struct policy *policy = c->lint.set.policy;
	const struct rule_info *info = policy_rule(policy, index);
	struct rule_hold holds[MAX_RULE_HOLDS];
	const size_t count = policy_rule_holds(policy, index, c->traced, holds);

	json_begin_object(w, NULL);
	json_put_string(w, "rule", info->id);
	json_put_string(w, "file", info->file);
	json_put_string(w, "category", info->category);
	json_put_string(w, "severity", info->severity);
	json_put_string(w, "maturity", info->maturity);
	json_put_string(w, "verdict", verdict_name(policy_rule_verdict(policy, index)));
	json_put_string(w, "mode", policy_rule_is_observed(policy, index) ? "observe" : "enforce");
	json_begin_array(w, "enforced");
	for (size_t h = 0; h < count; h++) {
		json_begin_object(w, NULL);
		json_put_string(w, "kind", action_kind_name(holds[h].kind));
		json_put_string(w, "access", holds[h].access);
		json_put_string(w, "where", hold_name(holds[h].hold));
		json_put_string(w, "where_host_bound", hold_name(holds[h].host_bound));
		json_end_object(w);
	}
	json_end_array(w);
	json_put_bool(w, "needs_trace", policy_rule_needs_trace(policy, index));
	json_end_object(w);
}

void check_print_json(const struct checked *c)
{
	_cleanup_buf_ struct buf out = BUF_INIT(0);
	struct json_writer w = {.out = &out, .indent = true};

	json_begin_object(&w, NULL);
	put_findings(&w, c);
	if (!c->error) {
		json_put_string(&w, "trace", c->traced ? "on" : "off");
		json_put_string(&w, "trace_reason",
				!c->traced && c->why_not[0] ? c->why_not : NULL);
		json_begin_array(&w, "rules");
		for (size_t i = 0; i < policy_rule_count(c->lint.set.policy); i++)
			put_rule(&w, c, i);
		json_end_array(&w);
	}
	json_end_object(&w);
	(void)puts(out.data);
}

/* ---- SARIF ---- */

static void put_text_object(struct json_writer *w, const char *key, const char *text)
{
	json_begin_object(w, key);
	json_put_string(w, "text", text);
	json_end_object(w);
}

/* RFC 3986: a path as a URI reference; the first component of a relative one may hold a colon. */
static void put_uri(struct json_writer *w, const char *path)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "-._~/";
	_cleanup_buf_ struct buf uri = BUF_INIT(0);

	buf_puts(&uri, *path == '/' ? "file://" : "");
	for (; *path; path++) {
		if (strchr(plain, *path))
			buf_putc(&uri, *path);
		else
			buf_printf(&uri, "%%%02X", (unsigned)(unsigned char)*path);
	}
	json_put_string(w, "uri", uri.data);
}

static void put_result(struct json_writer *w, const char *kind, const char *level, const char *text,
		       const struct place *place)
{
	json_begin_object(w, NULL);
	json_put_string(w, "ruleId", kind);
	json_put_string(w, "level", level);
	put_text_object(w, "message", text);
	json_begin_array(w, "locations");
	if (place->line) {
		json_begin_object(w, NULL);
		json_begin_object(w, "physicalLocation");
		json_begin_object(w, "artifactLocation");
		put_uri(w, place->file);
		json_end_object(w);
		json_begin_object(w, "region");
		json_put_u64(w, "startLine", place->line);
		json_put_u64(w, "startColumn", place->column);
		json_end_object(w);
		json_end_object(w);
		json_end_object(w);
	}
	json_end_array(w);
	json_end_object(w);
}

static void put_driver_rule(struct json_writer *w, const char *name, const char *meaning)
{
	json_begin_object(w, NULL);
	json_put_string(w, "id", name);
	put_text_object(w, "shortDescription", meaning);
	json_end_object(w);
}

static void put_tool(struct json_writer *w)
{
	json_begin_object(w, "tool");
	json_begin_object(w, "driver");
	json_put_string(w, "name", "cordon policy check");
	json_put_string(w, "version", CORDON_VERSION);
	json_begin_array(w, "rules");
	put_driver_rule(w, INVALID, "A policy cannot be loaded.");
	for (unsigned k = 0; k < FINDING_KINDS; k++)
		put_driver_rule(w, finding_name((enum finding_kind)k),
				finding_meaning((enum finding_kind)k));
	json_end_array(w);
	json_end_object(w);
	json_end_object(w);
}

void check_print_sarif(const struct checked *c)
{
	_cleanup_buf_ struct buf out = BUF_INIT(0);
	struct json_writer w = {.out = &out, .indent = true};
	struct place place;

	json_begin_object(&w, NULL);
	json_put_string(&w, "$schema", "https://json.schemastore.org/sarif-2.1.0.json");
	json_put_string(&w, "version", "2.1.0");
	json_begin_array(&w, "runs");
	json_begin_object(&w, NULL);
	put_tool(&w);
	json_put_string(&w, "columnKind", "unicodeCodePoints");
	json_begin_array(&w, "results");
	if (c->error) {
		split_error(c->error->text, &place);
		put_result(&w, INVALID, "error", place.reason, &place);
	}
	for (size_t i = 0; i < c->lint.count; i++) {
		const struct finding *f = &c->lint.findings[i];

		place = (struct place){.line = f->line, .column = f->column};
		(void)snprintf(place.file, sizeof(place.file), "%s", f->file);
		put_result(&w, finding_name(f->kind), level_of(f->kind), f->text, &place);
	}
	json_end_array(&w);
	json_end_object(&w);
	json_end_array(&w);
	json_end_object(&w);
	(void)puts(out.data);
}
