/* SPDX-License-Identifier: Apache-2.0 */

/* The operators of cel_fast(). */

#include "monitor/policy/cel/cel_fast.h"
#include "monitor/policy/cel/cel_fast_machine.h"

/* NOLINTBEGIN(clang-analyzer-core.CallAndMessage): as below */

static int compare(const struct value *a, const struct value *b)
{
	if (a->kind == CEL_STRING)
		return text_compare(a->string, b->string, a->fold, b->fold);
	if (a->kind == CEL_INT)
		return (a->integer > b->integer) - (a->integer < b->integer);
	return a->boolean - b->boolean;
}

/* NOLINTEND(clang-analyzer-core.CallAndMessage) */

static bool ordered(int op, int order)
{
	switch (op) {
	case OP_EQ:
		return order == 0;
	case OP_NE:
		return order != 0;
	case OP_LE:
		return order <= 0;
	case OP_GE:
		return order >= 0;
	case '<':
		return order < 0;
	default:
		return order > 0;
	}
}

static bool list_has(const struct list_value *list, const struct value *item)
{
	if (!list->bits && !list->integers && item->kind == CEL_STRING && !item->fold) {
		for (size_t i = 0; i < list->count; i++) {
			if (str_eq(list->strings[i], item->string))
				return true;
		}
		return false;
	}
	if (list->integers) {
		for (size_t i = 0; i < list->count; i++) {
			if (list->integers[i] == item->integer)
				return true;
		}
		return false;
	}
	for (size_t i = 0; i < list->count; i++) {
		struct value other;

		load_item(list, i, &other);
		if (compare(item, &other) == 0)
			return true;
	}
	return false;
}

static void item_at(struct value *list, const struct value *index)
{
	const struct list_value items = list->list;

	if (index->integer < 0 || (uint64_t)index->integer >= items.count)
		set_error(list);
	else
		load_item(&items, (size_t)index->integer, list);
}

/*
 * NOLINTBEGIN(clang-analyzer-core.UndefinedBinaryOperatorResult): what lies on the stack was put
 * there by instructions before; the compiler of expressions sees to that, the analyzer cannot.
 */

/* Operators of two values; an error on either side is the result. */
void fast_binary(const struct cel_op *op, struct value *a, const struct value *b)
{
	if (a->kind == CEL_ERROR || b->kind == CEL_ERROR)
		set_error(a);
	else if (op->op == CODE_COMPARE)
		set_bool(a, ordered((int)op->arg, compare(a, b)));
	else if (op->op == CODE_IN)
		set_bool(a, list_has(&b->list, a));
	else
		item_at(a, b);
}

/* cel-spec: "false && error" is false on either side, and "true || error" is true. */
void fast_logic(struct value *a, const struct value *b, bool is_or)
{
	if ((a->kind == CEL_BOOL && a->boolean == is_or) ||
	    (b->kind == CEL_BOOL && b->boolean == is_or))
		set_bool(a, is_or);
	else if (a->kind == CEL_ERROR || b->kind == CEL_ERROR)
		set_error(a);
	else
		set_bool(a, !is_or);
}

void fast_negate(struct value *a)
{
	if (a->kind == CEL_ERROR)
		return;
	if (a->integer == INT64_MIN)
		set_error(a);
	else
		a->integer = -a->integer;
}

/* NOLINTEND(clang-analyzer-core.UndefinedBinaryOperatorResult) */
