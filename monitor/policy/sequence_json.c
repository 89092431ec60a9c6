/* SPDX-License-Identifier: Apache-2.0 */

/* The member "sequence" of a rule. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "monitor/policy/rule.h"

struct sequence_row {
	const struct json *steps, *within, *by, *since, *until;
};

static const struct json_field sequence_fields[] = {
	{"steps", JSON_ARRAY, true, offsetof(struct sequence_row, steps)},
	{"within", JSON_STRING, false, offsetof(struct sequence_row, within)},
	{"by", JSON_STRING, false, offsetof(struct sequence_row, by)},
	{"since", JSON_OBJECT, false, offsetof(struct sequence_row, since)},
	{"until", JSON_OBJECT, false, offsetof(struct sequence_row, until)},
};

struct step_row {
	const struct json *on, *when, *missing, *repeat;
};

static const struct json_field step_fields[] = {
	{"on", JSON_ARRAY, true, offsetof(struct step_row, on)},
	{"when", JSON_STRING, true, offsetof(struct step_row, when)},
	{"missing", JSON_BOOL, false, offsetof(struct step_row, missing)},
	{"repeat", JSON_NUMBER, false, offsetof(struct step_row, repeat)},
};

/* "since" and "until" are not repeated. */
#define EVENT_FIELDS 2u

/* What decoding needs at hand. */
struct context {
	struct policy_place place; /* its path: of the sequence */
	struct rule *rule;
};

#define FAIL(_c, _code, _member, ...) fail_at((_c), (_code), (_member), xasprintf(__VA_ARGS__))

static int fail_at(const struct context *c, int code, const char *member, char *owned_text)
{
	_cleanup_free_ char *text = owned_text;
	_cleanup_free_ char *path = xasprintf("%s%s", c->place.path, member);

	return source_error(c->place.source, c->place.err, code, path, "%s", text);
}

static const struct action_field *field_of(const char *name)
{
	const struct action_field *field = action_fields;

	while (strcmp(field->name, name) != 0)
		field++;
	return field;
}

/* Kinds of actions that are about such a thing. */
static uint32_t kinds_with_key(enum sequence_key by)
{
	switch (by) {
	case BY_LINEAGE:
		return field_of("exe")->kinds;
	case BY_FILE:
		return field_of("path")->kinds;
	case BY_HOST:
		return field_of("host")->kinds;
	case BY_SESSION:
	case SEQUENCE_KEYS:
		break;
	}
	return UINT32_MAX;
}

static int check_key(const struct context *c, uint32_t kinds, const char *member)
{
	const enum sequence_key by = c->rule->sequence.by;
	const uint32_t without = kinds & ~kinds_with_key(by);

	if (!without)
		return 0;
	return FAIL(c, EINVAL, member, "by \"%s\", but %s has no %s: use \"by\": \"session\"",
		    sequence_key_name(by),
		    action_kind_name((enum action_kind)__builtin_ctz(without)),
		    by == BY_LINEAGE ? "process"
		    : by == BY_FILE  ? "path"
				     : "host");
}

/* @member: of the sequence, ".steps[2]". */
static int add_step(const struct context *c, const struct step_row *row, const char *member,
		    struct step step)
{
	_cleanup_free_ char *path = xasprintf("%s%s", c->place.path, member);
	_cleanup_free_ char *at_on = xasprintf("%s.on", member);
	struct policy *policy = c->place.policy;
	struct policy_place place = c->place;
	struct step *added;
	int r;

	if (policy->step_count == MAX_POLICY_STEPS)
		return FAIL(c, E2BIG, member, "more than %u steps in all rules", MAX_POLICY_STEPS);
	if (policy->step_count % 32 == 0)
		policy->steps = xrealloc_array(policy->steps, policy->step_count + 32,
					       sizeof(*policy->steps));
	added = &policy->steps[policy->step_count++];
	*added = step;
	added->rule = (uint32_t)policy->rule_count - 1;
	place.path = path;
	r = condition_decode(&place, row->on, json_string(row->when), &added->is);
	if (r == 0)
		r = check_key(c, added->is.kinds, at_on);
	c->rule->labels_read |= added->is.labels_read;
	c->rule->sequence.step_count++;
	return r;
}

/* One of "steps", where it is; sets all but its condition. */
static int decode_step(const struct context *c, const struct json *node, uint32_t number,
		       struct step_row *ret_row, struct step *ret)
{
	_cleanup_free_ char *member = xasprintf(".steps[%u]", number);
	_cleanup_free_ char *path = xasprintf("%s%s", c->place.path, member);
	struct sequence *s = &c->rule->sequence;
	int64_t repeat = 1;

	if (json_decode(node, path, step_fields, sizeof(step_fields) / sizeof(step_fields[0]),
			ret_row, c->place.err) < 0)
		return source_located(c->place.source, c->place.err);
	*ret = (struct step){.role = json_bool(ret_row->missing) ? STEP_MISSING : STEP_DONE,
			     .place = s->places,
			     .in_file = number};
	if (ret_row->repeat && json_i64(ret_row->repeat, 1, MAX_SEQUENCE_PLACES, &repeat) < 0)
		return FAIL(c, EINVAL, member, "\"repeat\" is a number from 1 to %u",
			    MAX_SEQUENCE_PLACES);
	s->missing_first |= ret->role == STEP_MISSING && !s->places;
	if (ret->role == STEP_MISSING)
		return ret_row->repeat ? FAIL(c, EINVAL, member,
					      "what is missing is not repeated: leave out one of "
					      "\"missing\" and \"repeat\"")
				       : 0;
	ret->repeat = (uint32_t)repeat;
	s->places += ret->repeat;
	return s->places <= MAX_SEQUENCE_PLACES
		       ? 0
		       : FAIL(c, E2BIG, ".steps", "more than %u steps, repetitions counted",
			      MAX_SEQUENCE_PLACES);
}

/* The last comes first: an event that is of two steps is shown to the later one before it can have
 * been the earlier one. */
static int decode_steps(const struct context *c, const struct json *steps)
{
	const size_t count = json_length(steps);
	struct step_row rows[MAX_SEQUENCE_STEPS];
	struct step found[MAX_SEQUENCE_STEPS];
	uint32_t n = 0;
	int r = 0;

	if (!count || count > MAX_SEQUENCE_STEPS)
		return FAIL(c, EINVAL, ".steps",
			    "1 to %u actions that must have been before the one that \"on\" and "
			    "\"when\" of the rule are about",
			    MAX_SEQUENCE_STEPS);
	for (const struct json *s = json_first(steps); s && r == 0; s = json_next(s), n++)
		r = decode_step(c, s, n, &rows[n], &found[n]);
	while (r == 0 && n-- > 0) {
		_cleanup_free_ char *member = xasprintf(".steps[%u]", n);

		r = add_step(c, &rows[n], member, found[n]);
	}
	return r;
}

static int decode_event(const struct context *c, const struct json *node, const char *member,
			enum step_role role)
{
	_cleanup_free_ char *path = xasprintf("%s%s", c->place.path, member);
	struct step_row row = {0};

	if (!node)
		return 0;
	if (json_decode(node, path, step_fields, EVENT_FIELDS, &row, c->place.err) < 0)
		return source_located(c->place.source, c->place.err);
	return add_step(c, &row, member, (struct step){.role = role});
}

static int decode_by(const struct context *c, const struct json *by)
{
	struct sequence *s = &c->rule->sequence;

	while (by && s->by < SEQUENCE_KEYS &&
	       strcmp(json_string(by), sequence_key_name(s->by)) != 0)
		s->by++;
	if (s->by == SEQUENCE_KEYS)
		return FAIL(c, EINVAL, ".by", "\"by\" is session, lineage, file or host");
	return check_key(c, c->rule->kinds, ".by");
}

static int decode_within(const struct context *c, const struct json *within)
{
	struct sequence *s = &c->rule->sequence;

	if (within && duration_parse(json_string(within), &s->within_ns) < 0)
		return FAIL(c, EINVAL, ".within",
			    "\"within\" is a time such as \"500ms\", \"60s\", \"5m\" or \"1h\"");
	return 0;
}

int sequence_decode(struct policy *policy, const struct source *source, struct rule *rule,
		    const struct json *node, const char *path, struct error *err)
{
	_cleanup_free_ char *at = xasprintf("%s.sequence", path);
	const struct context c = {
		.place = {.policy = policy, .source = source, .path = at, .err = err},
		.rule = rule};
	struct sequence_row row;
	int r;

	if (json_decode(node, at, sequence_fields,
			sizeof(sequence_fields) / sizeof(sequence_fields[0]), &row, err) < 0)
		return source_located(source, err);
	rule->sequence.first_step = policy->step_count;
	rule->sequence.table = policy->sequence_count;
	rule->sequence.since = row.since != NULL;
	policy->sequences = xrealloc_array(policy->sequences, policy->sequence_count + 1,
					   sizeof(*policy->sequences));
	policy->sequences[policy->sequence_count++] = (uint32_t)policy->rule_count - 1;
	r = decode_by(&c, row.by);
	if (r == 0)
		r = decode_within(&c, row.within);
	/* What ends all comes first, what all begins with last: neither takes the other's part. */
	if (r == 0)
		r = decode_event(&c, row.until, ".until", STEP_UNTIL);
	if (r == 0)
		r = decode_steps(&c, row.steps);
	if (r == 0)
		r = decode_event(&c, row.since, ".since", STEP_SINCE);
	return r;
}
