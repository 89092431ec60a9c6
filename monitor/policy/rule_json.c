/* SPDX-License-Identifier: Apache-2.0 */

/* One rule: its members, its expression from text to code, its examples. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "monitor/policy/rule.h"

struct rule_row {
	const struct json *id, *category, *severity, *on, *when, *verdict, *errno_name, *because;
	const struct json *maturity, *refs, *label, *declassify, *count, *sequence, *throttle;
	const struct json *mode, *budget, *match, *not_match;
};

static const struct json_field rule_fields[] = {
	{"id", JSON_STRING, true, offsetof(struct rule_row, id)},
	{"category", JSON_STRING, true, offsetof(struct rule_row, category)},
	{"severity", JSON_STRING, true, offsetof(struct rule_row, severity)},
	{"maturity", JSON_STRING, false, offsetof(struct rule_row, maturity)},
	{"on", JSON_ARRAY, true, offsetof(struct rule_row, on)},
	{"when", JSON_STRING, true, offsetof(struct rule_row, when)},
	{"verdict", JSON_STRING, true, offsetof(struct rule_row, verdict)},
	{"errno", JSON_STRING, false, offsetof(struct rule_row, errno_name)},
	{"because", JSON_STRING, true, offsetof(struct rule_row, because)},
	{"refs", JSON_ARRAY, false, offsetof(struct rule_row, refs)},
	{"label", JSON_ARRAY, false, offsetof(struct rule_row, label)},
	{"declassify", JSON_ARRAY, false, offsetof(struct rule_row, declassify)},
	{"count", JSON_OBJECT, false, offsetof(struct rule_row, count)},
	{"sequence", JSON_OBJECT, false, offsetof(struct rule_row, sequence)},
	{"throttle", JSON_OBJECT, false, offsetof(struct rule_row, throttle)},
	{"budget", JSON_OBJECT, false, offsetof(struct rule_row, budget)},
	{"mode", JSON_STRING, false, offsetof(struct rule_row, mode)},
	{"match", JSON_ARRAY, true, offsetof(struct rule_row, match)},
	{"not_match", JSON_ARRAY, true, offsetof(struct rule_row, not_match)},
};

#define MAX_DURATION_NS UINT64_C(31536000000000000) /* a year */

/* What decoding a rule needs at hand. */
struct context {
	struct policy_place place; /* the rule's */
	struct rule_row row;
	struct rule *rule;
};

#define FAIL(_c, _code, _member, ...) POLICY_ERROR(&(_c)->place, (_code), (_member), __VA_ARGS__)

int policy_error_at(const struct policy_place *place, int code, const char *member,
		    char *owned_text)
{
	_cleanup_free_ char *text = owned_text;
	_cleanup_free_ char *path = xasprintf("%s%s", place->path, member);

	return source_error(place->source, place->err, code, path, "%s", text);
}

static int errno_by_name(const char *name)
{
	static const struct {
		const char *name;
		int value;
	} known[] = {
		{"EPERM", EPERM},
		{"EACCES", EACCES},
		{"ENOENT", ENOENT},
		{"EROFS", EROFS},
		{"EINVAL", EINVAL},
		{"EAGAIN", EAGAIN},
		{"ECONNREFUSED", ECONNREFUSED},
		{"ENETUNREACH", ENETUNREACH},
		{"EHOSTUNREACH", EHOSTUNREACH},
		{"EADDRNOTAVAIL", EADDRNOTAVAIL},
		{"ETIMEDOUT", ETIMEDOUT},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(known[i].name, name) == 0)
			return known[i].value;
	}
	return 0;
}

int duration_parse(const char *text, uint64_t *ret_ns)
{
	static const struct {
		const char *unit;
		uint64_t ns;
	} units[] = {{"ms", 1000000},
		     {"s", 1000000000},
		     {"m", UINT64_C(60000000000)},
		     {"h", UINT64_C(3600000000000)}};

	char *end = NULL;
	unsigned long n;

	if (*text < '0' || *text > '9' || strlen(text) > 16)
		return -EINVAL;
	n = strtoul(text, &end, 10);
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(end, units[i].unit) == 0) {
			*ret_ns = n * units[i].ns;
			return n && n <= MAX_DURATION_NS / units[i].ns ? 0 : -EINVAL;
		}
	}
	return -EINVAL;
}

static int decode_verdict(struct context *c)
{
	struct rule *rule = c->rule;
	const char *name = json_string(c->row.errno_name);

	if (!verdict_by_name(json_string(c->row.verdict), &rule->verdict))
		return FAIL(c, EINVAL, ".verdict",
			    "a verdict is allow, log, throttle, redact, ask, decoy, deny or kill");
	if (rule->verdict == VERDICT_DECOY && (rule->kinds & ~DECOY_KINDS))
		return FAIL(c, EOPNOTSUPP, ".verdict",
			    "a decoy answers net.connect, net.send and net.dns, and nothing else");
	if (rule->verdict == VERDICT_REDACT && (rule->kinds & ~REDACT_KINDS))
		return FAIL(c, EOPNOTSUPP, ".verdict",
			    "only what a tool returned can be shown in part: redact is for "
			    "tool.result, and nothing else");
	for (unsigned k = 0; k < ACTION_KINDS; k++) {
		if ((rule->kinds & (1u << k)) &&
		    action_enforced((enum action_kind)k) == ENFORCED_AFTER &&
		    rule->verdict >= VERDICT_THROTTLE && rule->verdict != VERDICT_KILL)
			return FAIL(c, EOPNOTSUPP, ".verdict",
				    "%s cannot be refused: it is seen after it happened. Use log "
				    "with \"label\" and a rule on a kind that is checked before "
				    "(exec, net.*, tool.call), or kill",
				    action_kind_name((enum action_kind)k));
	}
	if (rule->verdict >= VERDICT_ASK)
		rule->errno_value = name ? errno_by_name(name) : EPERM;
	if (name && (rule->verdict < VERDICT_ASK || rule->verdict == VERDICT_DECOY))
		return FAIL(c, EINVAL, ".errno", "only ask, deny and kill give an errno");
	if (name && !rule->errno_value)
		return FAIL(c, EINVAL, ".errno",
			    "unknown errno name \"%.32s\"; known are EPERM, EACCES, ENOENT, EROFS, "
			    "EINVAL, EAGAIN, ECONNREFUSED, ENETUNREACH, EHOSTUNREACH, "
			    "EADDRNOTAVAIL and ETIMEDOUT",
			    name);
	return 0;
}

/* What a rule asks for beside a verdict. */
static int decode_how(struct context *c)
{
	const char *mode = json_string(c->row.mode);
	const char *wrong = NULL;
	struct rule *rule = c->rule;

	if ((rule->verdict == VERDICT_THROTTLE) != (c->row.throttle != NULL))
		return FAIL(c, EINVAL, ".verdict",
			    "\"throttle\" says how much, and goes with the verdict throttle only");
	if (c->row.throttle)
		wrong = throttle_decode(c->row.throttle, &rule->throttle);
	if (wrong)
		return FAIL(c, EINVAL, ".throttle", "%s", wrong);
	if (mode && strcmp(mode, "observe") != 0 && strcmp(mode, "enforce") != 0)
		return FAIL(c, EINVAL, ".mode", "a mode is enforce or observe");
	rule->observed = mode && strcmp(mode, "observe") == 0;
	if (rule->observed && (rule->verdict < VERDICT_THROTTLE || c->row.label))
		return FAIL(
			c, EINVAL, ".mode",
			"only what throttles, asks, decoys, denies or kills can be observed, and an "
			"observed rule sets no labels");
	return 0;
}

/* A refusal must be able to hold, and a read is seen after it happened. */
static int check_enforced(const struct context *c)
{
	const struct rule *rule = c->rule;

	if (rule->verdict < VERDICT_THROTTLE || rule->verdict == VERDICT_KILL || rule->only_writes)
		return 0;
	for (unsigned k = 0; k < ACTION_KINDS; k++) {
		if ((rule->kinds & (1u << k)) &&
		    action_enforced((enum action_kind)k) == ENFORCED_WRITES)
			return FAIL(c, EOPNOTSUPP, ".verdict",
				    "%s for reading cannot be refused: it is seen after it "
				    "happened. Write \"action.write && ...\" if only writing is "
				    "meant; else use log with \"label\" and a rule on a kind that "
				    "is checked before (exec, net.*, tool.call), or kill",
				    action_kind_name((enum action_kind)k));
	}
	return 0;
}

static bool is_id(const char *id)
{
	const size_t n = strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789._-");

	return n > 0 && n < 96 && !id[n] && id[0] != '-' && id[0] != '.';
}

static bool is_maturity(const char *text)
{
	static const char *const known[] = {"stable", "incubating", "sandbox", "deprecated"};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(known[i], text) == 0)
			return true;
	}
	return false;
}

static int decode_info(struct context *c)
{
	static const char *const severities[] = {"low", "medium", "high", "critical"};
	struct rule_info *info = &c->rule->info;

	info->file = c->place.policy->files[c->place.policy->file_count - 1];
	info->id = xstrdup(json_string(c->row.id));
	info->category = xstrdup(json_string(c->row.category));
	info->severity = xstrdup(json_string(c->row.severity));
	info->maturity = c->row.maturity ? xstrdup(json_string(c->row.maturity)) : NULL;
	info->because = xstrdup(json_string(c->row.because));
	if (!is_id(info->id) || strcmp(info->id, "default") == 0)
		return FAIL(c, EINVAL, ".id",
			    "an id has up to 95 of a-z, 0-9, '.', '_' and '-', and is not "
			    "\"default\"");
	if (strncmp(info->id, "on_loss.", 8) == 0)
		return FAIL(c, EINVAL, ".id",
			    "ids that begin with \"on_loss.\" are those of losses");
	for (size_t i = 0; i < sizeof(severities) / sizeof(severities[0]); i++) {
		if (strcmp(info->severity, severities[i]) == 0)
			c->rule->severity_rank = (int)i + 1;
	}
	if (!c->rule->severity_rank)
		return FAIL(c, EINVAL, ".severity", "a severity is low, medium, high or critical");
	if (c->row.maturity && !is_maturity(info->maturity))
		return FAIL(c, EINVAL, ".maturity",
			    "a maturity is stable, incubating, sandbox or deprecated");
	if (!*info->category || strlen(info->category) > MAX_NAME_BYTES)
		return FAIL(c, EINVAL, ".category", "a category is a word");
	if (!*info->because || strlen(info->because) > MAX_BECAUSE_BYTES)
		return FAIL(c, EINVAL, ".because",
			    "a text of 1 to %u bytes that tells the agent why and what to do",
			    MAX_BECAUSE_BYTES);
	for (const struct json *r = json_first(c->row.refs); r; r = json_next(r)) {
		if (!json_string(r))
			return FAIL(c, EINVAL, ".refs", "its items are strings");
	}
	return 0;
}

static int decode_labels(struct context *c, const struct json *labels, const char *member,
			 uint64_t *ret)
{
	for (const struct json *l = json_first(labels); l; l = json_next(l)) {
		const int r = json_string(l)
				      ? policy_label_intern(c->place.policy, str_of(json_string(l)))
				      : -EINVAL;

		if (r < 0)
			return FAIL(c, r, member, "%s",
				    r == -E2BIG
					    ? "more than 64 labels"
					    : "a label's name has letters a-z, digits, _ - and .");
		*ret |= UINT64_C(1) << r;
	}
	return 0;
}

static int decode_set_labels(struct context *c)
{
	struct rule *rule = c->rule;
	int r = decode_labels(c, c->row.label, ".label", &rule->labels);

	if (r == 0)
		r = decode_labels(c, c->row.declassify, ".declassify", &rule->declassify);
	if (r == 0 && rule->declassify && rule->verdict >= VERDICT_ASK)
		return FAIL(c, EINVAL, ".declassify",
			    "what is refused takes no label away: use it with allow or log");
	if (r == 0 && (rule->declassify & rule->labels))
		return FAIL(c, EINVAL, ".declassify", "the rule sets this label itself");
	return r;
}

static int decode_when(struct context *c)
{
	struct condition is = {.kinds = c->rule->kinds};
	const int r = condition_compile(&c->place, json_string(c->row.when), &is);

	c->rule->when = is.when;
	c->rule->guard = is.guard;
	c->rule->labels_read |= is.labels_read;
	c->rule->only_writes = is.only_writes;
	c->rule->only_reads = is.only_reads;
	c->rule->only_host_bound = is.only_host_bound;
	return r;
}

static int decode_kinds(struct context *c)
{
	struct condition is = {0};
	const int r = condition_decode_kinds(&c->place, c->row.on, &is);

	c->rule->kinds = is.kinds;
	return r;
}

static struct rule *new_rule(struct policy *policy)
{
	if (policy->rule_count == policy->rule_cap) {
		policy->rule_cap = policy->rule_cap ? policy->rule_cap * 2 : 32;
		policy->rules =
			xrealloc_array(policy->rules, policy->rule_cap, sizeof(*policy->rules));
	}
	policy->rules[policy->rule_count] = (struct rule){0};
	return &policy->rules[policy->rule_count++];
}

int rule_decode(struct policy *policy, const struct source *source, const struct json *node,
		const char *path, struct error *err)
{
	struct context c = {
		.place = {.policy = policy, .source = source, .path = path, .err = err}};
	int r;

	if (policy->rule_count == MAX_RULES)
		return source_error(source, err, E2BIG, path, "more than %u rules", MAX_RULES);
	if (json_decode(node, path, rule_fields, sizeof(rule_fields) / sizeof(rule_fields[0]),
			&c.row, err) < 0)
		return source_located(source, err);
	c.rule = new_rule(policy);
	r = decode_info(&c);
	if (r == 0)
		r = decode_kinds(&c);
	if (r == 0)
		r = decode_verdict(&c);
	if (r == 0)
		r = decode_how(&c);
	if (r == 0)
		r = decode_set_labels(&c);
	if (r == 0 && c.row.count)
		r = count_decode(&c.place, c.rule, c.row.count);
	if (r == 0 && c.row.sequence)
		r = sequence_decode(policy, source, c.rule, c.row.sequence, path, err);
	if (r == 0 && c.row.budget)
		r = budget_decode(policy, source, c.rule, c.row.budget, path, err);
	if (r == 0)
		r = decode_when(&c);
	if (r == 0)
		r = check_enforced(&c);
	return r;
}

void rule_done(struct rule *rule)
{
	free(without_const(rule->info.id));
	free(without_const(rule->info.category));
	free(without_const(rule->info.severity));
	free(without_const(rule->info.maturity));
	free(without_const(rule->info.because));
	free(rule->guard.keys);
	cel_program_done(&rule->when);
}
