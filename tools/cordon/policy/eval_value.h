/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Values of expressions from and to JSON, as cordon-policy(1) describes it. */

#include "common/error.h"
#include "common/json.h"
#include "monitor/policy/cel/cel_value.h"

/* A variable of `--var NAME[:TYPE]=JSON`; owns all. */
struct eval_variable {
	char *name;
	struct json *doc;
	struct cel_arena arena;
	struct cel_value value;
};

/* Errors: -EINVAL with the text for the user. Free with eval_variable_done(), also then. */
int eval_variable_read(const char *argument, struct eval_variable *ret, struct error *err);
void eval_variable_done(struct eval_variable *variable);

/* {"type": ..., "value": ...}; sets overflow of `out` if it does not fit there. */
void eval_value_write(struct buf *out, const struct cel_value *value);
void eval_text_write(struct buf *out, struct str text); /* a JSON string */
