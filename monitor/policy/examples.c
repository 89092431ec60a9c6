/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The examples in the rules, run when all rules are there: each `match` must match its rule, each
 * `not_match` must not. An example stands alone: a fresh state, the labels it names, its action
 * `repeat` times.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "monitor/policy/rule.h"

#define MAX_REPEAT (INT64_C(4) * MAX_COUNT_EVENTS)

struct example_row {
	const struct json *action, *labels, *repeat, *vary, *every;
};

static const struct json_field example_fields[] = {
	{"action", JSON_OBJECT, true, offsetof(struct example_row, action)},
	{"labels", JSON_ARRAY, false, offsetof(struct example_row, labels)},
	{"repeat", JSON_NUMBER, false, offsetof(struct example_row, repeat)},
	{"vary", JSON_STRING, false, offsetof(struct example_row, vary)},
	{"every", JSON_STRING, false, offsetof(struct example_row, every)},
};

struct example {
	struct action action; /* borrows from the document */
	struct str *argv;     /* owned */
	uint64_t labels;
	int64_t repeat;
	uint64_t every_ns;
	const struct action_field *vary;
};

/* What the check of one rule has at hand; `path` is that of the example. */
struct check {
	const struct policy *policy;
	const struct source *source;
	const struct rule *rule;
	const char *path;
	struct error *err;
};

static int fail(const struct check *c, const char *member, const char *reason)
{
	_cleanup_free_ char *at = xasprintf("%s%s", c->path, member);

	return source_error(c->source, c->err, EINVAL, at, "%s: %s", c->rule->info.id, reason);
}

static const struct action_field *field_of(const char *name, enum action_kind kind)
{
	for (size_t i = 0; i < action_field_count; i++) {
		if (strcmp(action_fields[i].name, name) == 0)
			return action_fields[i].kinds & (1u << kind) ? &action_fields[i] : NULL;
	}
	return NULL;
}

static const char *set_list(struct example *e, const struct action_field *field,
			    const struct json *node)
{
	struct str_list list = {NULL, json_length(node)};
	size_t n = 0;

	if (json_type(node) != JSON_ARRAY)
		return "expected an array of strings";
	free(e->argv);
	e->argv = xcalloc(list.count, sizeof(*e->argv));
	for (const struct json *i = json_first(node); i; i = json_next(i)) {
		if (!json_string(i))
			return "expected an array of strings";
		e->argv[n++] = str_of(json_string(i));
	}
	list.items = e->argv;
	memcpy((char *)&e->action + field->offset, &list, sizeof(list));
	return NULL;
}

static const char *set_field(struct example *e, const struct action_field *field,
			     const struct json *node)
{
	char *at = (char *)&e->action + field->offset;
	struct str text;
	int64_t integer;
	bool boolean;

	switch (field->type) {
	case FIELD_STRING:
		if (!json_string(node))
			return "expected string";
		text = str_of(json_string(node));
		memcpy(at, &text, sizeof(text));
		return NULL;
	case FIELD_INT:
		if (json_i64(node, INT64_MIN, INT64_MAX, &integer) < 0)
			return "expected a whole number";
		memcpy(at, &integer, sizeof(integer));
		return NULL;
	case FIELD_BOOL:
		if (json_type(node) != JSON_BOOL)
			return "expected true or false";
		boolean = json_bool(node);
		memcpy(at, &boolean, sizeof(boolean));
		return NULL;
	case FIELD_LIST:
		break;
	}
	return set_list(e, field, node);
}

/* What the gate would have worked out, where the example leaves it out. */
static void derive(struct example *e, const struct json *action)
{
	struct action *a = &e->action;
	struct cidr v4;
	struct cidr v6;
	uint8_t address[16];

	if (a->kind == ACTION_EXEC && !json_get(action, "name") && a->path.len) {
		const char *slash = memrchr(a->path.at, '/', a->path.len);
		const size_t skip = slash ? (size_t)(slash + 1 - a->path.at) : 0;

		a->name = (struct str){a->path.at + skip, a->path.len - skip};
	}
	if (!json_get(action, "host"))
		a->host = a->address;
	if (!json_get(action, "family") && a->kind >= ACTION_CONNECT && a->kind <= ACTION_LISTEN)
		a->family = !a->address.len				 ? STR("unix")
			    : memchr(a->address.at, ':', a->address.len) ? STR("inet6")
									 : STR("inet");
	if (!json_get(action, "loopback") && address_parse(a->address, address)) {
		(void)cidr_parse(STR("127.0.0.0/8"), &v4);
		(void)cidr_parse(STR("::1/128"), &v6);
		a->loopback = cidr_has(&v4, address) || cidr_has(&v6, address);
	}
}

static int decode_action(const struct check *c, struct example *e, const struct json *action)
{
	const char *kind = json_string(json_get(action, "kind"));

	e->action.kind = kind ? action_kind_by_name(kind) : ACTION_KINDS;
	if (e->action.kind == ACTION_KINDS)
		return fail(c, ".action", "the action needs a \"kind\" that exists");
	if (!(c->rule->kinds & (1u << e->action.kind)))
		return fail(c, ".action.kind", "the rule is not \"on\" this kind of action");
	for (const struct json *m = json_first(action); m; m = json_next(m)) {
		_cleanup_free_ char *member = xasprintf(".action.%s", json_key(m));
		const struct action_field *field = field_of(json_key(m), e->action.kind);
		const char *reason;

		if (strcmp(json_key(m), "kind") == 0)
			continue;
		if (!field)
			return fail(c, member, "actions of this kind have no such field");
		reason = set_field(e, field, m);
		if (reason)
			return fail(c, member, reason);
	}
	derive(e, action);
	return 0;
}

static int decode_example(const struct check *c, const struct example_row *row, struct example *e)
{
	int r = decode_action(c, e, row->action);

	for (const struct json *l = json_first(row->labels); l && r == 0; l = json_next(l)) {
		const char *name = json_string(l);
		const int index = name ? policy_label_index(c->policy, name) : -1;

		if (index < 0)
			r = fail(c, ".labels", "a label that no rule sets or reads");
		else
			e->labels |= UINT64_C(1) << index;
	}
	e->repeat = 1;
	if (r == 0 && row->repeat && json_i64(row->repeat, 1, MAX_REPEAT, &e->repeat) < 0)
		r = fail(c, ".repeat", "a number of times, 1 to 262144");
	if (r == 0 && row->every && duration_parse(json_string(row->every), &e->every_ns) < 0)
		r = fail(c, ".every", "a time such as \"500ms\" or \"1s\"");
	if (r == 0 && row->vary) {
		e->vary = field_of(json_string(row->vary), e->action.kind);
		if (!e->vary || e->vary->type == FIELD_LIST || e->vary->type == FIELD_BOOL)
			r = fail(c, ".vary", "names a string or int field of the action");
	}
	return r;
}

/* The n-th repetition: the varied number is higher by n, the varied text has n at its end. */
static void vary(struct example *e, const struct action *first, int64_t n, char *text, size_t room)
{
	char *at = (char *)&e->action + (e->vary ? e->vary->offset : 0);
	struct str value;
	int64_t integer;

	e->action = *first;
	e->action.time_ns = UINT64_C(1000000000) + (uint64_t)n * e->every_ns;
	if (!e->vary)
		return;
	if (e->vary->type == FIELD_INT) {
		integer = action_integer(first, e->vary) + n;
		memcpy(at, &integer, sizeof(integer));
		return;
	}
	value = action_string(first, e->vary);
	(void)snprintf(text, room, "%.*s%lld", (int)(value.len < 200 ? value.len : 200), value.at,
		       (long long)n + 1);
	value = str_of(text);
	memcpy(at, &value, sizeof(value));
}

/* Return: whether the last repetition matched; *ret_failed if an expression gave an error. */
static bool run_example(const struct policy *policy, const struct rule *rule, struct example *e,
			bool *ret_failed)
{
	struct policy_state *state = state_new_for_rule(policy, rule);
	const struct action first = e->action;
	enum cel_result result = CEL_FALSE;
	bool matched = false;
	char text[256];

	policy_state_add_labels(state, e->labels);
	for (int64_t n = 0; n < e->repeat; n++) {
		vary(e, &first, n, text, sizeof(text));
		state_set_time(state, e->action.time_ns);
		matched = rule_matches(policy, state, rule, &e->action, &result);
		*ret_failed |= result == CEL_FAILED;
	}
	(void)policy_state_free(state);
	return matched;
}

static int check_example(struct check *c, const struct json *node, bool expected)
{
	struct example e = {0};
	struct example_row row;
	bool matched = false;
	bool failed = false;
	int r;

	if (json_decode(node, c->path, example_fields, 5, &row, c->err) < 0)
		return source_located(c->source, c->err);
	r = decode_example(c, &row, &e);
	if (r == 0)
		matched = run_example(c->policy, c->rule, &e, &failed);
	free(e.argv);
	if (failed)
		return fail(c, "",
			    "\"when\" ends in an error on this example (an index outside its list, "
			    "a text that is no address); let it be true or false");
	if (r < 0 || matched == expected)
		return r;
	return fail(c, "",
		    expected ? "this example should match the rule and does not"
			     : "this example should not match the rule and does");
}

static int check_list(struct check *c, const char *path, const struct json *list, bool expected)
{
	size_t n = 0;

	for (const struct json *node = json_first(list); node; node = json_next(node), n++) {
		_cleanup_free_ char *at = xasprintf("%s[%zu]", path, n);
		int r;

		c->path = at;
		r = check_example(c, node, expected);
		if (r < 0)
			return r;
	}
	c->path = path;
	return n ? 0 : fail(c, "", "at least one example each in match and not_match");
}

int policy_check_examples(const struct policy *policy, const struct source *source, size_t *next,
			  struct error *err)
{
	struct check c = {.policy = policy, .source = source, .err = err};
	const struct json *node = json_first(json_get(source->doc, "rules"));
	int r = 0;

	for (size_t n = 0; node && r == 0; node = json_next(node), n++) {
		_cleanup_free_ char *match = xasprintf("$.rules[%zu].match", n);
		_cleanup_free_ char *not_match = xasprintf("$.rules[%zu].not_match", n);

		c.rule = &policy->rules[(*next)++];
		r = check_list(&c, match, json_get(node, "match"), true);
		if (r == 0)
			r = check_list(&c, not_match, json_get(node, "not_match"), false);
	}
	return r;
}
