/* SPDX-License-Identifier: Apache-2.0 */

/* cordon policy explain: what a policy says of one action, and every rule that was asked. */

#include <argp.h>
#include <errno.h>
#include <stdlib.h>

#include "common/buf.h"
#include "common/log.h"
#include "tools/cordon/policy/explain_output.h"
#include "tools/cordon/policy/policy_command.h"

enum {
	KEY_POLICY = 'p',
	KEY_LABEL = 0x3000,
	KEY_BEFORE,
	KEY_JSON
};

struct explain_arguments {
	struct word_list policies;
	struct word_list labels;
	struct word_list before;
	const char *action;
	bool json;
};

static void note_answer(void *ctx, size_t rule, enum rule_answer answer)
{
	struct explanation *e = ctx;

	e->answers[e->asked++] = (struct answer){rule, answer};
}

static int play(const struct explain_arguments *a, struct example_player *player,
		struct sources *sources, struct explanation *e, struct error *err)
{
	const struct rule_teller teller = {note_answer, e};
	struct example example;
	struct action action;
	struct decision decision;
	int r;

	for (size_t i = 0; i < a->labels.count; i++) {
		const int index = policy_label_index(e->policy, a->labels.words[i]);

		if (index < 0)
			return error_set(err, EINVAL,
					 "label \"%.64s\": no rule sets or reads it, and no path "
					 "carries it",
					 a->labels.words[i]);
		policy_state_add_labels(player->state, UINT64_C(1) << index);
	}
	for (size_t i = 0; i < a->before.count; i++) {
		r = example_read(a->before.words[i], e->policy, sources, &example, err);
		if (r == 0)
			example_play(player, &example, NULL, &action, &decision);
		example_done(&example);
		if (r < 0)
			return r;
	}
	r = example_read(a->action, e->policy, sources, &example, err);
	if (r == 0)
		example_play(player, &example, &teller, &e->action, &e->decision);
	if (r == 0) {
		e->labels_before.process = e->decision.process_labels;
		e->labels_before.session =
			(policy_state_labels(player->state) & ~e->decision.labels_added) |
			e->decision.labels_removed;
		if (a->json)
			explain_print_json(e, player->state);
		else
			explain_print_plainly(e);
	}
	example_done(&example);
	return r;
}

static int explain(const struct explain_arguments *a)
{
	struct sources sources = {0};
	struct example_player player = {0};
	struct explanation e = {0};
	struct policy *policy = NULL;
	struct error err = {0};
	int r = policy_load_words(&a->policies, &policy, &err);

	if (r == 0) {
		e.policy = policy;
		e.answers = xcalloc(policy_rule_count(policy) + 1, sizeof(*e.answers));
		player.policy = policy;
		player.state = policy_state_new(policy);
		r = play(a, &player, &sources, &e, &err);
	}
	if (r < 0)
		log_error("%s", err.text);
	free(e.answers);
	sources_done(&sources);
	(void)policy_state_free(player.state);
	(void)policy_free(policy);
	if (r < 0)
		return POLICY_FAILED;
	return e.decision.verdict >= VERDICT_ASK ? POLICY_BAD : POLICY_GOOD;
}

static error_t parse_option(int key, char *value, struct argp_state *state)
{
	struct explain_arguments *a = state->input;

	switch (key) {
	case KEY_POLICY:
		word_list_add(&a->policies, value);
		return 0;
	case KEY_LABEL:
		word_list_add(&a->labels, value);
		return 0;
	case KEY_BEFORE:
		word_list_add(&a->before, value);
		return 0;
	case KEY_JSON:
		a->json = true;
		return 0;
	case ARGP_KEY_ARG:
		if (a->action)
			argp_error(state, "one ACTION at a time");
		a->action = value;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state,
			   "which ACTION? JSON such as {\"kind\": \"exec\", ...}, @FILE or -");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option options[] = {
	{"policy", KEY_POLICY, "PATH", 0, "Policy file or folder; without any, those that ship", 0},
	{"label", KEY_LABEL, "NAME", 0, "A label that the session has", 0},
	{"before", KEY_BEFORE, "ACTION", 0, "What the session did before, in this order", 0},
	{"json", KEY_JSON, 0, 0, "The answer as JSON", 0},
	{0},
};

static const struct argp explain_argp = {
	.options = options,
	.parser = parse_option,
	.args_doc = "ACTION",
	.doc = "Tell what would happen to an action, and what each rule said that was asked.\v"
	       "ACTION is JSON as in the examples of rules, {\"kind\": \"exec\", \"path\": ...}, or a whole "
	       "example with \"labels\" and \"repeat\"; @FILE reads it from a file, - from standard input.\n"
	       "Exit status: 0 if the action would go on, 1 if it would be refused, 2 if that could "
	       "not be told.",
};

int policy_explain_command(int argc, char **argv)
{
	struct explain_arguments a = {0};
	int status = POLICY_FAILED;

	if (argp_parse(&explain_argp, argc, argv, 0, NULL, &a) == 0)
		status = explain(&a);
	word_list_done(&a.policies);
	word_list_done(&a.labels);
	word_list_done(&a.before);
	return status;
}
