/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The expressions of rules and of `cordon policy eval`: CEL, the Common Expression Language
 * (cel-spec langdef.md), without messages.
 *
 *	text --cel_parse--> tree --cel_resolve--> names bound --cel_check--> typed --cel_compile-->
 *
 * All of that happens when a policy is loaded. A rule that needs no memory becomes flat code for a
 * stack of fixed size (cel_fast.c); another is kept as its tree and evaluated by cel_run.c in an
 * arena. Either way every loop is over a bounded list, and the worst cost and memory are estimated
 * and limited at load. `cordon policy eval` leaves types to the run, or has cel_check_open() look.
 *
 * As in CEL an operation can yield an error (an index outside its list), and && and || take an
 * error away where the other side decides alone.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "monitor/action.h"
#include "monitor/policy/cel/cel_tree.h"
#include "monitor/policy/cel/cel_value.h"
#include "monitor/policy/cidr.h"
#include "monitor/policy/globs.h"
#include "monitor/policy/match.h"

#define CEL_MAX_STACK 64u /* values at run time */
#define CEL_MAX_LOOPS 4u  /* macros over lists inside one another */
#define CEL_MAX_BINDS 32u /* cel.bind and its like inside one another */
#define CEL_MAX_VARS  (2u * CEL_MAX_LOOPS + CEL_MAX_BINDS)
#define CEL_MAX_USES  8u       /* macros of a policy that use one another */
#define CEL_MAX_COST  1000000u /* elementary steps in the worst case */
#define CEL_MAX_STEPS                                                               \
	8000000u /* steps that a run may really take, texts looked through included \
		  */
#define CEL_MAX_MEMORY (4u << 20) /* bytes that a run may take for lists, maps and texts */

/* A list known at load: strings or integers. */
struct cel_list {
	const char *name; /* lists.NAME; NULL for a literal */
	enum cel_kind item;
	struct str *strings;
	int64_t *integers;
	struct globs *globs; /* the same, to be found; NULL: they are few, or none */
	size_t count;
	uint64_t lengths; /* of the strings: cel_length_bit() of each */
};

/* Most texts have another length than all that are in a list. */
static inline uint64_t cel_length_bit(size_t len)
{
	return UINT64_C(1) << (len % 64);
}

/* An expression with a name, to be used as macros.NAME; borrowed. */
struct cel_definition {
	const char *name;
	struct str text;
};

/* A value given from outside; all borrowed. */
struct cel_variable {
	const char *name; /* may have dots */
	struct cel_value value;
	const struct cel_type *type; /* as declared; NULL: what the value is */
};

/* What an expression is typed against. */
struct cel_scope {
	uint32_t kinds; /* bit per enum action_kind of the rule's "on" */
	const struct cel_list *lists;
	size_t list_count;
	const struct cel_definition *definitions;
	size_t definition_count;
	/* No rule: names are variables, and what is not known is an error only when it is
	 * evaluated. */
	bool open;
	const struct cel_variable *variables;
	size_t variable_count;
	const char *container; /* a prefix that names are looked up with first; may be NULL */
};

/* What an expression reads. */
struct cel_reads {
	struct field_set fields;
	bool labels; /* of the session */
	bool process_labels;
};

/* How a function is written, takes and gives; one row each in cel_functions.c. */
struct cel_signature {
	const char *name;
	enum cel_function function;
	bool method;   /* value.name(...); else name(value, ...) */
	unsigned args; /* at least; that before the dot counts */
	unsigned most;
	enum cel_kind result;
	uint32_t takes[2]; /* bit per kind */
};

extern const struct cel_signature cel_signatures[];
extern const size_t cel_signature_count;

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

/* Compiled; immutable. Owns its constants, and the tree where it has one. */
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
	struct regex **regexes;
	size_t regex_count;
	struct cel_reads reads;
	struct cel_tree tree; /* of a program without code */
};

/* What the expressions on one action share: found by the first that needs it. Begun all zero, or
 * with cel_memo_begin(). */
struct cel_memo {
	bool has_command;
	struct str command;	   /* command(action.argv) */
	struct path_keys paths[2]; /* of action.path; of the text that was last asked about */
};

/* Its bulk is left as it is: nothing reads that before it is written. */
static inline void cel_memo_begin(struct cel_memo *memo)
{
	memo->has_command = false;
	for (unsigned i = 0; i < 2; i++) {
		memo->paths[i].text = (struct str){"", 0};
		memo->paths[i].count = 0;
	}
}

struct cel_env {
	const struct action *action;
	uint64_t labels, process_labels;
	const struct str *label_names; /* by bit */
	void *scratch;		       /* CEL_MAX_MEMORY bytes, if a program needs them */
	cel_zone_fn zone;	       /* time zones by name; NULL: none are known */
	struct cel_memo *memo;	       /* of this action; NULL: nothing is kept */
};

/* command(action.argv) */
struct str cel_command(const struct cel_env *env);
/* Of a path; NULL: there are too many, or nothing is kept. */
const struct path_keys *cel_path_keys(const struct cel_env *env, struct str path);

enum cel_result {
	CEL_FALSE,
	CEL_TRUE,
	CEL_FAILED
};

/* Binds names and functions; constant patterns of matches() are compiled. */
int cel_resolve(struct cel_tree *tree, const struct cel_scope *scope, struct cel_reads *reads,
		struct cel_error *err);
/* Checks types, cost and memory of a resolved tree. */
int cel_check_types(struct cel_tree *tree, struct cel_error *err);
/* The same; the root is bool afterwards. */
int cel_check(struct cel_tree *tree, struct cel_error *err);
/*
 * cel_check_open - types a tree of an open scope as the standard's checker does: what is not known
 * before it is evaluated is dyn, and goes anywhere. The root's type is that of the expression.
 */
int cel_check_open(struct cel_tree *tree, struct cel_error *err);
/* "map(string, list(int))". Kept by the tree. */
const char *cel_type_text(struct cel_tree *tree, const struct cel_type *type);
/* Whether a name stands for something else than an item where rules are written. */
bool cel_is_root_name(struct str name);
/* Constant string items of a node: a string, a literal list of strings or ints, or a named one. */
size_t cel_constant_count(const struct cel_node *node);
bool cel_is_constant(const struct cel_node *node);
struct str cel_constant_string(const struct cel_node *node, size_t index);
/* Of a constant list: its items are ints. */
bool cel_has_integers(const struct cel_node *node);

/* Takes over the tree if the program needs it, else its regular expressions. */
int cel_compile(struct cel_tree *tree, struct cel_program *ret, struct cel_error *err);
void cel_program_done(struct cel_program *program);

static inline bool cel_needs_scratch(const struct cel_program *program)
{
	return !program->count || program->regex_count;
}

/* Frees the items, which the list owns; not the name. */
void cel_list_done(struct cel_list *list);

/* What a program's code gives; what its tree does. Memory is that of env->scratch. */
enum cel_result cel_fast(const struct cel_program *program, const struct cel_env *env);
enum cel_result cel_run_rule(const struct cel_program *program, const struct cel_env *env);

static inline enum cel_result cel_eval(const struct cel_program *program, const struct cel_env *env)
{
	return program->count ? cel_fast(program, env) : cel_run_rule(program, env);
}
