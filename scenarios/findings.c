/* SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/findings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "scenarios/checks.h"

static bool is_refusal(const struct ruling *r)
{
	return r->verdict >= VERDICT_ASK && r->enforced && !r->by_decoy &&
	       !(r->verdict == VERDICT_ASK && r->agreed);
}

/* The first thing that was asked about and agreed to. */
static const struct ruling *asked(const struct observation *seen, const char *call)
{
	for (size_t i = 0; i < seen->ruling_count; i++) {
		const struct ruling *r = &seen->rulings[i];

		if (strcmp(r->call, call) == 0 && r->verdict == VERDICT_ASK && r->agreed)
			return r;
	}
	return NULL;
}

/* The kill, if there was one, else the first refusal; nothing that was not enforced. */
static const struct ruling *decisive(const struct observation *seen, const char *call)
{
	const struct ruling *first = NULL;

	for (size_t i = 0; i < seen->ruling_count; i++) {
		const struct ruling *r = &seen->rulings[i];

		if (strcmp(r->call, call) != 0 || !is_refusal(r))
			continue;
		if (r->verdict == VERDICT_KILL)
			return r;
		if (!first)
			first = r;
	}
	return first;
}

/* The first of what a rule refuses and a decoy answered; @rule NULL: any, for with decoys the
 * default's refusal is none. */
static const struct ruling *decoyed(const struct observation *seen, const char *call,
				    const char *rule)
{
	for (size_t i = 0; i < seen->ruling_count; i++) {
		const struct ruling *r = &seen->rulings[i];

		if (strcmp(r->call, call) == 0 && r->by_decoy && r->verdict >= VERDICT_ASK &&
		    strcmp(r->rule, "default") != 0 && (!rule || strcmp(r->rule, rule) == 0))
			return r;
	}
	return NULL;
}

/* The first note of a rule; @rule NULL: of any. */
static const struct ruling *noted(const struct observation *seen, const char *call,
				  const char *rule)
{
	for (size_t i = 0; i < seen->ruling_count; i++) {
		const struct ruling *r = &seen->rulings[i];

		if (strcmp(r->call, call) == 0 && r->verdict == VERDICT_LOG &&
		    (!rule || strcmp(r->rule, rule) == 0))
			return r;
	}
	return NULL;
}

/* 0: no alarm. */
static unsigned rank_of(const struct policy *policy, const char *rule)
{
	static const char *const severities[] = {"low", "medium", "high", "critical"};

	for (size_t i = 0; policy && i < policy_rule_count(policy); i++) {
		const struct rule_info *info = policy_rule(policy, i);

		for (unsigned s = 0; s < 4 && strcmp(info->id, rule) == 0; s++) {
			if (strcmp(info->severity, severities[s]) == 0)
				return s;
		}
	}
	return 0;
}

/* The most severe, and the first of these. */
static const struct ruling *alarm_of(const struct policy *policy, const struct observation *seen,
				     size_t step)
{
	const struct ruling *worst = NULL;
	unsigned rank = 0;
	char id[24];

	(void)snprintf(id, sizeof(id), "c%zu", step + 1);
	for (size_t i = 0; i < seen->ruling_count; i++) {
		const struct ruling *r = &seen->rulings[i];
		unsigned of_rule;

		if (strcmp(r->call, id) != 0 || r->verdict != VERDICT_LOG)
			continue;
		of_rule = rank_of(policy, r->rule);
		if (of_rule <= rank)
			continue;
		rank = of_rule;
		worst = r;
	}
	return worst;
}

static void compare_exit(const struct expectation *expect, const struct call_seen *call,
			 struct step_finding *ret)
{
	if (!expect->has_exit)
		return;
	if (call->timed_out)
		(void)snprintf(ret->why, sizeof(ret->why), "ran out of time");
	else if (!call->has_exit)
		(void)snprintf(ret->why, sizeof(ret->why), "no exit status, expected %lld",
			       (long long)expect->exit);
	else if (call->exit != expect->exit)
		(void)snprintf(ret->why, sizeof(ret->why), "exit status %d, expected %lld: %.160s",
			       call->exit, (long long)expect->exit, call->text ? call->text : "");
}

static void compare_ruling(const struct expectation *expect, struct step_finding *ret)
{
	if (ret->got != expect->verdict)
		(void)snprintf(ret->why, sizeof(ret->why), "%s%s%s, expected %s%s%s",
			       step_verdict_name(ret->got), ret->by ? " by " : "",
			       ret->by ? ret->by->rule : "", step_verdict_name(expect->verdict),
			       expect->rule ? " by " : "", expect->rule ? expect->rule : "");
	else if (ret->by && expect->rule && strcmp(ret->by->rule, expect->rule) != 0)
		(void)snprintf(ret->why, sizeof(ret->why), "by %s, expected %s", ret->by->rule,
			       expect->rule);
	else if (ret->by && expect->kind && strcmp(ret->by->kind, expect->kind) != 0)
		(void)snprintf(ret->why, sizeof(ret->why), "%s was refused, expected %s",
			       ret->by->kind, expect->kind);
}

static enum step_verdict got_of(const struct ruling *by)
{
	if (!by)
		return STEP_ALLOWED;
	if (by->by_decoy)
		return STEP_DECOYED;
	if (by->verdict == VERDICT_LOG)
		return STEP_NOTED;
	if (!is_refusal(by))
		return STEP_ASKED;
	return by->verdict == VERDICT_KILL ? STEP_KILLED : STEP_DENIED;
}

/* Of honest work nothing may raise an alarm. */
static void compare_alarm(const struct scenario *scenario, struct step_finding *ret)
{
	if (!ret->alarm || !ret->ok || scenario->category != CATEGORY_BENIGN)
		return;
	ret->ok = false;
	(void)snprintf(ret->why, sizeof(ret->why), "noted by %s, which is a false alarm",
		       ret->alarm->rule);
}

void judge_step(const struct expectation *expect, const struct observation *seen, size_t step,
		struct step_finding *ret)
{
	const struct call_seen *call = &seen->calls[step];
	char id[16];

	(void)snprintf(id, sizeof(id), "c%zu", step + 1);
	*ret = (struct step_finding){.got = STEP_NOT_RUN};
	if (call->ran) {
		ret->by = decisive(seen, id);
		if (!ret->by && expect->verdict == STEP_DECOYED)
			ret->by = decoyed(seen, id, expect->rule);
		if (!ret->by && expect->verdict != STEP_NOTED)
			ret->by = decoyed(seen, id, NULL);
		if (!ret->by)
			ret->by = asked(seen, id);
		if (!ret->by && expect->verdict == STEP_NOTED)
			ret->by = noted(seen, id, expect->rule);
		ret->got = got_of(ret->by);
	}
	compare_ruling(expect, ret);
	if (!ret->why[0])
		compare_exit(expect, call, ret);
	if (!ret->why[0] && expect->output && (!call->text || !strstr(call->text, expect->output)))
		(void)snprintf(ret->why, sizeof(ret->why), "the result lacks \"%.80s\": %.120s",
			       expect->output, call->text ? call->text : "");
	ret->ok = !ret->why[0];
}

void findings_make(const struct scenario *scenario, const struct observation *seen,
		   const struct policy *policy, int workspace_fd, struct findings *ret)
{
	struct findings f = {.step_count = scenario->step_count, .ok = true};

	f.steps = xcalloc(f.step_count, sizeof(*f.steps));
	for (size_t i = 0; i < f.step_count; i++) {
		judge_step(&scenario->steps[i].expect, seen, i, &f.steps[i]);
		f.steps[i].alarm = alarm_of(policy, seen, i);
		compare_alarm(scenario, &f.steps[i]);
		f.ok &= f.steps[i].ok;
	}
	checks_make(scenario, seen, policy, workspace_fd, &f);
	*ret = f;
}

void findings_done(struct findings *findings)
{
	for (size_t i = 0; i < findings->check_count; i++) {
		free(findings->checks[i].what);
		free(findings->checks[i].expected);
		free(findings->checks[i].got);
	}
	free(findings->steps);
	free(findings->checks);
	*findings = (struct findings){0};
}
