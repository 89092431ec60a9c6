/* SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/runner.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <uv.h>

#include "common/cleanup.h"
#include "scenarios/runner_internal.h"
#include "tools/toolkit/loop.h"
#include "tools/toolkit/options.h"
#include "tools/toolkit/paths.h"

static void close_group(struct group *group)
{
	for (size_t i = 0; i < sizeof(group->signals) / sizeof(group->signals[0]); i++)
		uv_close((uv_handle_t *)&group->signals[i], NULL);
	supervisor_free(take_ptr(group->supervisor));
}

void group_start_more(struct group *group)
{
	while (group->next < group->count && group->live < group->config->jobs &&
	       !group->interrupted)
		run_start(&group->runs[group->next++]);
	if (!group->live && group->supervisor)
		close_group(group);
}

static bool same_group(const struct scenario *a, const struct scenario *b)
{
	if (a->setup.has_mode != b->setup.has_mode || a->setup.mode != b->setup.mode ||
	    a->setup.policy_count != b->setup.policy_count)
		return false;
	for (size_t i = 0; i < a->setup.policy_count; i++) {
		if (strcmp(a->setup.policies[i], b->setup.policies[i]) != 0)
			return false;
	}
	return true;
}

static void on_signal(uv_signal_t *handle, int signum)
{
	struct group *group = handle->data;

	(void)signum;
	group->interrupted = true;
	for (size_t i = 0; i < group->count; i++) {
		if (group->runs[i].agent)
			agent_session_end(group->runs[i].agent);
	}
}

static void watch_signals(struct group *group)
{
	static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		(void)uv_signal_init(&group->loop, &group->signals[i]);
		group->signals[i].data = group;
		(void)uv_signal_start(&group->signals[i], on_signal, numbers[i]);
	}
}

static void add_policy(struct session_options *options, const char *path)
{
	options->policies = xrealloc_array(options->policies, options->policy_count + 1,
					   sizeof(*options->policies));
	options->policies[options->policy_count++] = path;
}

/* The policies of the command line, or those that ship, and beside them the scenario's own. */
static int load_group(struct group *group, struct error *err)
{
	const struct session_options *base = group->config->base;
	const struct setup *setup = &group->runs[0].trial->scenario->setup;
	_cleanup_free_ char *shipped = NULL;
	int r = 0;

	group->options.mode = setup->has_mode ? setup->mode : base->mode;
	group->options.trace = base->trace;
	if (!base->policy_count)
		r = paths_policies(&shipped, err);
	if (r < 0)
		return r;
	if (shipped)
		add_policy(&group->options, shipped);
	for (size_t i = 0; i < base->policy_count; i++)
		add_policy(&group->options, base->policies[i]);
	for (size_t i = 0; i < setup->policy_count; i++)
		add_policy(&group->options, setup->policies[i]);
	r = load_policies(&group->options, &group->policy, err);
	for (size_t i = 0; r == 0 && i < group->count; i++) {
		const struct setup *s = &group->runs[i].trial->scenario->setup;

		for (size_t l = 0; r == 0 && l < s->label_count; l++)
			r = policy_add_label(group->policy, s->labels[l].name, err);
	}
	return r;
}

static int run_group(struct group *group, struct error *err)
{
	int r = loop_init(&group->loop, err);

	if (r < 0)
		return r;
	r = load_group(group, err);
	if (r == 0)
		r = start_supervisor(&group->options, &group->loop, &group->supervisor, err);
	if (r == 0) {
		watch_signals(group);
		group_start_more(group);
	}
	(void)uv_run(&group->loop, UV_RUN_DEFAULT);
	(void)uv_loop_close(&group->loop);
	if (r == 0 && group->interrupted)
		r = error_set(err, EINTR, "ended by a signal");
	(void)policy_free(group->policy);
	session_options_done(&group->options);
	return r;
}

/* The scenario at `first`, and of those behind it what may run beside it. */
static int run_from(const struct scenario_set *set, size_t first, bool *taken,
		    const struct runner_config *config, struct trial *trials, struct error *err)
{
	struct group group = {.config = config};
	int r;

	group.runs = xcalloc(set->count - first, sizeof(*group.runs));
	for (size_t i = first; i < set->count; i++) {
		if (taken[i] || !same_group(&set->items[first], &set->items[i]))
			continue;
		taken[i] = true;
		group.runs[group.count++] = (struct run){.trial = &trials[i], .group = &group};
	}
	r = run_group(&group, err);
	free(group.runs);
	return r;
}

int runner_run(const struct scenario_set *set, const struct runner_config *config,
	       struct trial **ret, struct error *err)
{
	_cleanup_free_ bool *taken = xcalloc(set->count, sizeof(*taken));
	struct trial *trials = xcalloc(set->count, sizeof(*trials));
	int r = 0;

	*ret = trials;
	for (size_t i = 0; i < set->count; i++)
		trials[i].scenario = &set->items[i];
	for (size_t i = 0; r == 0 && i < set->count; i++) {
		if (!taken[i])
			r = run_from(set, i, taken, config, trials, err);
	}
	return r;
}

void trials_done(struct trial *trials, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		observation_done(&trials[i].seen);
		findings_done(&trials[i].findings);
		free(trials[i].record);
	}
	free(trials);
}
