/* SPDX-License-Identifier: Apache-2.0 */

/* How much a throttling rule slows down. Who waits, and for how long, is the session's. */

#include <string.h>

#include "monitor/policy/rule.h"

#define MIN_PER_SECOND 0.01
#define MAX_PER_SECOND 10000.0
#define MAX_DELAY_NS   UINT64_C(60000000000)

const char *throttle_decode(const struct json *node, struct throttle *ret)
{
	const struct json *rate = json_get(node, "per_second");
	const struct json *delay = json_get(node, "delay");
	const double per_second = rate ? json_number(rate) : 0;

	if (json_length(node) != 1 || (!rate && !delay))
		return "it has either \"per_second\", a number, or \"delay\", a time";
	if (rate && !(per_second >= MIN_PER_SECOND && per_second <= MAX_PER_SECOND))
		return "\"per_second\" is a number from 0.01 to 10000";
	if (rate) {
		*ret = (struct throttle){.interval_ns = (uint64_t)(1e9 / per_second),
					 .is_rate = true};
		return NULL;
	}
	if (!json_string(delay) || duration_parse(json_string(delay), &ret->interval_ns) < 0 ||
	    ret->interval_ns > MAX_DELAY_NS)
		return "\"delay\" is a time of at most a minute, such as \"500ms\" or \"2s\"";
	return NULL;
}

const struct throttle *policy_throttle(const struct policy *policy, const struct decision *decision)
{
	if (!decision->rule || decision->verdict != VERDICT_THROTTLE)
		return NULL;
	return &policy->rules[decision->rule_index].throttle;
}
