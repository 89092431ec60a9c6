/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The subcommands of `cordon policy`, and what they share. Each parses its own arguments (argv[0]
 * is "cordon policy NAME"); cmd_policy.c holds the table.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/json_write.h"
#include "monitor/policy/decide.h"
#include "monitor/policy/example.h"
#include "monitor/policy/policy.h"
#include "monitor/policy/source.h"

/* What the exit status means, for every subcommand; cordon-policy(1) says it of each. */
enum policy_status {
	POLICY_GOOD = 0,
	POLICY_BAD = 1, /* the answer is no: refused, findings, failed cases, wider, out of form */
	POLICY_FAILED = 2, /* no answer: wrong usage, a policy or an action that cannot be read */
};

int policy_check_command(int argc, char **argv);
int policy_diff_command(int argc, char **argv);
int policy_eval_command(int argc, char **argv);
int policy_explain_command(int argc, char **argv);
int policy_fmt_command(int argc, char **argv);
int policy_keygen_command(int argc, char **argv);
int policy_learn_command(int argc, char **argv);
int policy_sign_command(int argc, char **argv);
int policy_test_command(int argc, char **argv);
int policy_verify_command(int argc, char **argv);

/* Words of the command line, as many as come. The words are borrowed. */
struct word_list {
	const char **words; /* owned */
	size_t count;
};

void word_list_add(struct word_list *list, const char *word);
void word_list_done(struct word_list *list);

/* The files and folders, or what ships if none is named. */
int policy_load_words(const struct word_list *paths, struct policy **ret, struct error *err);

/*
 * example_read - an action from the command line: JSON text, @FILE, or - for standard input; alone
 * or inside an example ({"action": ..., "labels": ...}).
 * @sources: keeps the document that *ret borrows from.
 */
int example_read(const char *argument, const struct policy *policy, struct sources *sources,
		 struct example *ret, struct error *err);

/*
 * example_play - all repetitions of an example in a session, what reads set as labels included.
 * @now_ns: when the first happens; afterwards when one more would. @teller: for the last, or NULL.
 * @ret_action: the last, borrowing from @example and @text; @ret: what was decided on it.
 */
struct example_player {
	const struct policy *policy;
	struct policy_state *state;
	uint64_t now_ns;
	char text[EXAMPLE_TEXT_BYTES];
};

void example_play(struct example_player *player, const struct example *example,
		  const struct rule_teller *teller, struct action *ret_action,
		  struct decision *ret);

/* For people: colours only on a terminal, unless NO_COLOR is set. */
bool is_colourful(void);
/* An escape sequence, or "". */
const char *verdict_colour(enum verdict verdict, bool colour);
const char *end_colour(bool colour);
/* The members of an object, written as JSON text, as `name = value, ...`. */
void print_members(const char *json, size_t len, const char *prefix);
/* Text from policies and actions, what could steer a terminal as escapes. */
void print_text(const char *text);
/* "kind" and the fields that are not empty, so that an example makes the same action of it. */
void put_action(struct json_writer *w, const char *key, const struct action *action);
