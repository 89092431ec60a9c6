/* SPDX-License-Identifier: Apache-2.0 */

/* Types as such: making them, joining two, and what they are called. */

#include "common/buf.h"
#include "monitor/policy/cel/cel_check.h"

const struct cel_type *type_simple(enum cel_kind kind)
{
#define SIMPLE(_kind) [CEL_##_kind] = {.kind = CEL_##_kind }
	static const struct cel_type simple[] = {
		SIMPLE(NULL),	  SIMPLE(BOOL),	    SIMPLE(INT),       SIMPLE(UINT),
		SIMPLE(DOUBLE),	  SIMPLE(STRING),   SIMPLE(BYTES),     SIMPLE(LIST),
		SIMPLE(MAP),	  SIMPLE(DURATION), SIMPLE(TIMESTAMP), SIMPLE(TYPE),
		SIMPLE(OPTIONAL), SIMPLE(IP),	    SIMPLE(CIDR),      SIMPLE(DYN),
	};
#undef SIMPLE

	return &simple[kind];
}

const struct cel_type *type_list_of(struct typing *t, const struct cel_type *item)
{
	struct cel_type *type;

	if (!item)
		return type_simple(CEL_LIST);
	type = cel_tree_keep(t->tree, xcalloc(1, sizeof(*type)));
	*type = (struct cel_type){.kind = CEL_LIST, .item = item};
	return type;
}

/* NOLINTBEGIN(misc-no-recursion): types are nested no deeper than what has them */

static bool is_whole(const struct cel_type *type)
{
	if (type->kind == CEL_LIST)
		return type->item && is_whole(type->item);
	return type->kind != CEL_MAP || (type->item && type->key && is_whole(type->item));
}

const struct cel_type *type_join(const struct cel_type *a, const struct cel_type *b)
{
	if (a->kind != b->kind)
		return NULL;
	if (a->item && b->item && !type_join(a->item, b->item))
		return NULL;
	if (a->key && b->key && !type_join(a->key, b->key))
		return NULL;
	return is_whole(a) ? a : b;
}

static void put_type(struct buf *out, const struct cel_type *type)
{
	if ((type->kind == CEL_LIST || type->kind == CEL_MAP) && !type->item) {
		buf_printf(out, "empty %s", cel_kind_name(type->kind));
		return;
	}
	buf_printf(out, "%s", cel_kind_name(type->kind));
	if (type->kind != CEL_LIST && type->kind != CEL_MAP)
		return;
	buf_puts(out, " of ");
	if (type->key) {
		put_type(out, type->key);
		buf_puts(out, " to ");
	}
	put_type(out, type->item);
}

/* NOLINTEND(misc-no-recursion) */

const char *type_text(struct typing *t, const struct cel_type *type)
{
	struct buf out = BUF_INIT(256);

	put_type(&out, type);
	return cel_tree_keep(t->tree, out.data);
}

int type_mismatch(struct typing *t, const struct cel_node *node, const char *what,
		  const char *expected)
{
	return cel_fail(t->err, node->at, "type mismatch: %s expects %s, found %s", what, expected,
			type_text(t, node->type));
}
