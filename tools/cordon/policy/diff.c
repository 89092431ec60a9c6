/* SPDX-License-Identifier: Apache-2.0 */

/* cordon policy diff: what a change newly allows, with an action that shows it. */

#include <argp.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/log.h"
#include "monitor/policy/decide.h"
#include "monitor/policy/policy_state.h"
#include "tools/cordon/policy/diff_internal.h"
#include "tools/cordon/policy/policy_command.h"

#define START_NS UINT64_C(1000000000)

enum {
	KEY_JSON = 0x3000,
	KEY_WITH
};

struct outcome {
	struct decision decision;
	uint64_t added; /* labels that were not given, bits of its own policy */
	uint64_t taken; /* of those that were */
};

/* ---- one action ---- */

static uint64_t labels_by_name(const struct policy *from, const struct policy *to, uint64_t labels)
{
	uint64_t mapped = 0;

	for (uint64_t left = labels; left; left &= left - 1) {
		const char *name = policy_label_name(from, (size_t)__builtin_ctzll(left));
		const int index = name ? policy_label_index(to, name) : -1;

		if (index >= 0)
			mapped |= UINT64_C(1) << index;
	}
	return mapped;
}

static void judge(const struct policy *policy, struct policy_state *state,
		  const struct policy *labels_of, const struct example *example,
		  struct outcome *ret)
{
	struct example mine = *example;
	struct example_player player = {.policy = policy, .state = state, .now_ns = START_NS};
	struct action action;
	uint64_t given;

	policy_state_reset(state);
	mine.before = xcalloc(example->before_count, sizeof(*mine.before));
	given = mine.labels = labels_by_name(labels_of, policy, example->labels);
	mine.action.labels = labels_by_name(labels_of, policy, example->action.labels);
	for (size_t i = 0; i < example->before_count; i++) {
		mine.before[i] = example->before[i];
		mine.before[i].labels =
			labels_by_name(labels_of, policy, example->before[i].labels);
		mine.before[i].action.labels =
			labels_by_name(labels_of, policy, example->before[i].action.labels);
		given |= mine.before[i].labels;
	}
	example_play(&player, &mine, NULL, &action, &ret->decision);
	ret->added = policy_state_labels(player.state) & ~given;
	ret->taken = given & ~policy_state_labels(player.state);
	free(mine.before);
}

static void put_time(struct json_writer *w, const char *key, uint64_t ns)
{
	_cleanup_free_ char *text = NULL;

	if (!ns)
		return;
	text = xasprintf("%llums", (unsigned long long)(ns / 1000000));
	json_put_string(w, key, text);
}

/* NOLINTNEXTLINE(misc-no-recursion): what was before has nothing before it */
static void put_example(struct json_writer *w, const char *key, const struct policy *labels_of,
			const struct example *example)
{
	json_begin_object(w, key);
	put_action(w, "action", &example->action);
	if (example->labels)
		policy_put_labels(w, "labels", labels_of, example->labels);
	if (example->has_process_labels)
		policy_put_labels(w, "process_labels", labels_of, example->action.labels);
	if (example->repeat > 1)
		json_put_i64(w, "repeat", example->repeat);
	if (example->vary)
		json_put_string(w, "vary", example->vary->name);
	put_time(w, "every", example->every_ns);
	put_time(w, "after", example->after_ns);
	if (example->cpu_us)
		json_put_u64(w, "cpu_seconds", example->cpu_us / 1000000);
	if (example->bytes_out)
		json_put_u64(w, "bytes_out", example->bytes_out);
	if (example->before_count) {
		json_begin_array(w, "before");
		for (size_t i = 0; i < example->before_count; i++)
			put_example(w, NULL, labels_of, &example->before[i]);
		json_end_array(w);
	}
	json_end_object(w);
}

static char *example_text(const struct policy *labels_of, const struct example *example)
{
	struct buf text = BUF_INIT(0);
	struct json_writer w = {.out = &text};

	put_example(&w, NULL, labels_of, example);
	return text.data;
}

static bool is_same(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static void note(struct diffing *d, struct weaker found, const struct policy *labels_of,
		 const struct example *example)
{
	for (size_t i = 0; i < d->count; i++) {
		const struct weaker *w = &d->weaker[i];

		if (is_same(w->label, found.label) && w->takes == found.takes &&
		    (found.label || (w->kind == found.kind && w->was == found.was &&
				     w->now == found.now && is_same(w->was_rule, found.was_rule) &&
				     is_same(w->now_rule, found.now_rule))))
			return;
	}
	found.example = example_text(labels_of, example);
	d->weaker = xrealloc_array(d->weaker, d->count + 1, sizeof(*d->weaker));
	d->weaker[d->count++] = found;
}

const char *diff_rule_of(const struct decision *decision)
{
	return decision->rule ? decision->rule->id : "default";
}

void diff_try(struct diffing *d, const struct policy *labels_of, const struct example *example)
{
	struct outcome old;
	struct outcome new;
	uint64_t lost;

	if (d->tried == MAX_TRIED)
		return;
	d->tried++;
	judge(d->old.policy, d->old_state, labels_of, example, &old);
	judge(d->new.policy, d->new_state, labels_of, example, &new);
	if (keeps_back(old.decision.verdict) > keeps_back(new.decision.verdict))
		note(d,
		     (struct weaker){.kind = example->action.kind,
				     .was = old.decision.verdict,
				     .now = new.decision.verdict,
				     .was_rule = diff_rule_of(&old.decision),
				     .now_rule = diff_rule_of(&new.decision)},
		     labels_of, example);
	lost = labels_by_name(d->new.policy, d->old.policy, new.taken) & ~old.taken;
	for (uint64_t left = lost; left; left &= left - 1)
		note(d,
		     (struct weaker){.label = policy_label_name(d->old.policy,
								(size_t)__builtin_ctzll(left)),
				     .takes = true,
				     .kind = example->action.kind},
		     labels_of, example);
	lost = old.added & ~labels_by_name(d->new.policy, d->old.policy, new.added);
	for (uint64_t left = lost; left; left &= left - 1)
		note(d,
		     (struct weaker){.label = policy_label_name(d->old.policy,
								(size_t)__builtin_ctzll(left)),
				     .kind = example->action.kind},
		     labels_of, example);
}

void diff_decide_new(struct diffing *d, const struct policy *labels_of,
		     const struct example *example, struct decision *ret)
{
	struct outcome new;

	judge(d->new.policy, d->new_state, labels_of, example, &new);
	*ret = new.decision;
}

/* ---- arguments ---- */

struct diff_arguments {
	struct word_list paths;
	struct word_list with; /* loaded beside both */
	bool json;
};

static int load(const struct diff_arguments *a, size_t side, struct policy_trees *ret,
		struct error *err)
{
	const size_t count = a->with.count + 1;
	const char **paths = xcalloc(count, sizeof(*paths));
	int r;

	paths[0] = a->paths.words[side];
	for (size_t i = 1; i < count; i++)
		paths[i] = a->with.words[i - 1];
	r = policy_trees_load(paths, count, ret, err);
	free(paths);
	return r;
}

static int diff(const struct diff_arguments *a)
{
	struct diffing d = {0};
	struct error err = {0};
	int status = POLICY_FAILED;
	int r = load(a, 0, &d.old, &err);

	if (r == 0)
		r = load(a, 1, &d.new, &err);
	if (r < 0) {
		log_error("%s", err.text);
	} else {
		d.old_state = policy_state_new(d.old.policy);
		d.new_state = policy_state_new(d.new.policy);
		diff_find_changes(&d);
		diff_try_all(&d);
		diff_find_removed(&d);
		diff_find_unredacted(&d);
		if (a->json)
			diff_print_json(&d);
		else
			diff_print_text(&d);
		status = diff_is_weaker(&d) ? POLICY_BAD : POLICY_GOOD;
	}
	for (size_t i = 0; i < d.count; i++)
		free(d.weaker[i].example);
	free(d.weaker);
	diff_removed_done(&d);
	free(d.unredacted);
	for (size_t s = 0; s < 2; s++) {
		free(d.changed[s]);
		constants_done(&d.of_side[s]);
	}
	constants_done(&d.constants);
	(void)policy_state_free(d.old_state);
	(void)policy_state_free(d.new_state);
	policy_trees_done(&d.old);
	policy_trees_done(&d.new);
	return status;
}

static error_t parse_option(int key, char *value, struct argp_state *state)
{
	struct diff_arguments *a = state->input;

	switch (key) {
	case KEY_JSON:
		a->json = true;
		return 0;
	case KEY_WITH:
		word_list_add(&a->with, value);
		return 0;
	case ARGP_KEY_ARG:
		word_list_add(&a->paths, value);
		return 0;
	case ARGP_KEY_END:
		if (a->paths.count != 2)
			argp_error(state, "an OLD and a NEW, each a policy file or a folder");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option options[] = {
	{"with", KEY_WITH, "PATH", 0,
	 "A policy file or folder that is loaded beside both: what else the session has", 0},
	{"json", KEY_JSON, 0, 0, "The report as JSON", 0},
	{0},
};

static const struct argp diff_argp = {
	.options = options,
	.parser = parse_option,
	.args_doc = "OLD NEW",
	.doc = "Tell what NEW allows and OLD does not, with an action that shows it.\v"
	       "The actions tried are made of the examples and constants of both. Exit status: 0 if "
	       "nothing newly allowed is found, 1 if something is, 2 if a policy cannot be loaded.",
};

int policy_diff_command(int argc, char **argv)
{
	struct diff_arguments a = {0};
	int status = POLICY_FAILED;

	if (argp_parse(&diff_argp, argc, argv, 0, NULL, &a) == 0)
		status = diff(&a);
	word_list_done(&a.paths);
	word_list_done(&a.with);
	return status;
}
