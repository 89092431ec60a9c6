/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The expressions of rules: a subset of CEL (Common Expression Language, cel-spec langdef.md).
 *
 *	text --cel_lex--> tokens --cel_parse--> tree --cel_type--> typed tree --cel_compile--> code
 *
 * All of that happens when a policy is loaded. cel_eval() then runs the flat code on a stack of
 * fixed size: no memory is taken, every loop is over a bounded list, the worst cost is estimated
 * and limited at load. As in CEL an operation can yield an error (an index outside its list), and
 * && and || take an error away where the other side decides alone.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "monitor/action.h"
#include "monitor/policy/cidr.h"
#include "monitor/policy/match.h"

#define CEL_MAX_BYTES 16384u /* one expression */
#define CEL_MAX_NODES 2048u
#define CEL_MAX_DEPTH 48u      /* of nesting while parsing */
#define CEL_MAX_STACK 64u      /* values at run time */
#define CEL_MAX_LOOPS 4u       /* exists and all inside one another */
#define CEL_MAX_COST  1000000u /* elementary steps in the worst case */

enum cel_kind {
	CEL_BOOL,
	CEL_INT,
	CEL_STRING,
	CEL_LIST,
	CEL_ERROR
};

/* The type of an expression; `item` is the kind of a list's items, CEL_ERROR for an empty list. */
struct cel_type {
	enum cel_kind kind;
	enum cel_kind item;
};

enum cel_token_kind {
	TOKEN_END,
	TOKEN_NAME,
	TOKEN_STRING,
	TOKEN_INT,
	TOKEN_OPERATOR,
};

/* Operators of more than one character; the others are their own character. */
enum {
	OP_LE = 256,
	OP_GE,
	OP_EQ,
	OP_NE,
	OP_AND,
	OP_OR,
	OP_IN
};

struct cel_token {
	enum cel_token_kind kind;
	size_t at; /* byte offset in the expression */
	size_t len;
	int op;
	int64_t integer;
	struct str text; /* name: borrowed; string: owned by the lexer's tree */
};

enum cel_node_kind {
	NODE_STRING,
	NODE_INT,
	NODE_BOOL,
	NODE_LIST,   /* children: the items */
	NODE_NAME,   /* text */
	NODE_SELECT, /* child . text */
	NODE_INDEX,  /* child [ second child ] */
	NODE_CALL,   /* text ( children ); with `method` the first child stands before the dot */
	NODE_NOT,
	NODE_NEGATE,
	NODE_BINARY, /* op; two children */
	NODE_COND,   /* three children */
	/* what cel_type makes of names, selections and calls */
	NODE_FIELD,  /* field */
	NODE_LABELS, /* session.labels */
	NODE_NAMED,  /* lists.NAME: list */
	NODE_VAR,    /* slot */
	NODE_LOOP,   /* exists or all: list, body; slot, op */
};

enum cel_function {
	FN_STARTS_WITH,
	FN_ENDS_WITH,
	FN_CONTAINS,
	FN_LOWER,
	FN_SIZE,
	FN_COMMAND,
	FN_HOST_MATCHES,
	FN_GLOB,
	FN_IN_CIDR,
};

/* How a function is written and what it gives; one row each in cel_type_call.c. */
struct cel_signature {
	const char *name;
	enum cel_function function;
	bool method; /* value.name(...); else name(value, ...) */
	unsigned args;
	enum cel_kind result;
};

extern const struct cel_signature cel_signatures[];
extern const size_t cel_signature_count;

struct cel_node {
	enum cel_node_kind kind;
	struct cel_type type;
	size_t at;
	int op;
	bool method;
	unsigned slot;
	enum cel_function function;
	int64_t integer;
	bool boolean;
	struct str text;
	const struct action_field *field;
	const struct cel_list *list;
	struct cel_node *child; /* first child; the others follow by `next` */
	struct cel_node *next;
	struct cel_node *all; /* every node of the tree, for freeing */
};

/* Owns the nodes and the texts of strings. */
struct cel_tree {
	struct cel_node *root;
	struct cel_node *all;
	size_t nodes;
	char **strings;
	size_t string_count;
};

/* A list known at load: strings or integers. */
struct cel_list {
	const char *name; /* lists.NAME; NULL for a literal */
	enum cel_kind item;
	struct str *strings;
	int64_t *integers;
	size_t count;
};

/* What an expression is typed against. */
struct cel_scope {
	uint32_t kinds; /* bit per enum action_kind of the rule's "on" */
	const struct cel_list *lists;
	size_t list_count;
};

/* What an expression reads. */
struct cel_reads {
	uint64_t fields; /* bit per index of action_fields */
	bool labels;
};

/* A place in the expression with the reason. */
struct cel_error {
	size_t at;
	struct error why;
};

struct cel_op {
	uint8_t op;
	uint8_t slot;
	uint16_t function;
	uint32_t arg;
};

/* A constant set of networks for inCIDR(). */
struct cidr_set {
	struct cidr *nets;
	size_t count;
};

/* Compiled; immutable. Owns its constants. */
struct cel_program {
	struct cel_op *code;
	size_t count;
	size_t code_cap;
	unsigned stack;
	struct str *strings;
	size_t string_count;
	int64_t *integers;
	size_t integer_count;
	struct cel_list *lists;
	size_t list_count;
	struct cidr_set *cidrs;
	size_t cidr_count;
	struct cel_reads reads;
};

struct cel_env {
	const struct action *action;
	uint64_t labels;
	const struct str *label_names; /* by bit */
};

enum cel_result {
	CEL_FALSE,
	CEL_TRUE,
	CEL_FAILED
};

int cel_fail(struct cel_error *err, size_t at, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Next token of `source` from *at on. Strings are unescaped into the tree. */
int cel_lex(struct cel_tree *tree, struct str source, size_t *at, struct cel_token *ret,
	    struct cel_error *err);
/* Free with cel_tree_done(), also after an error. */
int cel_parse(struct str source, struct cel_tree *ret, struct cel_error *err);
void cel_tree_done(struct cel_tree *tree);
struct cel_node *cel_node_new(struct cel_tree *tree, enum cel_node_kind kind, size_t at);

/* Resolves names, checks types and cost; the root is bool afterwards. */
int cel_type(struct cel_tree *tree, const struct cel_scope *scope, struct cel_reads *reads,
	     struct cel_error *err);
const char *cel_type_name(struct cel_type type);
/* Constant string items of a node: a string, a literal list or a named one. -EINVAL if neither. */
size_t cel_constant_count(const struct cel_node *node);
bool cel_is_constant(const struct cel_node *node);
struct str cel_constant_string(const struct cel_node *node, size_t index);

int cel_compile(const struct cel_tree *tree, struct cel_program *ret, struct cel_error *err);
void cel_program_done(struct cel_program *program);
/* Frees the items, which the list owns; not the name. */
void cel_list_done(struct cel_list *list);

enum cel_result cel_eval(const struct cel_program *program, const struct cel_env *env);
