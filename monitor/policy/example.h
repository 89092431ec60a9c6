/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Actions as files give them: in a rule's `match` and `not_match`, in a policy's cases, to
 * `cordon policy explain`. The form is cordon-policy(5), "Examples".
 */

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/json.h"
#include "monitor/action.h"
#include "monitor/policy/policy.h"
#include "monitor/policy/policy_state.h"
#include "monitor/policy/source.h"

#define EXAMPLE_LISTS	   4u /* fields of one action that are lists */
#define EXAMPLE_TEXT_BYTES 256u

struct example {
	struct action action; /* borrows from the document and from `lists` */
	struct str *lists[EXAMPLE_LISTS];
	uint64_t labels;	 /* of the session; those of the process are in the action */
	bool has_process_labels; /* else the process has all that the session has */
	int64_t repeat;		 /* at least 1 */
	uint64_t every_ns;
	const struct action_field *vary;
	uint64_t after_ns;	/* time that goes by before it */
	uint64_t cpu_us;	/* that ended executions took before it */
	uint64_t bytes_out;	/* that went to its host before it */
	struct example *before; /* owned; what was done before, which has nothing before it */
	size_t before_count;
};

/* Where the example stands, for its errors. All borrowed. */
struct example_place {
	const struct policy *policy; /* whose labels may be named */
	const struct source *source;
	const char *path;  /* of the example, as json_locate() takes it */
	const char *about; /* what the error begins with, as a rule's id; may be NULL */
	uint32_t kinds;	   /* bit per enum action_kind that may come */
	struct error *err;
};

/* An error at a member of the example (".action.path", or "" for all of it). Return: -EINVAL. */
int example_fail(const struct example_place *place, const char *member, const char *reason);

/*
 * example_decode - {"action": {"kind": ...}, "before": ..., "after": ..., "labels": ...,
 * "process_labels": ..., "repeat": ..., "vary": ..., "every": ..., "cpu_seconds": ...,
 * "bytes_out": ...}
 * example_decode_action - the inside of "action" alone, found at `member` of the place. Free with
 * example_done(), also after an error.
 */
int example_decode(const struct example_place *place, const struct json *node, struct example *ret);
int example_decode_action(const struct example_place *place, const char *member,
			  const struct json *action, struct example *ret);
/* One field of the action, whose kind is set. Return: NULL, or why not (static). */
const char *example_set_field(struct example *example, const char *name, const struct json *value);
void example_done(struct example *example);

/* Into the session: the labels that the example says it has. */
void example_add_labels(const struct example *example, struct policy_state *state);

/* Of an exec its name from its path; of net.* what follows from its address. */
void action_derive_name(struct action *action);
void action_derive_family(struct action *action);
void action_derive_loopback(struct action *action);

/*
 * example_action - the n-th repetition, from 0, at start_ns + n * every_ns: the varied number is
 * higher by n, the varied text has n + 1 at its end. Borrows from @example and from @text.
 */
void example_action(const struct example *example, int64_t n, uint64_t start_ns,
		    char text[EXAMPLE_TEXT_BYTES], struct action *ret);
