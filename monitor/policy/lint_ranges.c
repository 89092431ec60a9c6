/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/policy/lint_ranges.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "monitor/policy/cidr.h"

static int flipped(int op)
{
	switch (op) {
	case '<':
		return '>';
	case '>':
		return '<';
	case OP_LE:
		return OP_GE;
	case OP_GE:
		return OP_LE;
	default:
		return op;
	}
}

static int negated(int op)
{
	switch (op) {
	case '<':
		return OP_GE;
	case '>':
		return OP_LE;
	case OP_LE:
		return '>';
	case OP_GE:
		return '<';
	case OP_NE:
		return OP_EQ;
	default:
		return 0; /* all but one value is no range */
	}
}

/* What passes "value op number". */
static bool limit(int op, int64_t number, struct int_range *ret)
{
	ret->low = op == '>' || op == OP_GE || op == OP_EQ ? number : INT64_MIN;
	ret->high = op == '<' || op == OP_LE || op == OP_EQ ? number : INT64_MAX;
	ret->exact = true;
	/* At the end of all numbers nothing is left; then it is said to be of none. */
	if ((op == '>' && number == INT64_MAX) || (op == '<' && number == INT64_MIN))
		return false;
	ret->low += op == '>';
	ret->high -= op == '<';
	return op == '<' || op == '>' || op == OP_LE || op == OP_GE || op == OP_EQ;
}

/* "value in [1, 2]": between the least and the greatest. */
static bool span(const struct cel_node *list, struct int_range *ret)
{
	if (list->kind != NODE_LIST || !list->child)
		return false;
	ret->low = INT64_MAX;
	ret->high = INT64_MIN;
	ret->exact = false;
	for (const struct cel_node *item = list->child; item; item = item->next) {
		if (item->kind != NODE_INT)
			return false;
		ret->low = item->integer < ret->low ? item->integer : ret->low;
		ret->high = item->integer > ret->high ? item->integer : ret->high;
	}
	return true;
}

bool range_of_test(const struct cel_node *node, struct int_range *ret)
{
	const bool is_not = node->kind == NODE_NOT;
	const struct cel_node *inner = is_not ? node->child : node;
	const struct cel_node *a = inner->child;
	const struct cel_node *b = a ? a->next : NULL;
	int op = inner->op;

	if (inner->kind != NODE_BINARY || !b)
		return false;
	ret->value = a;
	if (op == OP_IN)
		return !is_not && span(b, ret);
	if (a->kind == NODE_INT) {
		ret->value = b;
		op = flipped(op);
		b = a;
	}
	return b->kind == NODE_INT && ret->value->kind != NODE_INT &&
	       limit(is_not ? negated(op) : op, b->integer, ret);
}

bool range_is_beyond(const struct cel_node *node, struct fixed_part *ret)
{
	const struct field_domain *can;
	struct int_range r;

	if (!range_of_test(node, &r) || r.value->kind != NODE_FIELD || !r.value->field->domain)
		return false;
	can = r.value->field->domain;
	if (r.low <= can->high && r.high >= can->low)
		return false;
	*ret = (struct fixed_part){.whole = node, .at = node};
	if (can->high == INT64_MAX)
		(void)snprintf(ret->reason, sizeof(ret->reason),
			       "action.%s never is below %" PRId64, r.value->field->name, can->low);
	else
		(void)snprintf(ret->reason, sizeof(ret->reason),
			       "action.%s is %" PRId64 " to %" PRId64, r.value->field->name,
			       can->low, can->high);
	return true;
}

static bool lies_within(struct str inner, struct str outer)
{
	struct cidr a;
	struct cidr b;

	return !cidr_parse(inner, &a) && !cidr_parse(outer, &b) && b.bits <= a.bits &&
	       cidr_has(&b, a.address);
}

bool networks_lie_within(const struct cel_node *a, const struct cel_node *b)
{
	for (size_t i = 0; i < cel_constant_count(a); i++) {
		size_t j = 0;

		while (j < cel_constant_count(b) &&
		       !lies_within(cel_constant_string(a, i), cel_constant_string(b, j)))
			j++;
		if (j == cel_constant_count(b))
			return false;
	}
	return true;
}
