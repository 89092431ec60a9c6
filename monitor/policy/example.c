/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/policy/example.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "monitor/policy/rule.h"

#define MAX_REPEAT (INT64_C(4) * MAX_COUNT_EVENTS)
#define MAX_BEFORE 256u
#define MAX_VARIED 200u /* bytes of a text before its number */

struct example_row {
	const struct json *action, *labels, *process_labels, *repeat, *vary, *every, *after,
		*before, *cpu_seconds, *bytes_out;
};

static const struct json_field example_fields[] = {
	{"action", JSON_OBJECT, true, offsetof(struct example_row, action)},
	{"labels", JSON_ARRAY, false, offsetof(struct example_row, labels)},
	{"process_labels", JSON_ARRAY, false, offsetof(struct example_row, process_labels)},
	{"repeat", JSON_NUMBER, false, offsetof(struct example_row, repeat)},
	{"vary", JSON_STRING, false, offsetof(struct example_row, vary)},
	{"every", JSON_STRING, false, offsetof(struct example_row, every)},
	{"after", JSON_STRING, false, offsetof(struct example_row, after)},
	{"before", JSON_ARRAY, false, offsetof(struct example_row, before)},
	{"cpu_seconds", JSON_NUMBER, false, offsetof(struct example_row, cpu_seconds)},
	{"bytes_out", JSON_NUMBER, false, offsetof(struct example_row, bytes_out)},
};

int example_fail(const struct example_place *place, const char *member, const char *reason)
{
	_cleanup_free_ char *at = xasprintf("%s%s", place->path, member);

	return source_error(place->source, place->err, EINVAL, at, "%s%s%s",
			    place->about ? place->about : "", place->about ? ": " : "", reason);
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
	struct str *items;
	size_t slot = 0;
	size_t n = 0;

	if (json_type(node) != JSON_ARRAY)
		return "expected an array of strings";
	while (slot < EXAMPLE_LISTS && e->lists[slot])
		slot++;
	if (slot == EXAMPLE_LISTS)
		return "one list more than an action has";
	items = xcalloc(list.count + 1, sizeof(*items)); /* never NULL: the slot is taken */
	e->lists[slot] = items;
	for (const struct json *i = json_first(node); i; i = json_next(i)) {
		if (!json_string(i))
			return "expected an array of strings";
		items[n++] = str_of(json_string(i));
	}
	list.items = items;
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

const char *example_set_field(struct example *example, const char *name, const struct json *value)
{
	const struct action_field *field = field_of(name, example->action.kind);

	return field ? set_field(example, field, value) : "actions of this kind have no such field";
}

/* What the gate would have worked out. */
void action_derive_name(struct action *a)
{
	const char *slash = a->path.len ? memrchr(a->path.at, '/', a->path.len) : NULL;
	const size_t skip = slash ? (size_t)(slash + 1 - a->path.at) : 0;

	a->name = a->path.len ? (struct str){a->path.at + skip, a->path.len - skip} : a->name;
}

void action_derive_family(struct action *a)
{
	if (a->address.len)
		a->family = memchr(a->address.at, ':', a->address.len) ? STR("inet6") : STR("inet");
	else
		a->family = a->path.len || !a->host.len ? STR("unix") : STR("inet");
}

void action_derive_loopback(struct action *a)
{
	struct cidr v4;
	struct cidr v6;
	uint8_t address[16];

	if (!address_parse(a->address, address))
		return;
	(void)cidr_parse(STR("127.0.0.0/8"), &v4);
	(void)cidr_parse(STR("::1/128"), &v6);
	a->loopback = cidr_has(&v4, address) || cidr_has(&v6, address);
}

/* Where the example leaves it out. */
static void derive(struct action *a, const struct json *action)
{
	if (a->kind == ACTION_EXEC && !json_get(action, "name"))
		action_derive_name(a);
	if (!json_get(action, "host"))
		a->host = a->address;
	if (!json_get(action, "family") && a->kind >= ACTION_CONNECT && a->kind <= ACTION_LISTEN)
		action_derive_family(a);
	if (!json_get(action, "loopback"))
		action_derive_loopback(a);
}

/* Of one field; its path is written only here, since a policy has thousands. */
static int fail_at_field(const struct example_place *place, const char *member, const char *field,
			 const char *reason)
{
	_cleanup_free_ char *at = xasprintf("%s.%s", member, field);

	return example_fail(place, at, reason);
}

/* @kind NULL: none was given. */
static int fail_at_kind(const struct example_place *place, const char *member, const char *kind)
{
	_cleanup_buf_ struct buf reason = BUF_INIT(0);

	buf_puts(&reason, "the action needs a \"kind\" that exists");
	for (unsigned k = 0; kind && k < ACTION_KINDS; k++)
		buf_printf(&reason, "%s%s", k ? ", " : ": ", action_kind_name((enum action_kind)k));
	return example_fail(place, member, reason.data);
}

int example_decode_action(const struct example_place *place, const char *member,
			  const struct json *action, struct example *ret)
{
	const char *kind = json_get_string(action, "kind");

	*ret = (struct example){.repeat = 1};
	ret->action.kind = kind ? action_kind_by_name(kind) : ACTION_KINDS;
	if (ret->action.kind == ACTION_KINDS)
		return fail_at_kind(place, member, kind);
	if (!(place->kinds & (1u << ret->action.kind)))
		return fail_at_field(place, member, "kind",
				     "the rule is not \"on\" this kind of action");
	ret->action.pid =
		ret->action.kind != ACTION_TOOL_CALL && ret->action.kind != ACTION_TOOL_RESULT;
	for (const struct json *m = json_first(action); m; m = json_next(m)) {
		const char *field = json_key(m);
		const char *reason;

		if (strcmp(field, "kind") == 0)
			continue;
		if (strcmp(field, "pid") == 0 && ret->action.pid) {
			int64_t pid = 0;

			if (json_i64(m, 1, UINT32_MAX, &pid) < 0)
				return fail_at_field(place, member, field,
						     "the number of a process");
			ret->action.pid = (uint32_t)pid;
			continue;
		}
		reason = example_set_field(ret, field, m);
		if (reason)
			return fail_at_field(place, member, field, reason);
	}
	derive(&ret->action, action);
	return 0;
}

static int decode_labels(const struct example_place *place, const char *member,
			 const struct json *labels, uint64_t *ret)
{
	for (const struct json *l = json_first(labels); l; l = json_next(l)) {
		const char *name = json_string(l);
		const int index = name ? policy_label_index(place->policy, name) : -1;

		if (index < 0)
			return example_fail(place, member, "a label that no rule sets or reads");
		*ret |= UINT64_C(1) << index;
	}
	return 0;
}

static int decode_all_labels(const struct example_place *place, const struct example_row *row,
			     struct example *e)
{
	int r = decode_labels(place, ".labels", row->labels, &e->labels);

	if (r == 0)
		r = decode_labels(place, ".process_labels", row->process_labels, &e->action.labels);
	e->has_process_labels = row->process_labels != NULL;
	e->labels |= e->action.labels;
	return r;
}

static int decode_times(const struct example_place *place, const struct example_row *row,
			struct example *e)
{
	int64_t seconds = 0;
	int64_t bytes = 0;

	if (row->cpu_seconds && json_i64(row->cpu_seconds, 0, UINT32_MAX, &seconds) < 0)
		return example_fail(place, ".cpu_seconds", "a number of seconds");
	e->cpu_us = (uint64_t)seconds * 1000000;
	if (row->bytes_out && json_i64(row->bytes_out, 0, INT64_MAX, &bytes) < 0)
		return example_fail(place, ".bytes_out", "a number of bytes");
	e->bytes_out = (uint64_t)bytes;
	if (row->repeat && json_i64(row->repeat, 1, MAX_REPEAT, &e->repeat) < 0)
		return example_fail(place, ".repeat", "a number of times, 1 to 262144");
	if (row->every && duration_parse(json_string(row->every), &e->every_ns) < 0)
		return example_fail(place, ".every", "a time such as \"500ms\" or \"1s\"");
	if (row->after && duration_parse(json_string(row->after), &e->after_ns) < 0)
		return example_fail(place, ".after", "a time such as \"500ms\" or \"1s\"");
	if (!row->vary)
		return 0;
	e->vary = field_of(json_string(row->vary), e->action.kind);
	if (!e->vary || e->vary->type == FIELD_LIST || e->vary->type == FIELD_BOOL)
		return example_fail(place, ".vary", "names a string or int field of the action");
	return 0;
}

/* NOLINTBEGIN(misc-no-recursion): what was before has nothing before it */
static int decode_before(const struct example_place *place, const struct json *before,
			 struct example *e)
{
	struct example_place of_one = *place;
	int r = 0;

	if (json_length(before) > MAX_BEFORE)
		return example_fail(place, ".before", "up to 256 actions; \"repeat\" them");
	if (json_length(before))
		e->before = xcalloc(json_length(before), sizeof(*e->before));
	of_one.kinds = UINT32_MAX;
	for (const struct json *b = json_first(before); b && r == 0; b = json_next(b)) {
		_cleanup_free_ char *at = xasprintf("%s.before[%zu]", place->path, e->before_count);

		of_one.path = at;
		r = json_get(b, "before") ? example_fail(&of_one, ".before",
							 "what was before is one list, in order")
					  : example_decode(&of_one, b, &e->before[e->before_count]);
		e->before_count++;
	}
	return r;
}

int example_decode(const struct example_place *place, const struct json *node, struct example *ret)
{
	struct example_row row;
	int r;

	*ret = (struct example){0};
	if (json_decode(node, place->path, example_fields,
			sizeof(example_fields) / sizeof(example_fields[0]), &row, place->err) < 0)
		return source_located(place->source, place->err);
	r = example_decode_action(place, ".action", row.action, ret);
	if (r == 0)
		r = decode_all_labels(place, &row, ret);
	if (r == 0)
		r = decode_times(place, &row, ret);
	if (r == 0)
		r = decode_before(place, row.before, ret);
	return r;
}

void example_done(struct example *example)
{
	for (size_t i = 0; i < example->before_count; i++)
		example_done(&example->before[i]);
	free(example->before);
	for (size_t i = 0; i < EXAMPLE_LISTS; i++)
		free(example->lists[i]);
}

/* NOLINTEND(misc-no-recursion) */

void example_add_labels(const struct example *example, struct policy_state *state)
{
	if (example->has_process_labels)
		policy_state_add_session_labels(state, example->labels);
	else
		policy_state_add_labels(state, example->labels);
}

/* Examples of rules that count are repeated often: no printf() for each. */
static struct str vary_text(struct str value, int64_t n, char text[EXAMPLE_TEXT_BYTES])
{
	const size_t len = value.len < MAX_VARIED ? value.len : MAX_VARIED;
	size_t at = EXAMPLE_TEXT_BYTES;
	size_t digits;

	for (uint64_t left = (uint64_t)n + 1; left; left /= 10)
		text[--at] = (char)('0' + left % 10);
	digits = EXAMPLE_TEXT_BYTES - at;
	if (len)
		memmove(text, value.at, len);
	memmove(text + len, text + at, digits);
	return (struct str){text, len + digits};
}

void example_action(const struct example *example, int64_t n, uint64_t start_ns,
		    char text[EXAMPLE_TEXT_BYTES], struct action *ret)
{
	char *at = (char *)ret + (example->vary ? example->vary->offset : 0);
	struct str value;
	int64_t integer;

	*ret = example->action;
	ret->time_ns = start_ns + (uint64_t)n * example->every_ns;
	if (!example->vary)
		return;
	if (example->vary->type == FIELD_INT) {
		integer = action_integer(&example->action, example->vary) + n;
		memcpy(at, &integer, sizeof(integer));
		return;
	}
	value = action_string(&example->action, example->vary);
	value = vary_text(value, n, text);
	memcpy(at, &value, sizeof(value));
}
