/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Values of expressions from and to JSON, as cordon-policy(1) describes it. */

#include "common/error.h"
#include "common/json.h"
#include "monitor/policy/cel/cel_value.h"

/* A variable of `--var NAME[:TYPE][=JSON]`; owns all. */
struct eval_variable {
	char *name;
	const struct cel_type *type; /* static, or of `types` */
	bool declared;		     /* with a type */
	struct cel_type *types;
	struct json *doc;
	struct cel_arena arena;
	struct cel_value value;
};

/* Errors: -EINVAL with the text for the user. Free with eval_variable_done(), also then. */
int eval_variable_read(const char *argument, struct eval_variable *ret, struct error *err);
void eval_variable_done(struct eval_variable *variable);

/* The type of what `cordon policy eval` prints, which says itself what it is. */
extern const struct cel_type eval_typed;
/* A type by a name without parentheses; NULL if there is none. */
const struct cel_type *eval_type_simple(struct str name);
/* "map(string,list(int))", into ret->type and ret->types. */
int eval_type_read(const char *text, struct eval_variable *ret, struct error *err);

/* {"type": ..., "value": ...}; sets overflow of `out` if it does not fit there. */
void eval_value_write(struct buf *out, const struct cel_value *value);
void eval_text_write(struct buf *out, struct str text); /* a JSON string */
