/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Policies of one rule with a sequence, which speaks of a connection to port 9; steps are
 * connections to other ports. The time of all is given.
 */

#include "tests/support/test.h"

#include <stdio.h>
#include <string.h>

#include "common/buf.h"
#include "monitor/policy/decide.h"
#include "monitor/policy/policy.h"

#define MS UINT64_C(1000000)

/* @history: what the rule's first example has before it. */
static inline struct policy *load(const char *verdict, const char *sequence, const char *history)
{
	_cleanup_buf_ struct buf text = BUF_INIT(0);
	struct policy *policy = NULL;
	struct error err = {0};

	buf_printf(&text,
		   "{\"policy\":\"t\",\"version\":1,\"defaults\":{\"net.connect\":\"allow\"},"
		   "\"rules\":[{\"id\":\"a\",\"category\":\"c\",\"severity\":\"low\",\"on\":["
		   "\"net.connect\"],\"when\":\"action.port == 9\",\"verdict\":\"%s\",\"because\":"
		   "\"b\",\"sequence\":%s,\"match\":[{\"before\":[%s],\"action\":{\"kind\":"
		   "\"net.connect\",\"port\":9,\"host\":\"h\",\"path\":\"/f\"}}],"
		   "\"not_match\":[{\"action\":{\"kind\":\"net.connect\",\"port\":1}}]}]}",
		   verdict, sequence, history);
	if (policy_load_text("t", text.data, text.len, &policy, &err) < 0)
		fail_msg("%s\nin %s", err.text, text.data);
	return policy;
}

#define CONNECT(_port) \
	"{\"action\":{\"kind\":\"net.connect\",\"port\":" #_port ",\"host\":\"h\",\"path\":\"/f\"}}"
#define STEP(_port) "{\"on\":[\"net.connect\"],\"when\":\"action.port == " #_port "\"}"

static inline bool fires(const struct policy *policy, struct policy_state *session,
			 struct action action)
{
	struct decision d;

	policy_decide(policy, session, &action, &d);
	return d.rule != NULL;
}

/* One connection of process 1 at a time of its own. */
static inline bool at(const struct policy *policy, struct policy_state *session, uint64_t ms,
		      int64_t port)
{
	return fires(policy, session,
		     (struct action){.kind = ACTION_CONNECT,
				     .time_ns = ms * MS,
				     .pid = 1,
				     .host = STR("h"),
				     .path = STR("/f"),
				     .port = port});
}

static inline struct action of_process(uint32_t pid, uint64_t ms, int64_t port)
{
	return (struct action){.kind = ACTION_CONNECT,
			       .time_ns = ms * MS,
			       .pid = pid,
			       .exec_id = 1,
			       .host = STR("h"),
			       .path = STR("/f"),
			       .port = port};
}
