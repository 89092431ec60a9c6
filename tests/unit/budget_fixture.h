/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A session of nothing but a policy of one rule with a budget, and its state. */

#include "tests/support/test.h"

#include <string.h>

#include "common/buf.h"
#include "monitor/policy/decide.h"
#include "monitor/policy/policy.h"
#include "monitor/policy/policy_state.h"

struct session {
	struct policy *policy;
	struct policy_state *state;
	struct decision decision; /* the last one */
};

/* The members on and verdict of the rule, the budget's, and its examples, as JSON. */
static inline struct session open_rule(const char *on_and_verdict, const char *budget,
				       const char *match, const char *not_match)
{
	_cleanup_buf_ struct buf text = BUF_INIT(0);
	struct session s = {0};
	struct error err = {0};

	buf_printf(
		&text,
		"{\"policy\":\"t\",\"version\":1,\"defaults\":{\"net.connect\":\"allow\","
		"\"net.send\":\"allow\"},\"rules\":[{\"id\":\"a\",\"category\":\"c\",\"severity\":"
		"\"low\",%s,\"when\":\"true\",\"because\":\"b\",\"budget\":{%s},\"match\":[%s],"
		"\"not_match\":[%s]}]}",
		on_and_verdict, budget, match, not_match);
	if (policy_load_text("t", text.data, text.len, &s.policy, &err) < 0)
		fail_msg("%s\n%s", err.text, text.data);
	s.state = policy_state_new(s.policy);
	return s;
}

static inline void close_session(struct session *s)
{
	s->state = policy_state_free(s->state);
	s->policy = policy_free(s->policy);
}

/* Whether the rule matches. */
static inline bool over(struct session *s, struct action action)
{
	policy_decide(s->policy, s->state, &action, &s->decision);
	return s->decision.rule != NULL;
}

static inline struct action connect_to(const char *host, const char *call)
{
	return (struct action){
		.kind = ACTION_CONNECT, .host = str_of(host), .call_id = str_of(call)};
}
