/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The messages of google.protobuf that stand for a value of the language: the wrappers
 * (Int64Value and its like), Value, Struct, ListValue, Duration and Timestamp. One that is written
 * is that value. Source: cel-spec langdef.md, "Dynamic Values"; struct.proto, wrappers.proto.
 */

#include "monitor/policy/cel/cel_run.h"

struct cel_message {
	const char *name;     /* without "google.protobuf." */
	enum cel_kind kind;   /* of its value; CEL_DYN: of Value; CEL_ERROR: of Any */
	bool wrapper;	      /* null may stand for it */
	const char *field[2]; /* all that it has; of Value see cel_message.c */
	int64_t least;	      /* of an int or uint in 32 bits */
	int64_t most;	      /* 0: 64 bits */
};

/* By the full name; NULL if there is none. */
const struct cel_message *cel_message_by_name(const char *name);
/* Whether the message has the field that a NODE_SET sets. */
int cel_message_check(const struct cel_message *message, const struct cel_node *set,
		      struct cel_error *err);
/* What a field takes; CEL_DYN: any that JSON has. The field is one of the message. */
enum cel_kind cel_message_field(const struct cel_message *message, struct str field);
/* NODE_MESSAGE. */
struct cel_value cel_run_message(struct cel_run *run, const struct cel_node *node);
