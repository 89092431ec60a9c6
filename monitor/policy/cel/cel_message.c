/* SPDX-License-Identifier: Apache-2.0 */

#include "monitor/policy/cel/cel_message.h"
#include "monitor/policy/cel/cel_extension.h"

#include <string.h>

#define PREFIX "google.protobuf."

static const struct cel_message messages[] = {
	{"Any", CEL_ERROR, false, {NULL}, 0, 0},
	{"BoolValue", CEL_BOOL, true, {"value"}, 0, 0},
	{"BytesValue", CEL_BYTES, true, {"value"}, 0, 0},
	{"DoubleValue", CEL_DOUBLE, true, {"value"}, 0, 0},
	{"FloatValue", CEL_DOUBLE, true, {"value"}, 0, 1},
	{"Int32Value", CEL_INT, true, {"value"}, INT32_MIN, INT32_MAX},
	{"Int64Value", CEL_INT, true, {"value"}, 0, 0},
	{"StringValue", CEL_STRING, true, {"value"}, 0, 0},
	{"UInt32Value", CEL_UINT, true, {"value"}, 0, UINT32_MAX},
	{"UInt64Value", CEL_UINT, true, {"value"}, 0, 0},
	{"Duration", CEL_DURATION, false, {"seconds", "nanos"}, 0, 0},
	{"Timestamp", CEL_TIMESTAMP, false, {"seconds", "nanos"}, 0, 0},
	{"ListValue", CEL_LIST, false, {"values"}, 0, 0},
	{"Struct", CEL_MAP, false, {"fields"}, 0, 0},
	{"Value", CEL_DYN, false, {NULL}, 0, 0},
};

/* Value has one of these. */
static const struct {
	const char *name;
	enum cel_kind kind;
} alternatives[] = {
	{"null_value", CEL_INT},  {"number_value", CEL_DOUBLE}, {"string_value", CEL_STRING},
	{"bool_value", CEL_BOOL}, {"struct_value", CEL_MAP},	{"list_value", CEL_LIST},
};

#define ALTERNATIVES (sizeof(alternatives) / sizeof(alternatives[0]))

const struct cel_message *cel_message_by_name(const char *name)
{
	const size_t n = strlen(PREFIX);

	if (strncmp(name, PREFIX, n) != 0)
		return NULL;
	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		if (strcmp(messages[i].name, name + n) == 0)
			return &messages[i];
	}
	return NULL;
}

static bool has_field(const struct cel_message *message, struct str field)
{
	for (size_t i = 0; message->kind == CEL_DYN && i < ALTERNATIVES; i++) {
		if (str_eq(field, str_of(alternatives[i].name)))
			return true;
	}
	for (size_t i = 0; i < 2; i++) {
		if (message->field[i] && str_eq(field, str_of(message->field[i])))
			return true;
	}
	return false;
}

int cel_message_check(const struct cel_message *message, const struct cel_node *set,
		      struct cel_error *err)
{
	if (has_field(message, set->text))
		return 0;
	return cel_fail(err, set->at, "%s%s has no field \"%.*s\"", PREFIX, message->name,
			(int)set->text.len, set->text.at);
}

enum cel_kind cel_message_field(const struct cel_message *message, struct str field)
{
	for (size_t i = 0; message->kind == CEL_DYN && i < ALTERNATIVES; i++) {
		if (str_eq(field, str_of(alternatives[i].name)))
			return alternatives[i].kind;
	}
	if (message->kind == CEL_DURATION || message->kind == CEL_TIMESTAMP)
		return CEL_INT;
	return message->kind;
}

/* ---- values ---- */

/* NOLINTNEXTLINE(misc-no-recursion): values are nested no deeper than what made them */
static bool is_json(uint64_t *steps, const struct cel_value *v)
{
	if (!cel_spend(steps, 1))
		return false;
	if (v->kind != CEL_LIST && v->kind != CEL_MAP)
		return v->kind == CEL_NULL || v->kind == CEL_BOOL || v->kind == CEL_DOUBLE ||
		       v->kind == CEL_STRING;
	for (size_t i = 0; i < cel_count(v); i++) {
		const bool map = v->kind == CEL_MAP;
		const struct cel_value item = map ? cel_entry(v, i) : cel_item(v, i);

		if ((map && cel_key(v, i).kind != CEL_STRING) || !is_json(steps, &item))
			return false;
	}
	return true;
}

/* What a message without fields is; that of kind CEL_DYN is null. */
static struct cel_value empty(enum cel_kind kind)
{
	struct cel_value v = {.kind = (uint8_t)(kind == CEL_DYN ? CEL_NULL : kind)};

	if (kind == CEL_STRING || kind == CEL_BYTES)
		v.text = STR("");
	return v;
}

static struct cel_value wrapped(const struct cel_message *message, const struct cel_value *v)
{
	if (v->kind == CEL_DOUBLE && message->most) /* "most" of a double: it is a float */
		return cel_of_double((double)(float)v->number);
	if (message->most &&
	    (v->kind == CEL_UINT ? v->uinteger > (uint64_t)message->most
				 : v->integer < message->least || v->integer > message->most))
		return cel_of_error("range: the value does not fit in 32 bits");
	return *v;
}

static struct cel_value time_of(enum cel_kind kind, int64_t seconds, int64_t nanos)
{
	int64_t all;

	if (kind == CEL_TIMESTAMP)
		return cel_of_timestamp(seconds, nanos);
	if (__builtin_mul_overflow(seconds, INT64_C(1000000000), &all) ||
	    __builtin_add_overflow(all, nanos, &all))
		return cel_of_error("range: the duration does not fit in 64 bits of nanoseconds");
	return cel_of_duration(all);
}

/* The value of one field. */
static struct cel_value run_set(struct cel_run *run, const struct cel_message *message,
				const struct cel_node *set)
{
	const enum cel_kind kind = cel_message_field(message, set->text);
	struct cel_value v = cel_run_node(run, set->child);

	if (set->if_there && v.kind == CEL_OPTIONAL)
		v = cel_count(&v) ? *cel_optional_get(&v) : empty(kind);
	else if (set->if_there && v.kind != CEL_ERROR)
		v = cel_no_overload();
	if (v.kind == CEL_ERROR)
		return v;
	if (message->wrapper && v.kind == CEL_NULL)
		return empty(kind);
	if (v.kind != kind)
		return cel_no_overload();
	if ((kind == CEL_LIST || kind == CEL_MAP) && !is_json(&run->steps, &v))
		return cel_of_error(
			"a message's value holds null, bool, double, string, lists, and "
			"maps by string");
	return str_eq(set->text, STR("null_value")) ? empty(CEL_DYN) : wrapped(message, &v);
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the tree, which the parser bounds */
struct cel_value cel_run_message(struct cel_run *run, const struct cel_node *node)
{
	const struct cel_message *message = node->message;
	const bool time = message->kind == CEL_DURATION || message->kind == CEL_TIMESTAMP;
	struct cel_value result = empty(message->kind);
	int64_t parts[2] = {0}; /* seconds, nanoseconds */

	if (message->kind == CEL_ERROR)
		return cel_of_error("conversion: an Any is the message that it holds");
	for (const struct cel_node *set = node->child->next; set; set = set->next) {
		const struct cel_value v = run_set(run, message, set);

		if (v.kind == CEL_ERROR)
			return v;
		if (time)
			parts[str_eq(set->text, STR("nanos"))] = v.integer;
		else
			result = v;
	}
	return time ? time_of(message->kind, parts[0], parts[1]) : result;
}
