/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Most of what rules ask is whether a field, or the item of a loop, is one of some constants, or
 * starts with one: one instruction in place of three, and none of them can fail.
 */

#include "monitor/policy/cel/cel_compile.h"

/* A text or a number that is there: its place in the instruction. */
static bool subject(const struct cel_node *node, enum cel_kind kind, struct cel_op *ret)
{
	if (node->type->kind != kind)
		return false;
	if (node->kind == NODE_FIELD && action_field_may_be_unknown(node->field))
		return false; /* may be unknown, which is an error */
	if (node->kind == NODE_FIELD) {
		ret->op = kind == CEL_INT ? CODE_TEST_INT : CODE_TEST_FIELD;
		ret->function = (uint16_t)(node->field - action_fields);
		return true;
	}
	if (node->kind == NODE_VAR && kind == CEL_STRING) {
		ret->op = CODE_TEST_VAR;
		ret->function = (uint16_t)node->slot;
		return true;
	}
	return false;
}

static bool test_of_operator(int op, enum cel_kind kind, enum cel_test *ret)
{
	*ret = op == OP_EQ   ? TEST_EQ
	       : op == OP_NE ? TEST_NE
	       : op == '<'   ? TEST_LT
	       : op == OP_LE ? TEST_LE
	       : op == '>'   ? TEST_GT
			     : TEST_GE;
	return op == OP_EQ || op == OP_NE || (kind == CEL_INT && op != OP_AND && op != OP_OR);
}

/* "==" and its like: of a text only whether it is the constant. */
static bool compile_comparison(struct compiler *c, const struct cel_node *node)
{
	const struct cel_node *a = node->child;
	const struct cel_node *b = a->next;
	struct cel_op op = {0};
	enum cel_test test;

	if (b->kind == NODE_STRING && subject(a, CEL_STRING, &op) &&
	    test_of_operator(node->op, CEL_STRING, &test))
		op.arg = (uint32_t)cel_add_string(c->program, b->text);
	else if (b->kind == NODE_INT && subject(a, CEL_INT, &op) &&
		 test_of_operator(node->op, CEL_INT, &test))
		op.arg = (uint32_t)cel_add_integer(c->program, b->integer);
	else
		return false;
	op.slot = (uint8_t)test;
	(void)cel_emit(c, op, 1);
	return true;
}

static bool compile_among(struct compiler *c, const struct cel_node *node)
{
	const struct cel_node *list = node->child->next;
	struct cel_op op = {.slot = TEST_IN};

	if (list->kind != NODE_LIST && list->kind != NODE_NAMED)
		return false;
	if (!subject(node->child, cel_has_integers(list) ? CEL_INT : CEL_STRING, &op))
		return false;
	op.arg = (uint32_t)cel_add_list(c->program, list);
	(void)cel_emit(c, op, 1);
	return true;
}

static bool compile_affix(struct compiler *c, const struct cel_node *node)
{
	const struct cel_node *part = node->child->next;
	struct cel_op op = {0};

	if (node->function > FN_CONTAINS || part->kind != NODE_STRING ||
	    !subject(node->child, CEL_STRING, &op))
		return false;
	op.slot = node->function == FN_STARTS_WITH ? TEST_STARTS
		  : node->function == FN_ENDS_WITH ? TEST_ENDS
						   : TEST_CONTAINS;
	op.arg = (uint32_t)cel_add_string(c->program, part->text);
	(void)cel_emit(c, op, 1);
	return true;
}

bool cel_compile_test(struct compiler *c, const struct cel_node *node)
{
	if (node->kind == NODE_CALL)
		return compile_affix(c, node);
	if (node->kind != NODE_BINARY)
		return false;
	return node->op == OP_IN ? compile_among(c, node) : compile_comparison(c, node);
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the tree, which the parser bounds */
bool cel_can_fail(const struct cel_node *node)
{
	if (node->kind == NODE_INDEX || node->kind == NODE_NEGATE ||
	    (node->kind == NODE_FIELD && action_field_may_be_unknown(node->field)) ||
	    (node->kind == NODE_CALL &&
	     (node->function == FN_IN_CIDR || node->function == FN_MATCHES)))
		return true;
	for (const struct cel_node *child = node->child; child; child = child->next) {
		if (cel_can_fail(child))
			return true;
	}
	return false;
}
