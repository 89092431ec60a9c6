/* SPDX-License-Identifier: Apache-2.0 */

/* One policy document: its lists, labels, defaults. Rules are decoded in rule_json.c. */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/json_scan.h"
#include "monitor/policy/rule.h"

struct document {
	const struct json *policy, *version, *description, *lists, *labels, *defaults, *rules;
};

static const struct json_field document_fields[] = {
	{"policy", JSON_STRING, true, offsetof(struct document, policy)},
	{"version", JSON_NUMBER, true, offsetof(struct document, version)},
	{"description", JSON_STRING, false, offsetof(struct document, description)},
	{"lists", JSON_OBJECT, false, offsetof(struct document, lists)},
	{"labels", JSON_ARRAY, false, offsetof(struct document, labels)},
	{"defaults", JSON_OBJECT, false, offsetof(struct document, defaults)},
	{"rules", JSON_ARRAY, false, offsetof(struct document, rules)},
};

static int decode_document(const struct source *source, struct document *ret, struct error *err)
{
	if (json_decode(source->doc, "$", document_fields,
			sizeof(document_fields) / sizeof(document_fields[0]), ret, err) < 0)
		return source_located(source, err);
	return 0;
}

int source_error(const struct source *source, struct error *err, int code, const char *path,
		 const char *format, ...)
{
	char where[512];
	char text[640];
	unsigned line = 1;
	unsigned column = 1;
	size_t offset = 0;
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	(void)snprintf(where, sizeof(where), "%s", path);
	/* A member that cannot be found (it is missing) is reported where its parent stands. */
	while (json_locate(source->text, source->len, where, &offset) < 0) {
		char *cut = strrchr(where, '.');

		offset = 0;
		if (!cut)
			break;
		*cut = '\0';
	}
	json_position(source->text, source->len, offset, &line, &column);
	return error_set(err, code, "%s:%u:%u: %s", source->name, line, column, text);
}

int source_located(const struct source *source, struct error *err)
{
	struct error plain;
	const char *colon;
	char path[512];

	if (!err)
		return -EINVAL;
	plain = *err;
	colon = strstr(plain.text, ": ");
	if (!colon || (size_t)(colon - plain.text) >= sizeof(path))
		return plain.code;
	memcpy(path, plain.text, (size_t)(colon - plain.text));
	path[colon - plain.text] = '\0';
	return source_error(source, err, plain.code, path, "%s", colon + 2);
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

int policy_decode_lists(struct policy *policy, const struct source *source, struct error *err)
{
	struct document d;
	int64_t version = 0;
	int r = decode_document(source, &d, err);

	if (r < 0)
		return r;
	if (json_i64(d.version, 1, 1, &version) < 0)
		return source_error(source, err, EINVAL, "$.version",
				    "this cordon reads version 1 of the format");
	for (const struct json *l = json_first(d.lists); l; l = json_next(l)) {
		struct cel_list *list;

		if (!is_plain_name(str_of(json_key(l))) || strpbrk(json_key(l), ".-"))
			return source_error(source, err, EINVAL, "$.lists",
					    "a list's name has letters a-z, digits and _, not "
					    "\"%.64s\"",
					    json_key(l));
		if (json_type(l) != JSON_ARRAY)
			return source_error(source, err, EINVAL, "$.lists",
					    "list %s: expected array, found %s", json_key(l),
					    json_type_name(json_type(l)));
		list = list_of_name(policy, json_key(l));
		list->strings = xrealloc_array(list->strings, list->count + json_length(l),
					       sizeof(*list->strings));
		for (const struct json *i = json_first(l); i; i = json_next(i)) {
			if (!json_string(i))
				return source_error(source, err, EINVAL, "$.lists",
						    "list %s: its items are strings", json_key(l));
			list->strings[list->count++] = str_of(xstrdup(json_string(i)));
		}
	}
	return 0;
}

struct label_row {
	const struct json *label, *paths, *except;
};

static const struct json_field label_fields[] = {
	{"label", JSON_STRING, true, offsetof(struct label_row, label)},
	{"paths", JSON_ARRAY, true, offsetof(struct label_row, paths)},
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
		like.pattern = xstrdup(pattern);
		policy->globs[policy->glob_count++] = like;
	}
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

		if (json_decode(l, path, label_fields, 3, &row, err) < 0)
			return source_located(source, err);
		r = policy_label_intern(policy, str_of(json_string(row.label)));
		if (r < 0)
			return source_error(source, err, r, path,
					    r == -E2BIG ? "more than 64 labels"
							: "a label's name has letters a-z, digits, "
							  "_ - and .");
		like.labels = UINT64_C(1) << r;
		like.group = policy->groups++;
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
		const enum action_kind kind = action_kind_by_name(json_key(d));
		enum verdict verdict;

		if (kind == ACTION_KINDS)
			return source_error(source, err, EINVAL, "$.defaults",
					    "unknown action kind \"%.64s\"", json_key(d));
		if (!json_string(d) || verdict_by_name(json_string(d), &verdict) < 0)
			return source_error(source, err, EINVAL, "$.defaults",
					    "the default of %s is allow, log, ask, deny or kill",
					    json_key(d));
		if (action_enforced(kind) == ENFORCED_AFTER && verdict > VERDICT_LOG)
			return source_error(source, err, EOPNOTSUPP, "$.defaults",
					    "%s is seen after it happened and cannot be refused: "
					    "its default is allow or log",
					    json_key(d));
		if (!policy->has_default[kind] || verdict > policy->defaults[kind])
			policy->defaults[kind] = verdict;
		policy->has_default[kind] = true;
	}
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
		r = decode_defaults(policy, source, d.defaults, err);
	for (const struct json *rule = r == 0 ? json_first(d.rules) : NULL; rule;
	     rule = json_next(rule), n++) {
		_cleanup_free_ char *path = xasprintf("$.rules[%zu]", n);

		r = rule_decode(policy, source, rule, path, err);
		if (r < 0)
			return r;
	}
	return r;
}
