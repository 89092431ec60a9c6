/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What CODE_TEST_... ask, apart from the machine: of a text or number and the program's constant.
 */

#include "monitor/policy/cel/cel.h"
#include "monitor/policy/cel/cel_fast.h"

static inline bool is_among(const struct cel_list *list, struct str text)
{
	if (!(list->lengths & cel_length_bit(text.len)))
		return false;
	for (size_t i = 0; i < list->count; i++) {
		if (str_eq(list->strings[i], text))
			return true;
	}
	return false;
}

static inline bool test_string(const struct cel_program *p, const struct cel_op *op,
			       struct str text)
{
	struct str part;

	if (op->slot == TEST_IN)
		return is_among(&p->lists[op->arg], text);
	part = p->strings[op->arg];
	switch (op->slot) {
	case TEST_EQ:
		return str_eq(text, part);
	case TEST_NE:
		return !str_eq(text, part);
	case TEST_STARTS:
		return part.len <= text.len && str_eq((struct str){text.at, part.len}, part);
	case TEST_ENDS:
		return part.len <= text.len &&
		       str_eq((struct str){text.at + text.len - part.len, part.len}, part);
	default:
		return text_contains(text, part, false, false);
	}
}

static inline bool test_integer(const struct cel_program *p, const struct cel_op *op, int64_t value)
{
	const struct cel_list *list;
	int64_t other;

	if (op->slot == TEST_IN) {
		list = &p->lists[op->arg];
		for (size_t i = 0; i < list->count; i++) {
			if (list->integers[i] == value)
				return true;
		}
		return false;
	}
	other = p->integers[op->arg];
	switch (op->slot) {
	case TEST_EQ:
		return value == other;
	case TEST_NE:
		return value != other;
	case TEST_LT:
		return value < other;
	case TEST_LE:
		return value <= other;
	case TEST_GT:
		return value > other;
	default:
		return value >= other;
	}
}
