/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The instructions that cel_compile() writes and cel_fast() runs; `arg` and `slot` as noted. */
enum cel_opcode {
	CODE_STRING,	 /* push constant string [arg] */
	CODE_INT,	 /* push constant integer [arg] */
	CODE_BOOL,	 /* push arg */
	CODE_LIST,	 /* push constant list [arg] */
	CODE_FIELD,	 /* push action_fields[arg] */
	CODE_LABELS,	 /* push session.labels; arg: process.labels */
	CODE_VAR,	 /* push the item of loop [slot] */
	CODE_TEST_FIELD, /* push enum cel_test [slot] of action_fields[function] and constant [arg]
			  */
	CODE_TEST_INT,	 /* the same of a number */
	CODE_TEST_VAR,	 /* the same of the item of loop [function], a text */
	CODE_NOT,
	CODE_NEGATE,
	CODE_COMPARE, /* arg: the operator; two operands */
	CODE_IN,
	CODE_INDEX,
	CODE_DECIDED, /* arg: target; if the top already decides && (slot 0) or || (1), jump */
	CODE_ELSE,    /* the same, else drop it: it is no error */
	CODE_LOGIC,   /* && (slot 0) or || (1) of the two on top, errors as in CEL */
	CODE_BRANCH,  /* pop a bool; false: jump to arg; error: push it, jump behind (slot) */
	CODE_JUMP,    /* arg */
	CODE_CALL,    /* function; arg: constant list, network set or regular expression */
	CODE_LOOP,    /* pop a list into loop [slot]; empty: push the result, jump to arg */
	CODE_NEXT,    /* pop a bool into loop [slot]; next item: jump to arg; else push result */
};

/* Against constant string or integer [arg]; TEST_IN: against list [arg]. */
enum cel_test {
	TEST_EQ,
	TEST_NE,
	TEST_IN,
	TEST_STARTS,
	TEST_ENDS,
	TEST_CONTAINS,
	TEST_LT,
	TEST_LE,
	TEST_GT,
	TEST_GE
};
