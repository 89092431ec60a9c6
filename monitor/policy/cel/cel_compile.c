/* SPDX-License-Identifier: Apache-2.0 */

/*
 * From a typed tree to flat code, where the code of cel_fast.c covers all of it: then constants are
 * copied and the tree can go. The deepest stack is counted along and limited here, so cel_fast()
 * need not look. Any other tree is kept, and cel_run.c evaluates it.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "monitor/policy/cel/cel_compile.h"

static void compile(struct compiler *c, const struct cel_node *node);

size_t cel_emit(struct compiler *c, struct cel_op op, int pushes)
{
	struct cel_program *p = c->program;

	if (p->count == p->code_cap) {
		p->code_cap = p->code_cap ? p->code_cap * 2 : 16;
		p->code = xrealloc_array(p->code, p->code_cap, sizeof(*p->code));
	}
	p->code[p->count] = op;
	c->depth = (unsigned)((int)c->depth + pushes);
	if (c->depth > p->stack)
		p->stack = c->depth;
	return p->count++;
}

static size_t emit(struct compiler *c, enum cel_opcode op, unsigned slot, size_t arg, int pushes)
{
	return cel_emit(
		c, (struct cel_op){.op = (uint8_t)op, .slot = (uint8_t)slot, .arg = (uint32_t)arg},
		pushes);
}

/* NOLINTBEGIN(misc-no-recursion): as deep as the tree, which the parser bounds */

static void compile_logic(struct compiler *c, const struct cel_node *node)
{
	const unsigned is_or = node->op == OP_OR;
	const bool can_fail = cel_can_fail(node->child);
	size_t jump;

	/* Without an error to remember, what does not decide is dropped. */
	compile(c, node->child);
	jump = can_fail ? emit(c, CODE_DECIDED, is_or, 0, 0) : emit(c, CODE_ELSE, is_or, 0, -1);
	compile(c, node->child->next);
	if (can_fail)
		(void)emit(c, CODE_LOGIC, is_or, 0, -1);
	c->program->code[jump].arg = (uint32_t)c->program->count;
}

static void compile_cond(struct compiler *c, const struct cel_node *node)
{
	struct cel_program *p = c->program;
	size_t branch;
	size_t jump;

	compile(c, node->child);
	branch = emit(c, CODE_BRANCH, 0, 0, -1);
	compile(c, node->child->next);
	jump = emit(c, CODE_JUMP, 0, 0, -1);
	p->code[branch].arg = (uint32_t)p->count;
	compile(c, node->child->next->next);
	p->code[jump].arg = (uint32_t)p->count;
}

static void compile_loop(struct compiler *c, const struct cel_node *node)
{
	const unsigned slot = node->slot | (node->macro == MACRO_EXISTS ? 0x80u : 0);
	size_t start;

	compile(c, node->child);
	start = emit(c, CODE_LOOP, slot, 0, -1);
	compile(c, node->child->next);
	(void)emit(c, CODE_NEXT, slot, start + 1, 0);
	c->program->code[start].arg = (uint32_t)c->program->count;
}

static void compile_call(struct compiler *c, const struct cel_node *node)
{
	const struct cel_node *first = node->child;
	size_t constant = 0;
	int pops = 0;
	size_t at;

	compile(c, first);
	if (node->function == FN_IN_CIDR) {
		constant = cel_add_cidrs(c->program, first->next);
	} else if (node->function == FN_MATCHES) {
		constant = cel_add_regex(c->program, first->next);
	} else if (node->function == FN_GLOB) {
		constant = cel_add_globs(c->program, first->next);
	} else if (node->function >= FN_HOST_MATCHES) {
		constant = cel_add_list(c->program, first->next);
	} else if (first->next) {
		compile(c, first->next);
		pops = -1;
	}
	at = emit(c, CODE_CALL, 0, constant, pops);
	c->program->code[at].function = (uint16_t)node->function;
}

static void compile_binary(struct compiler *c, const struct cel_node *node)
{
	if (node->op == OP_AND || node->op == OP_OR) {
		compile_logic(c, node);
		return;
	}
	compile(c, node->child);
	compile(c, node->child->next);
	(void)emit(c, node->op == OP_IN ? CODE_IN : CODE_COMPARE, 0, (size_t)node->op, -1);
}

static void compile(struct compiler *c, const struct cel_node *node)
{
	if (cel_compile_test(c, node))
		return;
	switch ((int)node->kind) {
	case NODE_STRING:
		(void)emit(c, CODE_STRING, 0, cel_add_string(c->program, node->text), 1);
		break;
	case NODE_INT:
		(void)emit(c, CODE_INT, 0, cel_add_integer(c->program, node->integer), 1);
		break;
	case NODE_BOOL:
		(void)emit(c, CODE_BOOL, 0, node->boolean, 1);
		break;
	case NODE_LIST:
	case NODE_NAMED:
		(void)emit(c, CODE_LIST, 0, cel_add_list(c->program, node), 1);
		break;
	case NODE_FIELD:
		(void)emit(c, CODE_FIELD, 0, (size_t)(node->field - action_fields), 1);
		break;
	case NODE_LABELS:
		(void)emit(c, CODE_LABELS, 0, node->boolean, 1);
		break;
	case NODE_VAR:
		(void)emit(c, CODE_VAR, node->slot, 0, 1);
		break;
	case NODE_NOT:
	case NODE_NEGATE:
		compile(c, node->child);
		(void)emit(c, node->kind == NODE_NOT ? CODE_NOT : CODE_NEGATE, 0, 0, 0);
		break;
	case NODE_BINARY:
		compile_binary(c, node);
		break;
	case NODE_COND:
		compile_cond(c, node);
		break;
	case NODE_INDEX:
		compile(c, node->child);
		compile(c, node->child->next);
		(void)emit(c, CODE_INDEX, 0, 0, -1);
		break;
	case NODE_CALL:
		compile_call(c, node);
		break;
	case NODE_LOOP:
		compile_loop(c, node);
		break;
	default: /* is_fast() lets no others through */
		abort();
	}
}

/* What decides in (a || b) || c decides there, too: one jump. */
static void shorten_jumps(struct cel_program *p)
{
	for (size_t i = p->count; i-- > 0;) {
		struct cel_op *op = &p->code[i];
		const struct cel_op *next = &p->code[op->arg];

		if (op->op != CODE_DECIDED && op->op != CODE_ELSE)
			continue;
		if (op->arg < p->count && (next->op == CODE_DECIDED || next->op == CODE_ELSE) &&
		    next->slot == op->slot)
			op->arg = next->arg;
	}
}

/* ---- what the code covers ---- */

static bool is_simple(const struct cel_type *type)
{
	return type &&
	       (type->kind == CEL_BOOL || type->kind == CEL_INT || type->kind == CEL_STRING);
}

static bool has_simple_items(const struct cel_node *list)
{
	return list->type->kind == CEL_LIST && (!list->type->item || is_simple(list->type->item));
}

static bool is_fast_call(const struct cel_node *node)
{
	const struct cel_node *first = node->child;
	const enum cel_kind kind = first->type->kind;

	/* Of the text as it is: what lowerAscii() marks would have to be copied. No item is marked.
	 */
	if (node->function == FN_MATCHES)
		return first->next->regex && kind == CEL_STRING &&
		       (first->kind == NODE_FIELD || first->kind == NODE_VAR ||
			first->kind == NODE_INDEX);
	return node->function <= FN_IN_CIDR && (kind == CEL_STRING || kind == CEL_LIST);
}

/* The node itself; its children are asked by themselves. */
static bool is_fast_kind(const struct cel_node *node)
{
	const struct cel_node *first = node->child;

	switch ((int)node->kind) {
	case NODE_STRING:
	case NODE_INT:
	case NODE_BOOL:
	case NODE_FIELD:
	case NODE_LABELS:
	case NODE_NAMED:
	case NODE_NOT:
		return true;
	case NODE_LIST:
		return cel_is_constant(node);
	case NODE_VAR:
	case NODE_NEGATE:
		return is_simple(node->type);
	case NODE_COND:
		return is_simple(node->type) || has_simple_items(node);
	case NODE_INDEX:
		return has_simple_items(first) && first->type->kind == CEL_LIST;
	case NODE_CALL:
		return is_fast_call(node);
	case NODE_LOOP:
		return node->macro <= MACRO_EXISTS && !node->text2.len && has_simple_items(first);
	case NODE_BINARY:
		if (node->op == OP_IN)
			return is_simple(first->type) && has_simple_items(first->next);
		return node->op > 255 || node->op == '<' || node->op == '>' ? is_simple(first->type)
									    : false;
	default:
		return false;
	}
}

static bool is_fast(const struct cel_node *node)
{
	if (!is_fast_kind(node))
		return false;
	for (const struct cel_node *child = node->child; child; child = child->next) {
		if (!is_fast(child))
			return false;
	}
	return true;
}

/* In a tree that is kept a field's patterns are found as in code. Not those of other texts: their
 * memory may be another text's later, and keys are remembered by where a text is. */
static void find_globs(struct cel_program *p, struct cel_node *node)
{
	const struct cel_node *first = node->child;

	if (node->kind == NODE_CALL && node->function == FN_GLOB && first->kind == NODE_FIELD) {
		const size_t at = cel_add_globs(p, first->next);

		node->globs = p->lists[at].globs;
	}
	for (struct cel_node *child = node->child; child; child = child->next)
		find_globs(p, child);
}

/* NOLINTEND(misc-no-recursion) */

int cel_compile(struct cel_tree *tree, struct cel_program *ret, struct cel_error *err)
{
	struct compiler c = {.program = ret};

	*ret = (struct cel_program){0};
	if (!is_fast(tree->root)) {
		ret->tree = *tree;
		*tree = (struct cel_tree){0};
		find_globs(ret, ret->tree.root);
		return 0;
	}
	compile(&c, tree->root);
	shorten_jumps(ret);
	if (ret->stack > CEL_MAX_STACK) {
		cel_program_done(ret);
		return cel_fail(err, tree->root->at, "needs a stack of more than %u values",
				CEL_MAX_STACK);
	}
	return 0;
}
