/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A variable from the command line. The parsed document knows numbers as doubles only; their digits
 * are read from the text beside it, where they stand in the same order.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "tools/cordon/policy/eval_value.h"

#define MAX_NUMBER 512u

struct reader {
	const char *text; /* the JSON; numbers before it were read */
	struct cel_arena *arena;
	struct error *err;
};

static int fail(const struct reader *r, const char *reason)
{
	return error_set(r->err, EINVAL, "%s", reason);
}

/* The next number of the text; strings are skipped. */
static void next_number(struct reader *r, char ret[MAX_NUMBER])
{
	size_t n;

	for (; *r->text && !strchr("-0123456789", *r->text); r->text++) {
		if (*r->text != '"')
			continue;
		for (r->text++; *r->text != '"'; r->text++)
			r->text += *r->text == '\\';
	}
	n = strspn(r->text, "-+.eE0123456789");
	(void)snprintf(ret, MAX_NUMBER, "%.*s", (int)n, r->text);
	r->text += n;
}

static struct cel_value text_value(const struct json *node)
{
	return cel_of_text(CEL_STRING, str_of(json_string(node)));
}

static int convert(const struct reader *r, enum cel_function to, struct cel_value *v)
{
	const struct cel_value made = cel_convert(r->arena, to, v);

	if (made.kind == CEL_ERROR)
		return fail(r, made.error.reason);
	*v = made;
	return 0;
}

/* A number, or a text that holds one. */
static int read_number(struct reader *r, const struct json *node, enum cel_function to,
		       struct cel_value *ret)
{
	char digits[MAX_NUMBER];

	if (json_type(node) == JSON_NUMBER) {
		next_number(r, digits);
		if (to != FN_TO_DOUBLE && strpbrk(digits, ".eE"))
			return fail(r, "a number with a fraction or exponent is a double");
		*ret = cel_of_text(CEL_STRING, str_of(digits));
	} else if (json_type(node) == JSON_STRING) {
		*ret = text_value(node);
	} else {
		return fail(r, "expected a number, or a string that holds one");
	}
	return convert(r, to, ret);
}

static int read_bytes(const struct reader *r, const struct json *node, struct cel_value *ret)
{
	const struct str text = str_of(json_string(node));
	unsigned char *bytes = cel_take(r->arena, text.len);
	size_t len = 0;

	if (!json_string(node) || !bytes ||
	    sodium_base642bin(bytes, text.len, text.at, text.len, NULL, &len, NULL,
			      sodium_base64_VARIANT_ORIGINAL) != 0)
		return fail(r, "bytes are a string of base64");
	*ret = cel_of_text(CEL_BYTES, (struct str){(const char *)bytes, len});
	return 0;
}

static int read_type(const struct reader *r, const struct json *node, struct cel_value *ret)
{
	const enum cel_kind kind = cel_type_value_by_name(str_of(json_string(node)));

	if (kind == CEL_ERROR)
		return fail(r, "no type has that name");
	*ret = (struct cel_value){.kind = CEL_TYPE, .integer = kind};
	return 0;
}

static int read_time(const struct reader *r, const struct json *node, enum cel_function to,
		     struct cel_value *ret)
{
	if (!json_string(node))
		return fail(r, "a duration or timestamp is a string");
	*ret = text_value(node);
	return convert(r, to, ret);
}

static int read_network(const struct reader *r, const struct json *node, enum cel_kind kind,
			struct cel_value *ret)
{
	*ret = cel_read_network(r->arena, kind, str_of(json_string(node)));
	return ret->kind == CEL_ERROR ? fail(r, ret->error.reason) : 0;
}

/* NOLINTBEGIN(misc-no-recursion): each level is one of the JSON or, of optionals, of the type */

static int read_value(struct reader *r, const struct json *node, const struct cel_type *type,
		      struct cel_value *ret);

static int read_list(struct reader *r, const struct json *node, const struct cel_type *item,
		     struct cel_value *ret)
{
	struct cel_value *items = cel_take(r->arena, json_length(node) * sizeof(*items));
	size_t count = 0;
	int e = 0;

	if (json_type(node) != JSON_ARRAY || !items)
		return fail(r, "a list is an array");
	for (const struct json *i = json_first(node); i && e == 0; i = json_next(i))
		e = read_value(r, i, item, &items[count++]);
	*ret = cel_of_list(items, count);
	return e;
}

static int add_entry(const struct reader *r, struct cel_value *map, struct cel_value *entries)
{
	const struct cel_value *key = &entries[map->list.count * 2];
	uint64_t steps = UINT64_MAX;
	struct cel_value other;

	if (key->kind != CEL_BOOL && key->kind != CEL_INT && key->kind != CEL_UINT &&
	    key->kind != CEL_STRING)
		return fail(r, "a key is a bool, int, uint or string");
	if (cel_find(&steps, map, key, &other))
		return fail(r, "a key is there twice");
	map->list.count++;
	return 0;
}

static int read_key(const struct reader *r, const char *text, enum cel_kind kind,
		    struct cel_value *ret)
{
	*ret = cel_of_text(CEL_STRING, str_of(text));
	if (kind == CEL_INT)
		return convert(r, FN_TO_INT, ret);
	if (kind == CEL_UINT)
		return convert(r, FN_TO_UINT, ret);
	return kind == CEL_BOOL ? convert(r, FN_TO_BOOL, ret) : 0;
}

/* An object; its keys are texts of the key's type. */
static int read_map(struct reader *r, const struct json *node, const struct cel_type *type,
		    struct cel_value *ret)
{
	struct cel_value *entries = cel_take(r->arena, json_length(node) * 2 * sizeof(*entries));
	int e = 0;

	if (json_type(node) != JSON_OBJECT || !entries)
		return fail(r, "a map is an object");
	*ret = cel_of_map(entries, 0);
	for (const struct json *i = json_first(node); i && e == 0; i = json_next(i)) {
		struct cel_value *entry = &entries[ret->list.count * 2];

		e = read_key(r, json_key(i), type->key->kind, &entry[0]);
		if (e == 0)
			e = read_value(r, i, type->item, &entry[1]);
		if (e == 0)
			e = add_entry(r, ret, entries);
	}
	return e;
}

/* An array of {"key": ..., "value": ...}, each with its type. */
static int read_typed_map(struct reader *r, const struct json *node, struct cel_value *ret)
{
	struct cel_value *entries = cel_take(r->arena, json_length(node) * 2 * sizeof(*entries));
	int e = 0;

	if (json_type(node) != JSON_ARRAY || !entries)
		return fail(r, "the value of a map is an array of {\"key\": ..., \"value\": ...}");
	*ret = cel_of_map(entries, 0);
	for (const struct json *i = json_first(node); i && e == 0; i = json_next(i)) {
		struct cel_value *entry = &entries[ret->list.count * 2];

		e = read_value(r, json_get(i, "key"), &eval_typed, &entry[0]);
		if (e == 0)
			e = read_value(r, json_get(i, "value"), &eval_typed, &entry[1]);
		if (e == 0)
			e = add_entry(r, ret, entries);
	}
	return e;
}

/* null: none. */
static int read_optional(struct reader *r, const struct json *node, const struct cel_type *item,
			 struct cel_value *ret)
{
	struct cel_value *held = cel_take(r->arena, sizeof(*held));

	*ret = (struct cel_value){.kind = CEL_OPTIONAL};
	if (!held) /* they take no JSON: many in one another are more than there is room for */
		return fail(r, "too many optionals in one another");
	if (json_type(node) == JSON_NULL)
		return 0;
	ret->list.items = held;
	ret->list.count = 1;
	return read_value(r, node, item, held);
}

/* {"type": ..., "value": ...}: what eval prints. */
static int read_typed(struct reader *r, const struct json *node, struct cel_value *ret)
{
	const char *name = json_get_string(node, "type");
	const struct json *value = json_get(node, "value");
	const struct cel_type *type = name && value ? eval_type_simple(str_of(name)) : NULL;

	if (!type)
		return fail(r, "expected {\"type\": ..., \"value\": ...}");
	if (type->kind == CEL_OPTIONAL)
		return read_optional(r, value, &eval_typed, ret);
	if (type->kind == CEL_LIST)
		return read_list(r, value, &eval_typed, ret);
	return type->kind == CEL_MAP ? read_typed_map(r, value, ret)
				     : read_value(r, value, type, ret);
}

/* Without a type: a number without fraction and exponent is an int. */
static int read_plain(struct reader *r, const struct json *node, struct cel_value *ret)
{
	const char *at = r->text;
	char digits[MAX_NUMBER];

	switch (json_type(node)) {
	case JSON_NUMBER:
		next_number(r, digits);
		r->text = at;
		return read_number(r, node, strpbrk(digits, ".eE") ? FN_TO_DOUBLE : FN_TO_INT, ret);
	case JSON_STRING:
		*ret = text_value(node);
		return 0;
	case JSON_BOOL:
		*ret = cel_of_bool(json_bool(node));
		return 0;
	case JSON_ARRAY:
		return read_list(r, node, eval_type_simple(STR("any")), ret);
	case JSON_OBJECT:
		return read_map(r, node, eval_type_simple(STR("map")), ret);
	case JSON_NULL:
		break;
	}
	*ret = (struct cel_value){.kind = CEL_NULL};
	return 0;
}

static int read_same(struct reader *r, const struct json *node, enum json_type type,
		     struct cel_value *ret)
{
	return json_type(node) == type ? read_plain(r, node, ret)
				       : fail(r, "the value is not of its type");
}

static int read_value(struct reader *r, const struct json *node, const struct cel_type *type,
		      struct cel_value *ret)
{
	*ret = (struct cel_value){.kind = CEL_NULL};
	if (!node)
		return fail(r, "a value is missing");
	if (type == &eval_typed)
		return read_typed(r, node, ret);
	switch (type->kind) {
	case CEL_NULL:
		return read_same(r, node, JSON_NULL, ret);
	case CEL_BOOL:
		return read_same(r, node, JSON_BOOL, ret);
	case CEL_STRING:
		return read_same(r, node, JSON_STRING, ret);
	case CEL_INT:
		return read_number(r, node, FN_TO_INT, ret);
	case CEL_UINT:
		return read_number(r, node, FN_TO_UINT, ret);
	case CEL_DOUBLE:
		return read_number(r, node, FN_TO_DOUBLE, ret);
	case CEL_DURATION:
		return read_time(r, node, FN_TO_DURATION, ret);
	case CEL_TIMESTAMP:
		return read_time(r, node, FN_TO_TIMESTAMP, ret);
	case CEL_BYTES:
		return read_bytes(r, node, ret);
	case CEL_TYPE:
		return read_type(r, node, ret);
	case CEL_LIST:
		return read_list(r, node, type->item, ret);
	case CEL_MAP:
		return read_map(r, node, type, ret);
	case CEL_IP:
	case CEL_CIDR:
		return read_network(r, node, type->kind, ret);
	case CEL_OPTIONAL:
		return read_optional(r, node, type->item, ret);
	case CEL_DYN:
	case CEL_ERROR:
		break;
	}
	return read_plain(r, node, ret);
}

/* NOLINTEND(misc-no-recursion) */

static bool is_name(const char *name)
{
	const char *part = name;

	for (;;) {
		const size_t n = strspn(part, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					      "0123456789_");

		if (!n || (*part >= '0' && *part <= '9'))
			return false;
		if (!part[n])
			return true;
		if (part[n] != '.')
			return false;
		part += n + 1;
	}
}

static int read_json(struct eval_variable *variable, const char *text, struct error *err)
{
	struct reader r = {.text = text, .arena = &variable->arena, .err = err};
	const int e = json_parse(variable->name, text, strlen(text), &variable->doc, err);

	if (e < 0)
		return e;
	/* A value takes one or two bytes of JSON at least, and no text grows. */
	variable->arena.size = (strlen(text) + 8) * 2 * sizeof(struct cel_value);
	variable->arena.memory = xcalloc(1, variable->arena.size);
	return read_value(&r, variable->doc, variable->type, &variable->value);
}

int eval_variable_read(const char *argument, struct eval_variable *ret, struct error *err)
{
	const char *equal = strchr(argument, '=');
	const char *type;
	char *colon;
	int e;

	*ret = (struct eval_variable){
		.value = cel_of_error("the variable is declared, but has no value")};
	ret->name = xstrndup(argument, equal ? (size_t)(equal - argument) : strlen(argument));
	colon = strchr(ret->name, ':');
	type = colon ? colon + 1 : "any";
	if (colon)
		*colon = '\0';
	if (!equal && !colon)
		return error_set(err, EINVAL,
				 "--var %s: write NAME=JSON, NAME:TYPE=JSON or NAME:TYPE",
				 argument);
	if (!is_name(ret->name))
		return error_set(err, EINVAL, "--var %s: \"%s\" is no name", argument, ret->name);
	e = eval_type_read(type, ret, err);
	ret->declared = colon && ret->type != &eval_typed;
	if (e == 0 && equal)
		e = read_json(ret, equal + 1, err);
	return e < 0 ? error_prefix(err, "--var %s:%s", ret->name, type) : 0;
}

void eval_variable_done(struct eval_variable *variable)
{
	free(variable->name);
	json_free(variable->doc);
	free(variable->arena.memory);
	free(variable->types);
	*variable = (struct eval_variable){0};
}
