/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Expressions compared with one another, operand by operand.
 *
 * "Not false" goes through && and || as "true" does: a && b is not false if neither is false, since
 * false && error is false, and a || b if one of them is not false. So one recursion answers for
 * both. Parts are taken as equal if they are written alike, or if one tests the same value against
 * fewer constants or patterns, or a smaller range of numbers or addresses, than the other.
 */

#include "monitor/policy/lint_tree.h"
#include "monitor/policy/lint_ranges.h"

#include <stdio.h>
#include <string.h>

#define MAX_STEPS    100000u /* of one question; then it counts as one that cannot be told */
#define MAX_OPERANDS 256u    /* of one && or || chain; those behind are not looked at */

/* A test of one value against constants: ==, !=, in, and their negations. */
struct member_test {
	const struct cel_node *value;
	const struct cel_node *constants;
	bool negative;
};

static bool is_logic(const struct cel_node *node, int op)
{
	return node->kind == NODE_BINARY && node->op == op;
}

/* NOLINTBEGIN(misc-no-recursion): as deep as the tree, which the parser bounds */

static bool same(const struct cel_node *a, const struct cel_node *b)
{
	const struct cel_node *x = a->child;
	const struct cel_node *y = b->child;

	if (a->kind != b->kind || a->op != b->op || a->slot != b->slot ||
	    a->function != b->function || a->method != b->method || a->macro != b->macro ||
	    a->filtered != b->filtered || a->integer != b->integer || a->boolean != b->boolean ||
	    a->field != b->field || a->list != b->list || a->value != b->value ||
	    a->number != b->number)
		return false;
	/* Of a loop that are names, which other loops call otherwise: those are not the same. */
	if (!str_eq(a->text, b->text) || !str_eq(a->text2, b->text2))
		return false;
	for (; x && y; x = x->next, y = y->next) {
		if (!same(x, y))
			return false;
	}
	return !x && !y;
}

/* Of well-typed arguments. */
static bool is_total(enum cel_function function)
{
	return function <= FN_GLOB;
}

/*
 * What an error can come of: an index or key that is not there, a text that is no address or no
 * number, arithmetic, a type that is known only when it is evaluated, memory.
 */
static bool cannot_fail(const struct cel_node *node)
{
	switch ((int)node->kind) {
	case NODE_NULL:
	case NODE_BOOL:
	case NODE_INT:
	case NODE_UINT:
	case NODE_DOUBLE:
	case NODE_STRING:
	case NODE_FIELD:
	case NODE_LABELS:
	case NODE_NAMED:
	case NODE_VAR:
	case NODE_LIST:
	case NODE_NOT:
	case NODE_COND:
		break;
	case NODE_BINARY:
		if (node->op < OP_LE && node->op != '<' && node->op != '>')
			return false;
		break;
	case NODE_LOOP:
		if (node->macro != MACRO_ALL && node->macro != MACRO_EXISTS)
			return false;
		break;
	case NODE_CALL:
		if (!is_total(node->function))
			return false;
		break;
	default:
		return false;
	}
	if (!node->type || node->type->kind == CEL_DYN)
		return false;
	for (const struct cel_node *child = node->child; child; child = child->next) {
		if (!cannot_fail(child))
			return false;
	}
	return true;
}

static size_t operands(const struct cel_node *node, int op, const struct cel_node **ret,
		       size_t count)
{
	if (is_logic(node, op)) {
		count = operands(node->child, op, ret, count);
		return operands(node->child->next, op, ret, count);
	}
	if (count < MAX_OPERANDS)
		ret[count++] = node;
	return count;
}

/* ---- constants ---- */

static bool is_constant(const struct cel_node *node)
{
	return cel_is_constant(node) || node->kind == NODE_INT;
}

static bool has_integers(const struct cel_node *node)
{
	return node->kind == NODE_INT || (node->kind != NODE_STRING && cel_has_integers(node));
}

static size_t constant_count(const struct cel_node *node)
{
	return node->kind == NODE_INT ? 1 : cel_constant_count(node);
}

static int64_t constant_integer(const struct cel_node *node, size_t index)
{
	const struct cel_node *item = node->kind == NODE_INT ? node : node->child;

	while (index-- > 0)
		item = item->next;
	return item->integer;
}

static bool constants_have(const struct cel_node *set, const struct cel_node *from, size_t index)
{
	for (size_t i = 0; i < constant_count(set); i++) {
		if (has_integers(set) != has_integers(from))
			return false;
		if (has_integers(set)
			    ? constant_integer(set, i) == constant_integer(from, index)
			    : str_eq(cel_constant_string(set, i), cel_constant_string(from, index)))
			return true;
	}
	return false;
}

/* How many of `a` are in `b`. */
static size_t common(const struct cel_node *a, const struct cel_node *b)
{
	size_t count = 0;

	if (a->kind == NODE_NAMED && a->list == b->list)
		return constant_count(a);
	for (size_t i = 0; i < constant_count(a); i++)
		count += constants_have(b, a, i);
	return count;
}

static bool is_subset(const struct cel_node *a, const struct cel_node *b)
{
	return common(a, b) == constant_count(a);
}

static bool as_member_test(const struct cel_node *node, struct member_test *ret)
{
	const bool negated = node->kind == NODE_NOT;
	const struct cel_node *inner = negated ? node->child : node;
	const struct cel_node *a = inner->child;

	if (inner->kind != NODE_BINARY ||
	    (inner->op != OP_EQ && inner->op != OP_NE && inner->op != OP_IN))
		return false;
	*ret = (struct member_test){a, a->next, negated != (inner->op == OP_NE)};
	if (!is_constant(ret->constants) && inner->op != OP_IN)
		*ret = (struct member_test){a->next, a, ret->negative};
	return is_constant(ret->constants) && !is_constant(ret->value);
}

static bool is_pattern_call(const struct cel_node *node)
{
	switch ((int)node->function) {
	case FN_STARTS_WITH:
	case FN_ENDS_WITH:
	case FN_CONTAINS:
	case FN_HOST_MATCHES:
	case FN_GLOB:
	case FN_IN_CIDR:
		return node->kind == NODE_CALL && node->child->next &&
		       cel_is_constant(node->child->next);
	default:
		return false;
	}
}

/* ---- implication ---- */

/* Of two tests of one integer the ranges. */
static bool as_ranges(const struct cel_node *a, const struct cel_node *b, struct int_range *x,
		      struct int_range *y)
{
	return range_of_test(a, x) && range_of_test(b, y) && same(x->value, y->value);
}

static bool part_implies(const struct cel_node *a, const struct cel_node *b)
{
	struct int_range r;
	struct int_range s;
	struct member_test x;
	struct member_test y;

	if (same(a, b))
		return true;
	if (as_ranges(a, b, &r, &s) && s.exact && r.low >= s.low && r.high <= s.high)
		return true;
	if (as_member_test(a, &x) && as_member_test(b, &y)) {
		if (!same(x.value, y.value))
			return false;
		if (!x.negative && !y.negative)
			return is_subset(x.constants, y.constants);
		if (x.negative && y.negative)
			return is_subset(y.constants, x.constants);
		return !x.negative && common(x.constants, y.constants) == 0;
	}
	if (!is_pattern_call(a) || !is_pattern_call(b) || a->function != b->function ||
	    !same(a->child, b->child))
		return false;
	return is_subset(a->child->next, b->child->next) ||
	       (a->function == FN_IN_CIDR && networks_lie_within(a->child->next, b->child->next));
}

static bool implies(const struct cel_node *a, const struct cel_node *b, unsigned *steps)
{
	const struct cel_node *of_a[MAX_OPERANDS];
	const struct cel_node *of_b[MAX_OPERANDS];
	size_t count_a;
	size_t count_b;

	if (++*steps > MAX_STEPS)
		return false;
	if (is_logic(b, OP_AND))
		return implies(a, b->child, steps) && implies(a, b->child->next, steps);
	if (is_logic(a, OP_OR))
		return implies(a->child, b, steps) && implies(a->child->next, b, steps);
	if (!is_logic(a, OP_AND) && !is_logic(b, OP_OR)) {
		if (a->kind == NODE_NOT && b->kind == NODE_NOT &&
		    implies(b->child, a->child, steps))
			return true;
		return part_implies(a, b);
	}
	count_a = operands(a, OP_AND, of_a, 0);
	count_b = operands(b, OP_OR, of_b, 0);
	for (size_t i = 0; i < count_a; i++) {
		for (size_t j = 0; j < count_b; j++) {
			if (implies(of_a[i], of_b[j], steps))
				return true;
		}
	}
	return false;
}

bool tree_implies(const struct cel_node *a, const struct cel_node *b)
{
	unsigned steps = 0;

	return implies(a, b, &steps);
}

/* ---- parts that have one value only ---- */

#define STREAMS "", "file", "pipe", "terminal", "device", "tcp", "udp", "unix", "other"

static const struct {
	const char *field;
	const char *values[10];
} domains[] = {
	{"family", {"inet", "inet6", "unix", "netlink", "other"}},
	/* of net.request the last six */
	{"protocol", {"tcp", "udp", "other", "tls", "http", "http2", "ssh", "quic"}},
	{"provenance", {"", "image", "workspace", "session", "memfd", "host-bound"}},
	{"stdin", {STREAMS}},
	{"stdout", {STREAMS}},
};

static bool domain_has(const char *const values[], const struct cel_node *constants)
{
	for (size_t i = 0; i < constant_count(constants); i++) {
		for (size_t v = 0; values[v]; v++) {
			if (str_eq(cel_constant_string(constants, i), str_of(values[v])))
				return true;
		}
	}
	return false;
}

static bool is_outside_domain(const struct cel_node *node, struct fixed_part *ret)
{
	struct member_test test;

	if (!as_member_test(node, &test) || test.value->kind != NODE_FIELD ||
	    node->kind == NODE_NOT)
		return false;
	for (size_t i = 0; i < sizeof(domains) / sizeof(domains[0]); i++) {
		if (strcmp(domains[i].field, test.value->field->name) != 0 ||
		    !constant_count(test.constants) ||
		    domain_has(domains[i].values, test.constants))
			continue;
		*ret = (struct fixed_part){.whole = node, .at = node, .value = test.negative};
		(void)snprintf(ret->reason, sizeof(ret->reason), "action.%s never is %s\"%.*s\"",
			       domains[i].field,
			       constant_count(test.constants) > 1 ? "one of these, as " : "",
			       (int)cel_constant_string(test.constants, 0).len,
			       cel_constant_string(test.constants, 0).at);
		return true;
	}
	return false;
}

/* One of the two is false whatever happens. */
static bool exclude_each_other(const struct cel_node *a, const struct cel_node *b)
{
	struct int_range r;
	struct int_range s;
	struct member_test x;
	struct member_test y;

	if (!cannot_fail(a) || !cannot_fail(b))
		return false;
	if (as_ranges(a, b, &r, &s) && (r.low > s.high || s.low > r.high))
		return true;
	if (a->kind == NODE_NOT && tree_implies(b, a->child))
		return true;
	if (b->kind == NODE_NOT && tree_implies(a, b->child))
		return true;
	if (!as_member_test(a, &x) || !as_member_test(b, &y) || !same(x.value, y.value))
		return false;
	if (!x.negative && !y.negative)
		return common(x.constants, y.constants) == 0;
	if (x.negative == y.negative)
		return false;
	return x.negative ? is_subset(y.constants, x.constants)
			  : is_subset(x.constants, y.constants);
}

/* No number lies outside of both. */
static bool covers(const struct int_range *r, const struct int_range *s)
{
	const struct int_range *first = r->low == INT64_MIN ? r : s;
	const struct int_range *last = first == r ? s : r;

	return r->exact && s->exact && first->low == INT64_MIN && last->high == INT64_MAX &&
	       (first->high == INT64_MAX || last->low <= first->high + 1);
}

/* One of the two is true whatever happens. */
static bool leave_nothing_out(const struct cel_node *a, const struct cel_node *b)
{
	struct int_range r;
	struct int_range s;
	struct member_test x;
	struct member_test y;

	if (!cannot_fail(a) || !cannot_fail(b))
		return false;
	if (as_ranges(a, b, &r, &s) && covers(&r, &s))
		return true;
	if (a->kind == NODE_NOT && tree_implies(a->child, b))
		return true;
	if (b->kind == NODE_NOT && tree_implies(b->child, a))
		return true;
	return as_member_test(a, &x) && as_member_test(b, &y) && same(x.value, y.value) &&
	       x.negative && y.negative && common(x.constants, y.constants) == 0;
}

static bool is_fixed_chain(const struct cel_node *node, struct fixed_part *ret)
{
	const struct cel_node *of[MAX_OPERANDS];
	const bool is_and = is_logic(node, OP_AND);
	size_t count;

	if (!is_and && !is_logic(node, OP_OR))
		return false;
	count = operands(node, node->op, of, 0);
	for (size_t j = 1; j < count; j++) {
		for (size_t i = 0; i < j; i++) {
			if (is_and ? !exclude_each_other(of[i], of[j])
				   : !leave_nothing_out(of[i], of[j]))
				continue;
			*ret = (struct fixed_part){.whole = node, .at = of[j], .value = !is_and};
			(void)snprintf(ret->reason, sizeof(ret->reason),
				       is_and ? "two conditions joined by && exclude each other"
					      : "of two conditions joined by || one always holds");
			return true;
		}
	}
	return false;
}

bool tree_fixed_part(const struct cel_node *root, struct fixed_part *ret)
{
	if (is_fixed_chain(root, ret) || is_outside_domain(root, ret) || range_is_beyond(root, ret))
		return true;
	for (const struct cel_node *child = root->child; child; child = child->next) {
		if (tree_fixed_part(child, ret))
			return true;
	}
	return false;
}

/* NOLINTEND(misc-no-recursion) */
