/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The events of a record judged anew, in their order, by another policy. Pure: no kernel, no clock;
 * what the session was and did is taken from the record alone.
 *
 * Labels: what reading sets is worked out anew from the paths that were opened, and what rules set
 * from the rules. Labels that came in another way (--label, a lost trace) are taken as recorded; so
 * is a label of a path that the policy gives to no path at all.
 *
 * Bytes that left count when their flow ends: see replay_flows.h. One that was stopped, or would
 * be, is told of at its net.close.
 */

#include <stdbool.h>
#include <stdint.h>

#include "common/json.h"
#include "monitor/lineage.h"
#include "monitor/policy/decide.h"
#include "monitor/policy/example.h"
#include "monitor/policy/policy.h"
#include "tools/cordon/log/replay_flows.h"

enum replay_result {
	REPLAY_NOTHING,	   /* no event on which anything was decided */
	REPLAY_SAME,	   /* the same verdict by the same rule */
	REPLAY_OTHER_RULE, /* the same verdict by another rule */
	REPLAY_OTHER_ALSO, /* the same by the same rule, and other rules matched beside it */
	REPLAY_CHANGED,
	REPLAY_UNKNOWN, /* it cannot be judged; `reason` says why */
};

/* Of the last event; borrows from it and from the policy. */
struct replayed {
	const char *reason;
	enum verdict was;
	const char *was_rule; /* an id, "default", or NULL: allowed by the default */
	struct decision
		now; /* its rule may be one of on_loss, which policy_explain() does not know */
	const char *now_rule;
	const char *because;
};

struct replay {
	const struct policy *policy; /* borrowed */
	struct policy_state *state;  /* owned */
	struct lineages *lineages;   /* owned */
	bool is_same_policy;	     /* the record was made with it */
	bool had_file_gate;
	bool tells_processes;	 /* it says which labels the process of each event had */
	bool tells_also;	 /* and which rules matched beside the one that decided */
	bool host_bound;	 /* a folder of the host was bound writable */
	uint64_t masked;	 /* actions that cannot be judged, since a text was redacted */
	bool lineage_masked;	 /* so was the path of a program that was started */
	uint64_t writes_seen;	 /* that were judged after they happened */
	uint64_t labels_dropped; /* that the record sets and this policy does not */
	/* the event before, to tell what a label.set comes from */
	char *last_call, *last_path; /* owned */
	bool last_had_rule;	     /* and was judged anew */
	struct json *pending;	     /* owned: a label.set whose cause is not known yet */
	char loss[64];		     /* kind of the first loss, or empty */
	char loss_rule[80];
	bool evicted;		   /* this policy had no room for all sequences */
	struct replay_flow *flows; /* owned */
	bool counted_bytes;	   /* of flows, for a budget */
	struct action action;	   /* of the last event, borrowed from it and from `example` */
	struct example example;
	char call[96];
};

void replay_init(struct replay *replay, const struct policy *policy);
void replay_done(struct replay *replay);
/* @line: the event's text, for the numbers that a double cannot hold. */
enum replay_result replay_event(struct replay *replay, const struct json *event, const char *line,
				size_t len, struct replayed *ret);
