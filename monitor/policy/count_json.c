/* SPDX-License-Identifier: Apache-2.0 */

/* The member "count" of a rule: how many events, of what different values, in which window. */

#include <errno.h>
#include <string.h>

#include "common/buf.h"
#include "monitor/policy/rule.h"

static int add_distinct(const struct policy_place *place, struct rule *rule,
			const struct json *node)
{
	struct count_spec *count = &rule->count;
	const char *name = json_string(node);

	if (!name || strncmp(name, "action.", 7) != 0)
		return POLICY_ERROR(place, EINVAL, ".count.distinct", "expected \"action.FIELD\"");
	for (uint32_t i = 0; i < action_field_count; i++) {
		if (strcmp(action_fields[i].name, name + 7) != 0)
			continue;
		if ((rule->kinds & ~action_fields[i].kinds) || action_fields[i].type == FIELD_LIST)
			return POLICY_ERROR(place, EINVAL, ".count.distinct",
					    "%s is a list or is not there for every kind in \"on\"",
					    name);
		if (count->field_count == MAX_DISTINCT_FIELDS)
			return POLICY_ERROR(place, EINVAL, ".count.distinct", "at most %u fields",
					    MAX_DISTINCT_FIELDS);
		count->fields[count->field_count++] = i;
		return 0;
	}
	return POLICY_ERROR(place, EINVAL, ".count.distinct", "unknown field %.64s", name);
}

/* The most that there can be; UINT32_MAX: it is not known. */
static unsigned distinct_values(const struct count_spec *count)
{
	for (uint32_t i = 0; i < count->field_count; i++) {
		if (action_fields[count->fields[i]].type != FIELD_BOOL)
			return UINT32_MAX;
	}
	return count->field_count ? 1u << count->field_count : UINT32_MAX;
}

int count_decode(const struct policy_place *place, struct rule *rule, const struct json *node)
{
	struct count_spec *count = &rule->count;
	const struct json *distinct = json_get(node, "distinct");
	const char *window = json_get_string(node, "window");
	int64_t at_least = 0;
	int r = 0;

	for (const struct json *m = json_first(node); m; m = json_next(m)) {
		if (strcmp(json_key(m), "window") != 0 && strcmp(json_key(m), "at_least") != 0 &&
		    strcmp(json_key(m), "distinct") != 0)
			return POLICY_ERROR(
				place, EINVAL, ".count",
				"unknown member \"%.64s\"; known are: window, at_least, distinct",
				json_key(m));
	}
	if (!window || duration_parse(window, &count->window_ns) < 0)
		return POLICY_ERROR(
			place, EINVAL, ".count.window",
			"\"window\" is a time such as \"500ms\", \"60s\", \"5m\" or \"1h\"");
	if (json_i64(json_get(node, "at_least"), 1,
		     distinct ? MAX_COUNT_DISTINCT : MAX_COUNT_EVENTS, &at_least) < 0)
		return POLICY_ERROR(
			place, EINVAL, ".count.at_least",
			"\"at_least\" is a number from 1 to %u (with \"distinct\" to %u)",
			MAX_COUNT_EVENTS, MAX_COUNT_DISTINCT);
	count->at_least = (uint32_t)at_least;
	if (distinct && json_type(distinct) == JSON_ARRAY) {
		for (const struct json *d = json_first(distinct); d && r == 0; d = json_next(d))
			r = add_distinct(place, rule, d);
	} else if (distinct) {
		r = add_distinct(place, rule, distinct);
	}
	if (r == 0 && distinct && !count->field_count)
		return POLICY_ERROR(place, EINVAL, ".count.distinct", "names no field");
	if (r == 0 && count->at_least > distinct_values(count))
		return POLICY_ERROR(place, EINVAL, ".count.at_least",
				    "there are no more than %u different values of true and false",
				    distinct_values(count));
	rule->counter = place->policy->counters++;
	place->policy->state_bytes += count_state_bytes(count);
	if (r == 0 && place->policy->state_bytes > MAX_STATE_BYTES)
		return POLICY_ERROR(
			place, E2BIG, ".count",
			"the counters of all rules take more than %u bytes a session: lower "
			"\"at_least\"",
			MAX_STATE_BYTES);
	return r;
}
