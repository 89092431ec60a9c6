/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * An expression as text, tokens and tree. The grammar is that of cel-spec langdef.md; macros are
 * expanded while parsing, as the standard has it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "monitor/action.h"

#define CEL_MAX_BYTES 16384u /* one expression */
#define CEL_MAX_NODES 2048u
#define CEL_MAX_DEPTH 48u /* of nesting while parsing */

enum cel_kind {
	CEL_NULL,
	CEL_BOOL,
	CEL_INT,
	CEL_UINT,
	CEL_DOUBLE,
	CEL_STRING,
	CEL_BYTES,
	CEL_LIST,
	CEL_MAP,
	CEL_DURATION,
	CEL_TIMESTAMP,
	CEL_TYPE,
	CEL_OPTIONAL, /* from here on not in rules */
	CEL_IP,
	CEL_CIDR,
	CEL_DYN, /* of types only: not known before it is evaluated */
	CEL_ERROR
};

/* The type of a list or optional has that of what it holds, a map's that of its values and keys;
 * NULL: any. */
struct cel_type {
	enum cel_kind kind;
	const struct cel_type *item;
	const struct cel_type *key;
	bool wrapper; /* null is one of its values, too */
};

enum cel_token_kind {
	TOKEN_END,
	TOKEN_NAME,
	TOKEN_QUOTED, /* `a name in backticks` */
	TOKEN_STRING,
	TOKEN_BYTES,
	TOKEN_INT,
	TOKEN_UINT,
	TOKEN_DOUBLE,
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
	uint64_t integer; /* without its sign */
	double number;
	struct str text; /* name: borrowed; string and bytes: owned by the lexer's tree */
};

enum cel_node_kind {
	NODE_NULL,
	NODE_BOOL,
	NODE_INT,
	NODE_UINT,
	NODE_DOUBLE,
	NODE_STRING,
	NODE_BYTES,
	NODE_LIST,    /* children: the items */
	NODE_MAP,     /* children: key, value, key, value ... */
	NODE_MESSAGE, /* name { text: value }: the name, then a NODE_SET each; not in rules */
	NODE_SET,     /* text: child */
	NODE_NAME,    /* text; `absolute` with a dot before it */
	NODE_SELECT,  /* child . text */
	NODE_HAS,     /* has(child . text) */
	NODE_INDEX,   /* child [ second child ] */
	NODE_CALL,    /* text ( children ); with `method` the first child stands before the dot */
	NODE_LOOP,    /* macro over text (and text2): list, then condition and/or result */
	NODE_NOT,
	NODE_NEGATE,
	NODE_BINARY, /* op; two children */
	NODE_COND,   /* three children */
	/* what cel_resolve() makes of names and selections */
	NODE_FIELD,    /* field */
	NODE_LABELS,   /* session.labels; boolean: process.labels */
	NODE_NAMED,    /* lists.NAME: list */
	NODE_VAR,      /* slot of a loop */
	NODE_VARIABLE, /* value, given from outside */
	NODE_TYPE,     /* integer: a kind */
	NODE_UNKNOWN,  /* a name that nothing declares; evaluating it is an error */
};

enum cel_macro {
	MACRO_ALL,
	MACRO_EXISTS,
	MACRO_EXISTS_ONE,
	MACRO_FILTER,
	MACRO_MAP, /* list, [condition,] result */
	MACRO_MAP_ENTRIES,
	MACRO_BIND, /* value, result; these are not for rules */
	MACRO_OPT_MAP,
	MACRO_OPT_FLAT_MAP,
};

/* In groups: cel_check_call.c and cel_call.c split by them. */
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
	FN_MATCHES,
	FN_TYPE,
	FN_DYN,
	FN_TO_BOOL,
	FN_TO_INT,
	FN_TO_UINT,
	FN_TO_DOUBLE,
	FN_TO_STRING,
	FN_TO_BYTES,
	FN_TO_DURATION,
	FN_TO_TIMESTAMP,
	FN_FULL_YEAR,
	FN_MONTH,
	FN_DATE,
	FN_DAY_OF_MONTH,
	FN_DAY_OF_WEEK,
	FN_DAY_OF_YEAR,
	FN_HOURS,
	FN_MINUTES,
	FN_SECONDS,
	FN_MILLISECONDS,
	FN_UNKNOWN
};

struct cel_extension;
struct cel_list;
struct cel_message;
struct cel_value;
struct regex;

struct cel_node {
	enum cel_node_kind kind;
	const struct cel_type *type; /* from cel_check() or cel_check_open() */
	size_t at;
	int op;
	enum cel_macro macro;
	bool method;
	bool absolute;
	bool filtered; /* MACRO_MAP with a condition */
	bool optional; /* NODE_SELECT, NODE_INDEX: .? and [? ] */
	bool if_there; /* an item or key, or NODE_SET, with ? before it */
	unsigned slot; /* of text; that of text2 is the next */
	enum cel_function function;
	const struct cel_extension *extension; /* of a function of a library, not in rules */
	int64_t integer;		       /* also a uint's bits */
	double number;
	bool boolean;
	struct str text;
	struct str text2;
	size_t name_at; /* of a macro: where its name stands */
	const struct action_field *field;
	const struct cel_list *list;
	const struct cel_message *message;
	const struct cel_value *value;
	struct regex *regex;	   /* owned: of a constant pattern */
	const struct globs *globs; /* the program's: of a field's constant patterns */
	struct cel_node *child;	   /* first child; the others follow by `next` */
	struct cel_node *next;
	struct cel_node *all; /* every node of the tree, for freeing */
};

/*
 * Where an expression has macros.NAME its tree has that of the macro. Places in it count on behind
 * those of the expression, so that a place alone tells which text it is in.
 */
struct cel_use {
	size_t base;	   /* of the macro's first byte */
	size_t at;	   /* where it is used: in the expression, or in another use */
	size_t definition; /* index of the scope's */
};

/* Owns the nodes, the texts of strings, types and uses. */
struct cel_tree {
	struct cel_node *root;
	struct cel_node *all;
	size_t nodes;
	char **strings;
	size_t string_count;
	unsigned slots; /* of loop variables at once */
	struct cel_use *uses;
	size_t use_count;
	size_t end; /* the first place behind all texts */
};

/* A place in the expression, or behind it in a macro (cel_use_of), with the reason. */
struct cel_error {
	size_t at;
	struct error why;
};

int cel_fail(struct cel_error *err, size_t at, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Next token of `source` from *at on. Strings are unescaped into the tree. */
int cel_lex(struct cel_tree *tree, struct str source, size_t *at, struct cel_token *ret,
	    struct cel_error *err);
/* The token of a string or bytes literal whose first quote is at *at, of a number at *at. */
int cel_lex_string(struct cel_tree *tree, struct str source, size_t *at, struct cel_token *ret,
		   struct cel_error *err);
int cel_lex_number(struct str source, size_t *at, struct cel_token *ret, struct cel_error *err);

/* Free with cel_tree_done(), also after an error. */
int cel_parse(struct str source, struct cel_tree *ret, struct cel_error *err);
/* The same into a tree that is there, for a macro that is used at a place; its root in @ret. */
int cel_parse_use(struct cel_tree *tree, struct str source, const struct cel_use *use,
		  struct cel_node **ret, struct cel_error *err);
/* The use that a place is in; NULL: the expression itself. */
const struct cel_use *cel_use_of(const struct cel_tree *tree, size_t at);
void cel_tree_done(struct cel_tree *tree);
struct cel_node *cel_node_new(struct cel_tree *tree, enum cel_node_kind kind, size_t at);
/* Memory that is freed with the tree. */
void *cel_tree_keep(struct cel_tree *tree, void *memory);
/* Turns a call into a macro if it is one. */
int cel_expand_macro(struct cel_tree *tree, struct cel_node *call, struct cel_error *err);
