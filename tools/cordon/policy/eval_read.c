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

/* "name" or "name(": what stands behind it, NULL if the type is another. */
static const char *type_is(const char *type, const char *name)
{
	const size_t n = strlen(name);

	return strncmp(type, name, n) == 0 && strchr("(),", type[n]) ? type + n : NULL;
}

/* The comma of "K,V" of a map, outside parentheses; NULL if there is none. */
static const char *find_comma(const char *type)
{
	unsigned depth = 0;

	for (; *type; type++) {
		if (*type == ',' && !depth)
			return type;
		depth += *type == '(';
		if (*type == ')' && depth-- == 0)
			return NULL;
	}
	return NULL;
}

/* NOLINTBEGIN(misc-no-recursion): JSON is nested no deeper than MAX_JSON_DEPTH */

static int read_value(struct reader *r, const struct json *node, const char *type,
		      struct cel_value *ret);

static int read_list(struct reader *r, const struct json *node, const char *item,
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

static int read_key(const struct reader *r, const char *text, const char *type,
		    struct cel_value *ret)
{
	*ret = cel_of_text(CEL_STRING, str_of(text));
	if (type_is(type, "int"))
		return convert(r, FN_TO_INT, ret);
	if (type_is(type, "uint"))
		return convert(r, FN_TO_UINT, ret);
	return type_is(type, "bool") ? convert(r, FN_TO_BOOL, ret) : 0;
}

/* An object; its keys are texts of the type's first part. */
static int read_map(struct reader *r, const struct json *node, const char *key, const char *value,
		    struct cel_value *ret)
{
	struct cel_value *entries = cel_take(r->arena, json_length(node) * 2 * sizeof(*entries));
	int e = 0;

	if (json_type(node) != JSON_OBJECT || !entries)
		return fail(r, "a map is an object");
	*ret = cel_of_map(entries, 0);
	for (const struct json *i = json_first(node); i && e == 0; i = json_next(i)) {
		struct cel_value *entry = &entries[ret->list.count * 2];

		e = read_key(r, json_key(i), key, &entry[0]);
		if (e == 0)
			e = read_value(r, i, value, &entry[1]);
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

		e = read_value(r, json_get(i, "key"), "typed", &entry[0]);
		if (e == 0)
			e = read_value(r, json_get(i, "value"), "typed", &entry[1]);
		if (e == 0)
			e = add_entry(r, ret, entries);
	}
	return e;
}

/* {"type": ..., "value": ...}: what eval prints. */
static int read_typed(struct reader *r, const struct json *node, struct cel_value *ret)
{
	const char *type = json_string(json_get(node, "type"));
	const struct json *value = json_get(node, "value");

	if (!type || !value || strpbrk(type, "(),"))
		return fail(r, "expected {\"type\": ..., \"value\": ...}");
	if (strcmp(type, "list") == 0)
		return read_list(r, value, "typed", ret);
	if (strcmp(type, "map") == 0)
		return read_typed_map(r, value, ret);
	return read_value(r, value, type, ret);
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
		return read_list(r, node, "any", ret);
	case JSON_OBJECT:
		return read_map(r, node, "string", "any", ret);
	case JSON_NULL:
		break;
	}
	*ret = (struct cel_value){.kind = CEL_NULL};
	return 0;
}

static int read_composed(struct reader *r, const struct json *node, const char *type,
			 struct cel_value *ret)
{
	const char *rest = type_is(type, "list");
	const char *comma;

	if (rest)
		return read_list(r, node, *rest == '(' ? rest + 1 : "any", ret);
	rest = type_is(type, "map");
	if (!rest)
		return fail(r, "no such type: any, null, bool, int, uint, double, string, bytes, "
			       "duration, timestamp, type, list(T), map(K,T) or typed");
	if (*rest != '(')
		return read_map(r, node, "string", "any", ret);
	comma = find_comma(rest + 1);
	if (!comma)
		return fail(r, "the type of a map is map(K,T)");
	return read_map(r, node, rest + 1, comma + 1, ret);
}

static int read_value(struct reader *r, const struct json *node, const char *type,
		      struct cel_value *ret)
{
	static const struct {
		const char *name;
		enum json_type json;
	} plain[] = {{"null", JSON_NULL}, {"bool", JSON_BOOL}, {"string", JSON_STRING}};

	*ret = (struct cel_value){.kind = CEL_NULL};
	if (!node)
		return fail(r, "a value is missing");
	if (type_is(type, "typed"))
		return read_typed(r, node, ret);
	if (type_is(type, "any") || type_is(type, "dyn"))
		return read_plain(r, node, ret);
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
		if (type_is(type, plain[i].name))
			return json_type(node) == plain[i].json
				       ? read_plain(r, node, ret)
				       : fail(r, "the value is not of its type");
	}
	if (type_is(type, "int"))
		return read_number(r, node, FN_TO_INT, ret);
	if (type_is(type, "uint"))
		return read_number(r, node, FN_TO_UINT, ret);
	if (type_is(type, "double"))
		return read_number(r, node, FN_TO_DOUBLE, ret);
	if (type_is(type, "duration"))
		return read_time(r, node, FN_TO_DURATION, ret);
	if (type_is(type, "timestamp"))
		return read_time(r, node, FN_TO_TIMESTAMP, ret);
	if (type_is(type, "bytes"))
		return read_bytes(r, node, ret);
	if (type_is(type, "type"))
		return read_type(r, node, ret);
	return read_composed(r, node, type, ret);
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

int eval_variable_read(const char *argument, struct eval_variable *ret, struct error *err)
{
	const char *equal = strchr(argument, '=');
	_cleanup_free_ char *type = NULL;
	struct reader r = {.err = err};
	char *colon;
	int e;

	*ret = (struct eval_variable){0};
	if (!equal)
		return error_set(err, EINVAL, "--var %s: write NAME=JSON or NAME:TYPE=JSON",
				 argument);
	ret->name = xstrndup(argument, (size_t)(equal - argument));
	colon = strchr(ret->name, ':');
	type = xstrdup(colon ? colon + 1 : "any");
	if (colon)
		*colon = '\0';
	if (!is_name(ret->name))
		return error_set(err, EINVAL, "--var %s: \"%s\" is no name", argument, ret->name);
	r.text = equal + 1;
	e = json_parse(ret->name, r.text, strlen(r.text), &ret->doc, err);
	if (e < 0)
		return e;
	/* A value takes one or two bytes of JSON at least, and no text grows. */
	ret->arena.size = (strlen(r.text) + 8) * 2 * sizeof(struct cel_value);
	ret->arena.memory = xcalloc(1, ret->arena.size);
	r.arena = &ret->arena;
	e = read_value(&r, ret->doc, type, &ret->value);
	return e < 0 ? error_prefix(err, "--var %s:%s", ret->name, type) : 0;
}

void eval_variable_done(struct eval_variable *variable)
{
	free(variable->name);
	json_free(variable->doc);
	free(variable->arena.memory);
	*variable = (struct eval_variable){0};
}
