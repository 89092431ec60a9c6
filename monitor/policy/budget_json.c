/* SPDX-License-Identifier: Apache-2.0 */

/* The member "budget" of a rule. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "monitor/policy/rule.h"

#define CALLS_AT_ONCE 8u		 /* whose files and hosts are kept apart */
#define MAX_LIMIT     (INT64_C(1) << 53) /* what JSON numbers hold exactly */

struct budget_row {
	const struct json *of, *per, *limit, *by, *unit;
};

static const struct json_field budget_fields[] = {
	{"of", JSON_STRING, true, offsetof(struct budget_row, of)},
	{"per", JSON_STRING, true, offsetof(struct budget_row, per)},
	{"limit", JSON_NUMBER, true, offsetof(struct budget_row, limit)},
	{"by", JSON_STRING, false, offsetof(struct budget_row, by)},
	{"unit", JSON_STRING, false, offsetof(struct budget_row, unit)},
};

/* Each is counted once. */
static bool is_distinct(enum budget_of of)
{
	return of == BUDGET_FILES_WRITTEN || of == BUDGET_HOSTS;
}

static int decode_of(const struct policy_place *place, const struct json *of, struct budget *ret)
{
	_cleanup_free_ char *at = xasprintf("%s.of", place->path);
	const char *name = json_string(of);

	while (ret->of < BUDGETS && strcmp(name, budget_of_name(ret->of)) != 0)
		ret->of++;
	return ret->of < BUDGETS
		       ? 0
		       : source_error(place->source, place->err, EINVAL, at,
				      "\"of\" is tool_calls, processes_created, processes_alive, "
				      "files_written, connections, hosts, cpu_seconds, memory, "
				      "bytes_written, bytes_out or spend");
}

static int decode_per(const struct policy_place *place, const struct json *per, struct budget *ret)
{
	_cleanup_free_ char *at = xasprintf("%s.per", place->path);

	while (ret->per < BUDGET_PERS && strcmp(json_string(per), budget_per_name(ret->per)) != 0)
		ret->per++;
	if (ret->per == BUDGET_PERS)
		return source_error(place->source, place->err, EINVAL, at,
				    "\"per\" is session or call");
	if (ret->per == PER_CALL && (ret->of == BUDGET_TOOL_CALLS || ret->of == BUDGET_SPEND))
		return source_error(place->source, place->err, EOPNOTSUPP, at,
				    "%s is counted of a session only: %s", budget_of_name(ret->of),
				    ret->of == BUDGET_TOOL_CALLS
					    ? "a call is one"
					    : "what one call costs is action.cost");
	return 0;
}

static int decode_by(const struct policy_place *place, const struct json *by, struct budget *ret)
{
	_cleanup_free_ char *at = xasprintf("%s.by", place->path);

	if (!by)
		return 0;
	if (ret->of != BUDGET_BYTES_OUT || strcmp(json_string(by), "host") != 0)
		return source_error(place->source, place->err, EINVAL, at,
				    "\"by\" is host, and of bytes_out only");
	ret->by_host = true;
	return 0;
}

/* Units are few: each has an amount of its own in a session's state. */
static int decode_unit(const struct policy_place *place, const struct json *unit,
		       struct budget *ret)
{
	struct budget_needs *needs = &place->policy->budgets;
	_cleanup_free_ char *at = xasprintf("%s.unit", place->path);

	if ((ret->of == BUDGET_SPEND) != (unit != NULL))
		return source_error(place->source, place->err, EINVAL, unit ? at : place->path,
				    "\"unit\" says what is spent, and goes with spend only");
	if (!unit)
		return 0;
	if (!unit_is_good(json_string(unit)))
		return source_error(place->source, place->err, EINVAL, at,
				    "a unit has up to %u of a-z, 0-9, '.', '_', '-'",
				    MAX_UNIT_BYTES);
	while (ret->unit < needs->unit_count &&
	       strcmp(needs->units[ret->unit], json_string(unit)) != 0)
		ret->unit++;
	if (ret->unit == MAX_BUDGET_UNITS)
		return source_error(place->source, place->err, E2BIG, at,
				    "more than %u units of spend in a policy", MAX_BUDGET_UNITS);
	if (ret->unit == needs->unit_count)
		needs->units[needs->unit_count++] = xstrdup(json_string(unit));
	return 0;
}

void budget_needs_done(struct budget_needs *needs)
{
	for (size_t i = 0; i < needs->unit_count; i++)
		free(needs->units[i]);
}

static int check_rule(const struct policy_place *place, const struct rule *rule)
{
	if (rule->verdict != VERDICT_ALLOW)
		return 0;
	return source_error(place->source, place->err, EINVAL, place->path,
			    "a rule that allows would do so once the budget is used up; log, ask, "
			    "deny or kill then, and allow by another rule");
}

static void note_needs(struct policy *policy, const struct budget *budget)
{
	struct budget_needs *needs = &policy->budgets;
	size_t *keys = &needs->distinct[budget->per][budget->of];
	size_t wanted = budget->limit + 1;

	needs->of[budget->per] |= 1u << budget->of;
	if (budget->per == PER_CALL)
		needs->rule = (uint32_t)policy->rule_count - 1;
	if (budget->by_host && !needs->by_host[budget->per]) {
		needs->by_host[budget->per] = true;
		needs->host_rule = (uint32_t)policy->rule_count - 1;
		policy->state_bytes += MAX_BUDGET_HOSTS * keyed_bytes(1);
	}
	if (!is_distinct(budget->of))
		return;
	if (budget->per == PER_CALL)
		wanted *= CALLS_AT_ONCE;
	if (wanted > MAX_KEYED)
		wanted = MAX_KEYED;
	if (wanted <= *keys)
		return;
	policy->state_bytes += (wanted - *keys) * keyed_bytes(1);
	*keys = wanted;
}

int budget_decode(struct policy *policy, const struct source *source, struct rule *rule,
		  const struct json *node, const char *path, struct error *err)
{
	_cleanup_free_ char *at = xasprintf("%s.budget", path);
	_cleanup_free_ char *at_limit = xasprintf("%s.limit", at);
	const struct policy_place place = {
		.policy = policy, .source = source, .path = at, .err = err};
	struct budget_row row;
	int64_t limit = 0;
	int64_t most;
	int r;

	if (json_decode(node, at, budget_fields, sizeof(budget_fields) / sizeof(budget_fields[0]),
			&row, err) < 0)
		return source_located(source, err);
	r = decode_of(&place, row.of, &rule->budget);
	if (r == 0)
		r = decode_per(&place, row.per, &rule->budget);
	if (r == 0)
		r = decode_by(&place, row.by, &rule->budget);
	if (r == 0)
		r = decode_unit(&place, row.unit, &rule->budget);
	if (r == 0)
		r = check_rule(&place, rule);
	if (r < 0)
		return r;
	most = is_distinct(rule->budget.of) ? MAX_BUDGET_DISTINCT : MAX_LIMIT;
	if (json_i64(row.limit, 0, most, &limit) < 0)
		return source_error(source, err, EINVAL, at_limit,
				    "\"limit\" is a whole number from 0 to %lld", (long long)most);
	rule->budget.limit = (uint64_t)limit;
	rule->budget.is_set = true;
	note_needs(policy, &rule->budget);
	return 0;
}
