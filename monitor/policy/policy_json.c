/* SPDX-License-Identifier: Apache-2.0 */

/* One policy document: its lists, labels, defaults, on_loss. Rules are decoded in rule_json.c. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "monitor/policy/rule.h"

struct document {
	const struct json *policy, *version, *description, *locked, *redact, *lists, *macros,
		*labels, *defaults, *on_loss, *rules;
};

static const struct json_field document_fields[] = {
	{"policy", JSON_STRING, true, offsetof(struct document, policy)},
	{"version", JSON_NUMBER, true, offsetof(struct document, version)},
	{"description", JSON_STRING, false, offsetof(struct document, description)},
	{"locked", JSON_BOOL, false, offsetof(struct document, locked)},
	{"redact", JSON_ARRAY, false, offsetof(struct document, redact)},
	{"lists", JSON_OBJECT, false, offsetof(struct document, lists)},
	{"macros", JSON_OBJECT, false, offsetof(struct document, macros)},
	{"labels", JSON_ARRAY, false, offsetof(struct document, labels)},
	{"defaults", JSON_OBJECT, false, offsetof(struct document, defaults)},
	{"on_loss", JSON_STRING, false, offsetof(struct document, on_loss)},
	{"rules", JSON_ARRAY, false, offsetof(struct document, rules)},
};

static int decode_document(const struct source *source, struct document *ret, struct error *err)
{
	if (json_decode(source->doc, "$", document_fields,
			sizeof(document_fields) / sizeof(document_fields[0]), ret, err) < 0)
		return source_located(source, err);
	return 0;
}

static bool is_plain_name(struct str name)
{
	if (!name.len || name.len > MAX_NAME_BYTES)
		return false;
	for (size_t i = 0; i < name.len; i++) {
		const char c = name.at[i];

		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
		      (i && (c == '-' || c == '.'))))
			return false;
	}
	return true;
}

int policy_label_intern(struct policy *policy, struct str name)
{
	for (size_t i = 0; i < policy->label_count; i++) {
		if (str_eq(policy->label_names[i], name))
			return (int)i;
	}
	if (!is_plain_name(name))
		return -EINVAL;
	if (policy->label_count == MAX_LABELS)
		return -E2BIG;
	policy->label_names[policy->label_count] =
		(struct str){xstrndup(name.at, name.len), name.len};
	return (int)policy->label_count++;
}

bool policy_is_name(const char *name)
{
	return is_plain_name(str_of(name)) && !strpbrk(name, ".-");
}

char *policy_member_path(const char *object, const char *name)
{
	_cleanup_buf_ struct buf quoted = BUF_INIT(0);
	struct json_writer w = {.out = &quoted};

	json_put_string(&w, NULL, name);
	return xasprintf("%s[%s]", object, quoted.data);
}

static struct cel_list *list_of_name(struct policy *policy, const char *name)
{
	for (size_t i = 0; i < policy->list_count; i++) {
		if (strcmp(policy->lists[i].name, name) == 0)
			return &policy->lists[i];
	}
	policy->lists =
		xrealloc_array(policy->lists, policy->list_count + 1, sizeof(*policy->lists));
	policy->lists[policy->list_count] =
		(struct cel_list){.name = xstrdup(name), .item = CEL_STRING};
	return &policy->lists[policy->list_count++];
}

static int decode_lists(struct policy *policy, const struct source *source,
			const struct json *lists, struct error *err)
{
	for (const struct json *l = json_first(lists); l; l = json_next(l)) {
		_cleanup_free_ char *at = policy_member_path("$.lists", json_key(l));
		struct cel_list *list;

		if (!policy_is_name(json_key(l)))
			return source_error(source, err, EINVAL, at,
					    "a list's name has letters a-z, digits and _, not "
					    "\"%.64s\"",
					    json_key(l));
		if (json_type(l) != JSON_ARRAY)
			return source_error(source, err, EINVAL, at,
					    "list %s: expected array, found %s", json_key(l),
					    json_type_name(json_type(l)));
		list = list_of_name(policy, json_key(l));
		list->strings = xrealloc_array(list->strings, list->count + json_length(l),
					       sizeof(*list->strings));
		for (const struct json *i = json_first(l); i; i = json_next(i)) {
			if (!json_string(i))
				return source_error(source, err, EINVAL, at,
						    "list %s: its items are strings", json_key(l));
			list->strings[list->count++] = str_of(xstrdup(json_string(i)));
		}
	}
	return 0;
}

int policy_decode_names(struct policy *policy, const struct source *source, size_t file,
			struct error *err)
{
	struct document d;
	int64_t version = 0;
	int r = decode_document(source, &d, err);

	if (r < 0)
		return r;
	if (json_i64(d.version, 1, 1, &version) < 0)
		return source_error(source, err, EINVAL, "$.version",
				    "this cordon reads version 1 of the format");
	r = decode_lists(policy, source, d.lists, err);
	return r < 0 ? r : policy_decode_macros(policy, source, file, d.macros, err);
}

struct label_row {
	const struct json *label, *from, *paths, *except;
};

static const struct json_field label_fields[] = {
	{"label", JSON_STRING, true, offsetof(struct label_row, label)},
	{"from", JSON_STRING, false, offsetof(struct label_row, from)},
	{"paths", JSON_ARRAY, false, offsetof(struct label_row, paths)},
	{"except", JSON_ARRAY, false, offsetof(struct label_row, except)},
};

static int decode_globs(struct policy *policy, const struct source *source,
			const struct json *globs, const char *path, struct label_glob like,
			struct error *err)
{
	size_t n = 0;

	for (const struct json *g = json_first(globs); g; g = json_next(g), n++) {
		const char *pattern = json_string(g);
		const char *reason =
			pattern ? glob_check(str_of(pattern), true) : "a pattern is a string";

		if (reason) {
			_cleanup_free_ char *at = xasprintf("%s[%zu]", path, n);

			return source_error(source, err, EINVAL, at, "%s", reason);
		}
		policy->globs = xrealloc_array(policy->globs, policy->glob_count + 1,
					       sizeof(*policy->globs));
		policy->patterns = xrealloc_array(policy->patterns, policy->glob_count + 1,
						  sizeof(*policy->patterns));
		policy->patterns[policy->glob_count] = str_of(xstrdup(pattern));
		policy->globs[policy->glob_count++] = like;
	}
	return 0;
}

/* A label that comes with what is read, from files of these names or from elsewhere. */
static int decode_source(struct policy *policy, const struct source *source,
			 const struct label_row *row, const char *path, uint64_t labels,
			 struct error *err)
{
	_cleanup_free_ char *from = xasprintf("%s.from", path);

	if (!row->from)
		return row->paths ? 0
				  : source_error(source, err, EINVAL, path,
						 "a label has \"paths\", or \"from\": \"network\"");
	if (strcmp(json_string(row->from), "network") != 0)
		return source_error(source, err, EINVAL, from, "the one source is \"network\"");
	policy->network_labels |= labels;
	return 0;
}

static int decode_labels(struct policy *policy, const struct source *source,
			 const struct json *labels, struct error *err)
{
	size_t n = 0;

	for (const struct json *l = json_first(labels); l; l = json_next(l), n++) {
		_cleanup_free_ char *path = xasprintf("$.labels[%zu]", n);
		_cleanup_free_ char *paths = xasprintf("%s.paths", path);
		_cleanup_free_ char *except = xasprintf("%s.except", path);
		struct label_row row;
		struct label_glob like = {0};
		int r;

		if (json_decode(l, path, label_fields, 4, &row, err) < 0)
			return source_located(source, err);
		r = policy_label_intern(policy, str_of(json_string(row.label)));
		if (r < 0)
			return source_error(source, err, r, path,
					    r == -E2BIG ? "more than 64 labels"
							: "a label's name has letters a-z, digits, "
							  "_ - and .");
		like.labels = UINT64_C(1) << r;
		like.group = policy->groups++;
		r = decode_source(policy, source, &row, path, like.labels, err);
		if (r == 0)
			r = decode_globs(policy, source, row.paths, paths, like, err);
		like.except = true;
		if (r == 0)
			r = decode_globs(policy, source, row.except, except, like, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int decode_defaults(struct policy *policy, const struct source *source,
			   const struct json *defaults, struct error *err)
{
	for (const struct json *d = json_first(defaults); d; d = json_next(d)) {
		_cleanup_free_ char *at = policy_member_path("$.defaults", json_key(d));
		const enum action_kind kind = action_kind_by_name(json_key(d));
		const bool may_decoy = kind < ACTION_KINDS && (DECOY_KINDS & (1u << kind));
		enum verdict verdict;

		if (kind == ACTION_KINDS) {
			_cleanup_free_ char *known = action_kinds_known();

			return source_error(source, err, EINVAL, at,
					    "unknown action kind \"%.64s\"; known are: %s",
					    json_key(d), known);
		}
		if (!json_string(d) || !verdict_by_name(json_string(d), &verdict) ||
		    verdict == VERDICT_THROTTLE || verdict == VERDICT_REDACT ||
		    (verdict == VERDICT_DECOY && !may_decoy))
			return source_error(source, err, EINVAL, at,
					    "the default of %s is allow, log, ask, deny or kill%s",
					    json_key(d), may_decoy ? ", or decoy" : "");
		if (action_enforced(kind) != ENFORCED_BEFORE && verdict > VERDICT_LOG)
			return source_error(source, err, EOPNOTSUPP, at,
					    "%s is seen after it happened and cannot be refused: "
					    "its default is allow or log",
					    json_key(d));
		if (!policy->has_default[kind] || verdict > policy->defaults[kind])
			policy->defaults[kind] = verdict;
		policy->has_default[kind] = true;
	}
	return 0;
}

const char *on_loss_name(enum on_loss on_loss)
{
	static const char *const names[] = {
		[ON_LOSS_LOG] = "log", [ON_LOSS_DENY_NEW] = "deny_new", [ON_LOSS_KILL] = "kill"};

	return on_loss <= ON_LOSS_KILL ? names[on_loss] : "unknown";
}

static int decode_on_loss(struct policy *policy, const struct source *source,
			  const struct json *node, struct error *err)
{
	enum on_loss on_loss = ON_LOSS_LOG;

	if (!node)
		return 0;
	while (on_loss <= ON_LOSS_KILL && strcmp(json_string(node), on_loss_name(on_loss)) != 0)
		on_loss++;
	if (on_loss > ON_LOSS_KILL)
		return source_error(source, err, EINVAL, "$.on_loss",
				    "on_loss is log, deny_new or kill");
	if (!policy->has_on_loss || on_loss > policy->on_loss)
		policy->on_loss = on_loss;
	policy->has_on_loss = true;
	return 0;
}

int policy_decode(struct policy *policy, const struct source *source, struct error *err)
{
	struct document d;
	size_t n = 0;
	int r = decode_document(source, &d, err);

	if (r == 0)
		r = decode_labels(policy, source, d.labels, err);
	if (r == 0)
		r = policy_decode_redact(policy, source, d.redact, err);
	if (r == 0)
		r = decode_defaults(policy, source, d.defaults, err);
	if (r == 0)
		r = decode_on_loss(policy, source, d.on_loss, err);
	for (const struct json *rule = r == 0 ? json_first(d.rules) : NULL; rule;
	     rule = json_next(rule), n++) {
		_cleanup_free_ char *path = xasprintf("$.rules[%zu]", n);

		r = rule_decode(policy, source, rule, path, err);
		if (r < 0)
			return r;
	}
	return r;
}
