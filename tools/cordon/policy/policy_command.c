/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cordon/policy/policy_command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/input.h"
#include "common/json.h"
#include "common/limits.h"
#include "common/plain.h"
#include "monitor/policy/decide.h"
#include "monitor/policy/policy_state.h"
#include "tools/toolkit/agent_session.h"

#define MAX_SHOWN_BYTES 400u
#define START_NS	UINT64_C(1000000000)

void word_list_add(struct word_list *list, const char *word)
{
	/* NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers */
	list->words = xrealloc_array(list->words, list->count + 1, sizeof(*list->words));
	list->words[list->count++] = word;
}

void word_list_done(struct word_list *list)
{
	free(list->words);
}

int policy_load_words(const struct word_list *paths, struct policy **ret, struct error *err)
{
	const struct session_options options = {.policies = paths->words,
						.policy_count = paths->count};

	return load_policies_signed(&options, NULL, ret, err);
}

static int add_source(const char *argument, struct sources *sources, struct error *err)
{
	_cleanup_buf_ struct buf input = BUF_INIT(MAX_JSON_BYTES + INPUT_ROOM);
	_cleanup_free_ char *text = NULL;
	size_t len = 0;
	int r;

	if (strcmp(argument, "-") == 0) {
		r = input_read_document(STDIN_FILENO, "standard input", MAX_JSON_BYTES, &input,
					err);
		return r < 0 ? r
			     : sources_add_text(sources, "standard input",
						input.len ? input.data : "", input.len, err);
	}
	if (*argument != '@')
		return sources_add_text(sources, "ACTION", argument, strlen(argument), err);
	r = json_read_file(argument + 1, &text, &len, err);
	return r < 0 ? r : sources_add_text(sources, argument + 1, text, len, err);
}

int example_read(const char *argument, const struct policy *policy, struct sources *sources,
		 struct example *ret, struct error *err)
{
	struct example_place place = {
		.policy = policy, .path = "$", .kinds = UINT32_MAX, .err = err};
	const struct json *doc;
	const int r = add_source(argument, sources, err);

	*ret = (struct example){0};
	if (r < 0)
		return r;
	place.source = &sources->items[sources->count - 1];
	doc = place.source->doc;
	if (json_get(doc, "action"))
		return example_decode(&place, doc, ret);
	return example_decode_action(&place, "", doc, ret);
}

/* NOLINTNEXTLINE(misc-no-recursion): what was before has nothing before it */
void example_play(struct example_player *player, const struct example *example,
		  const struct rule_teller *teller, struct action *ret_action, struct decision *ret)
{
	const struct policy *policy = player->policy;

	if (!player->now_ns)
		player->now_ns = START_NS;
	for (size_t i = 0; i < example->before_count; i++)
		example_play(player, &example->before[i], NULL, ret_action, ret);
	player->now_ns += example->after_ns;
	policy_state_note_cpu(player->state, 0, example->cpu_us);
	if (example->bytes_out)
		policy_count_bytes(policy, player->state, &example->action, example->bytes_out,
				   ret);
	example_add_labels(example, player->state);
	for (int64_t n = 0; n < example->repeat; n++) {
		example_action(example, n, player->now_ns, player->text, ret_action);
		policy_state_add_labels(player->state, policy_labels_of_read(policy, ret_action));
		if (teller && n == example->repeat - 1)
			policy_decide_told(policy, player->state, ret_action, ret, teller);
		else
			policy_decide(policy, player->state, ret_action, ret);
	}
	player->now_ns += (uint64_t)example->repeat * example->every_ns;
}

/* ---- output ---- */

bool is_colourful(void)
{
	return isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
}

const char *verdict_colour(enum verdict verdict, bool colour)
{
	static const char *const colours[] = {
		[VERDICT_ALLOW] = "\033[32m",	 [VERDICT_LOG] = "\033[33m",
		[VERDICT_THROTTLE] = "\033[33m", [VERDICT_REDACT] = "\033[33m",
		[VERDICT_ASK] = "\033[33m",	 [VERDICT_DECOY] = "\033[35m",
		[VERDICT_DENY] = "\033[31m",	 [VERDICT_KILL] = "\033[1;31m",
	};

	return colour ? colours[verdict] : "";
}

const char *end_colour(bool colour)
{
	return colour ? "\033[0m" : "";
}

void print_text(const char *text)
{
	_cleanup_buf_ struct buf plain = BUF_INIT(0);

	buf_put_plain(&plain, text, strlen(text));
	if (plain.len)
		(void)fwrite(plain.data, 1, plain.len, stdout);
}

void print_members(const char *json, size_t len, const char *prefix)
{
	_cleanup_(json_freep) struct json *doc = NULL;
	const char *separator = "";

	if (json_parse("members", json, len, &doc, NULL) < 0)
		return;
	for (const struct json *m = json_first(doc); m; m = json_next(m)) {
		_cleanup_free_ char *value = json_print(m);
		_cleanup_buf_ struct buf plain = BUF_INIT(0);

		buf_put_plain(&plain, value, MAX_SHOWN_BYTES);
		(void)printf("%s%s%s = %s", separator, strchr(json_key(m), '.') ? "" : prefix,
			     json_key(m), plain.len ? plain.data : "");
		separator = ", ";
	}
}

static void put_list(struct json_writer *w, const char *name, const struct str_list *list)
{
	if (!list->count)
		return;
	json_begin_array(w, name);
	for (size_t i = 0; i < list->count; i++)
		json_put_bytes(w, NULL, list->items[i].len ? list->items[i].at : "",
			       list->items[i].len);
	json_end_array(w);
}

void put_action(struct json_writer *w, const char *key, const struct action *action)
{
	json_begin_object(w, key);
	json_put_string(w, "kind", action_kind_name(action->kind));
	if (action->pid > 1) /* 1 is that of an action without one */
		json_put_i64(w, "pid", action->pid);
	for (size_t i = 0; i < action_field_count; i++) {
		const struct action_field *field = &action_fields[i];

		if (!(field->kinds & (1u << action->kind)))
			continue;
		if (field->type == FIELD_STRING && action_string(action, field).len)
			json_put_bytes(w, field->name, action_string(action, field).at,
				       action_string(action, field).len);
		else if (field->type == FIELD_INT && action_integer(action, field))
			json_put_i64(w, field->name, action_integer(action, field));
		else if (field->type == FIELD_BOOL)
			json_put_bool(w, field->name, action_boolean(action, field));
		else if (field->type == FIELD_LIST)
			put_list(w, field->name, action_list(action, field));
	}
	json_end_object(w);
}
