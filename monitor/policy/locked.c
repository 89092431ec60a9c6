/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Files that are locked: what else is loaded may not weaken them. Strictness decides between rules,
 * defaults and on_loss anyhow, so little is left that could: to add to a list, to allow what a
 * default refuses, to take a label away.
 */

#include <errno.h>
#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "monitor/policy/rule.h"

static bool is_locked(const struct source *source)
{
	return json_bool(json_get(source->doc, "locked"));
}

/* ---- lists ---- */

static int check_lists(const struct source *locked, const struct source *other, struct error *err)
{
	const struct json *lists = json_get(other->doc, "lists");

	for (const struct json *l = json_first(lists); l; l = json_next(l)) {
		_cleanup_free_ char *at = NULL;

		if (!json_get(json_get(locked->doc, "lists"), json_key(l)))
			continue;
		at = policy_member_path("$.lists", json_key(l));
		return source_error(other, err, EPERM, at,
				    "%s is locked, and nothing may be added to its list %s: "
				    "have it added there, or lock this file too",
				    locked->name, json_key(l));
	}
	return 0;
}

/* ---- rules ---- */

/* What the locked files say that a rule elsewhere could undo. */
struct locked_facts {
	uint64_t labels;
	enum verdict defaults[ACTION_KINDS]; /* VERDICT_ALLOW: none */
	const char *default_files[ACTION_KINDS];
};

static void note_defaults(const struct source *source, struct locked_facts *ret)
{
	const struct json *defaults = json_get(source->doc, "defaults");

	for (const struct json *d = json_first(defaults); d; d = json_next(d)) {
		const enum action_kind kind = action_kind_by_name(json_key(d));
		enum verdict verdict;

		if (kind == ACTION_KINDS || !verdict_by_name(json_string(d), &verdict) ||
		    verdict <= ret->defaults[kind])
			continue;
		ret->defaults[kind] = verdict;
		ret->default_files[kind] = source->name;
	}
}

static void note_labels(const struct policy *policy, const struct source *source, size_t first,
			struct locked_facts *ret)
{
	const struct json *labels = json_get(source->doc, "labels");
	const size_t count = json_length(json_get(source->doc, "rules"));

	for (const struct json *l = json_first(labels); l; l = json_next(l)) {
		const int index = policy_label_index(policy, json_get_string(l, "label"));

		ret->labels |= index < 0 ? 0 : UINT64_C(1) << index;
	}
	for (size_t i = first; i < first + count; i++)
		ret->labels |= policy->rules[i].labels | policy->rules[i].labels_read;
}

static bool stands_in_place(const struct rule *rule, enum verdict verdict)
{
	return !verdict_only_adds(rule->verdict) && !rule->observed && rule->verdict < verdict;
}

static int check_rule(const struct locked_facts *locked, const struct rule *rule,
		      const struct source *source, size_t in_file, struct error *err)
{
	_cleanup_free_ char *verdict = xasprintf("$.rules[%zu].verdict", in_file);
	_cleanup_free_ char *declassify = xasprintf("$.rules[%zu].declassify", in_file);

	for (unsigned kind = 0; kind < ACTION_KINDS; kind++) {
		if ((rule->kinds & (1u << kind)) && stands_in_place(rule, locked->defaults[kind]))
			return source_error(
				source, err, EPERM, verdict,
				"%s is locked and has the default %s for %s, which "
				"the rule %s may not weaken: have it put there, or "
				"lock this file too",
				locked->default_files[kind], verdict_name(locked->defaults[kind]),
				action_kind_name((enum action_kind)kind), rule->info.id);
	}
	if (rule->declassify & locked->labels)
		return source_error(source, err, EPERM, declassify,
				    "a locked file names a label that the rule %s takes away: "
				    "have the rule put there, or lock this file too",
				    rule->info.id);
	return 0;
}

static int check_rules(const struct policy *policy, const struct sources *s,
		       const struct locked_facts *locked, struct error *err)
{
	size_t next = 0;

	for (size_t i = 0; i < s->count; i++) {
		const struct source *source = &s->items[i];
		const size_t count = json_length(json_get(source->doc, "rules"));

		for (size_t n = 0; n < count && !is_locked(source); n++) {
			const int r = check_rule(locked, &policy->rules[next + n], source, n, err);

			if (r < 0)
				return r;
		}
		next += count;
	}
	return 0;
}

int policy_check_locked(struct policy *policy, const struct sources *s, struct error *err)
{
	struct locked_facts locked = {0};
	size_t next = 0;

	for (size_t i = 0; i < s->count; i++) {
		const struct source *source = &s->items[i];

		if (is_locked(source)) {
			policy->locked = policy->files[i];
			note_defaults(source, &locked);
			note_labels(policy, source, next, &locked);
		}
		next += json_length(json_get(source->doc, "rules"));
		for (size_t other = 0; is_locked(source) && other < s->count; other++) {
			const int r = is_locked(&s->items[other])
					      ? 0
					      : check_lists(source, &s->items[other], err);

			if (r < 0)
				return r;
		}
	}
	return policy->locked ? check_rules(policy, s, &locked, err) : 0;
}
