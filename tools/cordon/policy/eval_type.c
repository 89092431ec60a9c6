/* SPDX-License-Identifier: Apache-2.0 */

/* Types as `--var` names them. */

#include <errno.h>
#include <string.h>

#include "common/buf.h"
#include "tools/cordon/policy/eval_value.h"

#define MAX_PARTS 64u /* of one type, and what bounds its depth */

const struct cel_type eval_typed = {.kind = CEL_DYN};

static const struct cel_type any = {.kind = CEL_DYN};
static const struct cel_type string = {.kind = CEL_STRING};
static const struct cel_type list_of_any = {.kind = CEL_LIST, .item = &any};
static const struct cel_type map_of_any = {.kind = CEL_MAP, .item = &any, .key = &string};
static const struct cel_type optional_any = {.kind = CEL_OPTIONAL, .item = &any};

struct type_reader {
	const char *text;
	struct cel_type *parts;
	unsigned count;
	struct error *err;
};

const struct cel_type *eval_type_simple(struct str name)
{
	static const struct cel_type others[] = {
		{.kind = CEL_NULL},  {.kind = CEL_BOOL},     {.kind = CEL_INT},
		{.kind = CEL_UINT},  {.kind = CEL_DOUBLE},   {.kind = CEL_STRING},
		{.kind = CEL_BYTES}, {.kind = CEL_DURATION}, {.kind = CEL_TIMESTAMP},
		{.kind = CEL_TYPE},  {.kind = CEL_IP},	     {.kind = CEL_CIDR},
	};

	static const struct {
		const char *name;
		const struct cel_type *type;
	} names[] = {
		{"any", &any},		 {"dyn", &any},
		{"typed", &eval_typed},	 {"list", &list_of_any},
		{"map", &map_of_any},	 {"optional_type", &optional_any},
		{"null", &others[0]},	 {"bool", &others[1]},
		{"int", &others[2]},	 {"uint", &others[3]},
		{"double", &others[4]},	 {"string", &others[5]},
		{"bytes", &others[6]},	 {"duration", &others[7]},
		{"type", &others[9]},	 {"timestamp", &others[8]},
		{"net.IP", &others[10]}, {"net.CIDR", &others[11]},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (str_eq(name, str_of(names[i].name)))
			return names[i].type;
	}
	return NULL;
}

static bool take(struct type_reader *r, char c)
{
	r->text += strspn(r->text, " ");
	if (*r->text != c)
		return false;
	r->text++;
	r->text += strspn(r->text, " ");
	return true;
}

static bool is_key(const struct cel_type *type)
{
	return type->kind == CEL_STRING || type->kind == CEL_INT || type->kind == CEL_UINT ||
	       type->kind == CEL_BOOL || type->kind == CEL_DYN;
}

/* NOLINTBEGIN(misc-no-recursion): each level takes one of MAX_PARTS */

static int read_type(struct type_reader *r, const struct cel_type **ret);

static bool has_parts(const struct cel_type *type)
{
	return type->kind == CEL_LIST || type->kind == CEL_MAP || type->kind == CEL_OPTIONAL;
}

/* What stands in the parentheses of a list, map or optional. */
static int read_parts(struct type_reader *r, enum cel_kind kind, const struct cel_type **ret)
{
	struct cel_type *type = &r->parts[r->count++];
	int e = 0;

	*ret = type;
	type->kind = kind;
	if (kind == CEL_MAP) {
		e = read_type(r, &type->key);
		if (e == 0 && (!take(r, ',') || !is_key(type->key)))
			return error_set(r->err, EINVAL,
					 "the type of a map is map(K,T), with K of string, int, "
					 "uint or bool");
	}
	if (e == 0)
		e = read_type(r, &type->item);
	return e == 0 && !take(r, ')') ? error_set(r->err, EINVAL, "\")\" is missing") : e;
}

static int read_type(struct type_reader *r, const struct cel_type **ret)
{
	const struct str name = {r->text, strcspn(r->text, " (),")};
	const struct cel_type *type = eval_type_simple(name);

	r->text += name.len;
	if (!type)
		return error_set(r->err, EINVAL,
				 "no such type: any, null, bool, int, uint, double, string, bytes, "
				 "duration, timestamp, type, net.IP, net.CIDR, list(T), map(K,T), "
				 "optional_type(T) or typed");
	*ret = type;
	if (!has_parts(type) || !take(r, '('))
		return 0;
	if (r->count == MAX_PARTS)
		return error_set(r->err, EINVAL, "a type of more than %u parts", MAX_PARTS);
	return read_parts(r, type->kind, ret);
}

/* NOLINTEND(misc-no-recursion) */

int eval_type_read(const char *text, struct eval_variable *ret, struct error *err)
{
	struct type_reader r = {.text = text, .err = err};
	int e;

	ret->types = r.parts = xcalloc(MAX_PARTS, sizeof(*r.parts));
	e = read_type(&r, &ret->type);
	if (e == 0 && *r.text)
		return error_set(err, EINVAL, "\"%s\" stands behind the type", r.text);
	return e;
}
