/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the files of the parser share: cel_parse.c has operators and precedence,
 * cel_parse_primary.c what they stand between. Each function takes the tokens of what it parses and
 * leaves the next one looked at; errors are those of cel_fail().
 */

#include "monitor/policy/cel/cel_tree.h"

struct parser {
	struct cel_tree *tree;
	struct str source;
	size_t at;
	struct cel_token token; /* looked at, not yet taken */
	unsigned depth;
	struct cel_error *err;
};

int parser_advance(struct parser *p);
/* Whether the token is this operator. */
bool parser_is(const struct parser *p, int op);
int parser_unexpected(const struct parser *p, const char *expected);
/* Takes an operator; @name: for the error. */
int parser_expect(struct parser *p, int op, const char *name);
/* One level deeper; the caller sets p->depth back. */
int parser_enter(struct parser *p);

int parse_expr(struct parser *p, struct cel_node **ret);
int parse_primary(struct parser *p, struct cel_node **ret);
/* A number, string or bytes. */
int parse_literal(struct parser *p, bool negative, struct cel_node **ret);
/* What follows a primary; *ret is that already. */
int parse_postfix(struct parser *p, struct cel_node **ret);
