/* SPDX-License-Identifier: Apache-2.0 */

/* What was learned as a policy file, or as an exception of a rule. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/json_write.h"
#include "monitor/policy/format.h"
#include "tools/cordon/policy/learn.h"
#include "tools/cordon/policy/policy_command.h"

/* ---- a file of rules ---- */

/* Something like it that the rule must not match. */
static void put_neighbour(struct json_writer *w, const struct learned *item)
{
	struct action other = {.kind = item->action.kind, .argv = item->action.argv};
	_cleanup_free_ char *path = xasprintf("%.*s-other", (int)item->action.path.len,
					      item->action.path.len ? item->action.path.at : "/");

	other.path = str_of(path);
	other.op = item->action.op;
	other.tool = STR("another");
	if (other.kind != ACTION_EXEC && other.kind != ACTION_FILE_CHANGE)
		other.path = (struct str){0};
	json_begin_object(w, NULL);
	put_action(w, "action", &other);
	json_end_object(w);
}

static void put_rule(struct json_writer *w, unsigned number, const struct learned *const *items,
		     size_t count)
{
	const char *kind = action_kind_name(items[0]->action.kind);
	_cleanup_free_ char *id = xasprintf("learned.%s.%u", kind, number);
	_cleanup_free_ char *when = learn_condition(items, count);

	json_begin_object(w, NULL);
	json_put_string(w, "id", id);
	json_put_string(w, "category", "learned");
	json_put_string(w, "severity", "low");
	json_begin_array(w, "on");
	json_put_string(w, NULL, kind);
	json_end_array(w);
	json_put_string(w, "when", when);
	json_put_string(w, "verdict", "allow");
	json_put_string(w, "because", "A recorded run did this.");
	json_begin_array(w, "match");
	json_begin_object(w, NULL);
	put_action(w, "action", &items[0]->action);
	json_end_object(w);
	json_end_array(w);
	json_begin_array(w, "not_match");
	put_neighbour(w, items[0]);
	json_end_array(w);
	json_end_object(w);
}

/* Opens can have no default that refuses, for what reads is seen afterwards. */
static void put_write_rule(struct json_writer *w, const struct learned *const *items, size_t count)
{
	_cleanup_buf_ struct buf when = BUF_INIT(0);
	struct text_list paths = {0};
	const struct action other = {
		.kind = ACTION_FILE_OPEN, .write = true, .path = STR("/not/learned")};
	const struct action read = {.kind = ACTION_FILE_OPEN, .path = STR("/not/learned")};

	for (size_t i = 0; i < count; i++)
		text_list_add(&paths,
			      xstrndup(items[i]->action.path.at, items[i]->action.path.len));
	buf_puts(&when, count ? "action.write && !" : "action.write");
	if (count)
		learn_put_globs(&when, "path", &paths);
	text_list_done(&paths);
	json_begin_object(w, NULL);
	json_put_string(w, "id", "learned.write");
	json_put_string(w, "category", "learned");
	json_put_string(w, "severity", "low");
	json_begin_array(w, "on");
	json_put_string(w, NULL, action_kind_name(ACTION_FILE_OPEN));
	json_end_array(w);
	json_put_bytes(w, "when", when.data, when.len);
	json_put_string(w, "verdict", "deny");
	json_put_string(w, "because", "The recorded run did not write this file.");
	json_begin_array(w, "match");
	json_begin_object(w, NULL);
	put_action(w, "action", &other);
	json_end_object(w);
	json_end_array(w);
	json_begin_array(w, "not_match");
	json_begin_object(w, NULL);
	put_action(w, "action", count ? &items[0]->action : &read);
	json_end_object(w);
	json_end_array(w);
	json_end_object(w);
}

/* One rule for what belongs together: a program, or a kind. */
static bool belong_together(const struct learned *a, const struct learned *b)
{
	return a->action.kind == b->action.kind &&
	       (a->action.kind != ACTION_EXEC || str_eq(a->action.path, b->action.path));
}

static void put_rules(struct json_writer *w, const struct learned *const *items, size_t count,
		      bool closed)
{
	_cleanup_free_ const struct learned **some = xcalloc(count + 1, sizeof(const void *));
	_cleanup_free_ bool *done = xcalloc(count + 1, sizeof(bool));
	const struct learned *const *chosen = (const struct learned *const *)some;
	unsigned number = 0;
	size_t n = 0;

	for (size_t i = 0; i < count; i++)
		if (items[i]->action.kind == ACTION_FILE_OPEN && items[i]->action.write)
			some[n++] = items[i];
	if (closed)
		put_write_rule(w, chosen, n);
	for (size_t i = 0; i < count; i++) {
		if (done[i] || items[i]->action.kind == ACTION_FILE_OPEN)
			continue;
		n = 0;
		for (size_t k = i; k < count; k++) {
			if (!belong_together(items[i], items[k]))
				continue;
			done[k] = true;
			some[n++] = items[k];
		}
		put_rule(w, ++number, chosen, n);
	}
}

/* As policy files are kept. */
static char *formatted(struct buf *text)
{
	struct source source = {
		.name = xstrdup(LEARNED_NAME), .text = text->data, .len = text->len};
	struct buf out = BUF_INIT(0);
	struct error err = {0};

	/* It is ours: if it cannot be read, it is shown as it is when it is loaded. */
	if (source_parse(&source, &err) < 0 || policy_format(&source, &out, &err) < 0)
		buf_put(&out, text->data, text->len);
	json_free(source.doc);
	free(source.name);
	buf_done(text);
	return out.data;
}

char *learn_policy(const struct learned *const *items, size_t count, bool closed)
{
	struct buf out = BUF_INIT(0);
	struct json_writer w = {.out = &out};

	json_begin_object(&w, NULL);
	json_put_string(&w, "policy", "learned");
	json_put_i64(&w, "version", 1);
	json_put_string(&w, "description", "Proposed from a record. To be reviewed.");
	if (closed) {
		json_begin_object(&w, "defaults");
		for (unsigned k = 0; k < ACTION_KINDS; k++)
			if (action_enforced((enum action_kind)k) == ENFORCED_BEFORE)
				json_put_string(&w, action_kind_name((enum action_kind)k), "deny");
		json_end_object(&w);
	}
	json_begin_array(&w, "rules");
	put_rules(&w, items, count, closed);
	json_end_array(&w);
	json_end_object(&w);
	return formatted(&out);
}

/* ---- an exception of a rule ---- */

/* Behind the JSON string that begins there. */
static size_t string_end(const char *text, size_t at)
{
	for (at++; text[at] != '"'; at++)
		at += text[at] == '\\';
	return at + 1;
}

int learn_except(struct source *source, const char *rule, const struct learned *const *items,
		 size_t count, struct error *err)
{
	_cleanup_free_ char *condition = learn_condition(items, count);
	_cleanup_buf_ struct buf text = BUF_INIT(0);
	struct json_writer w = {.out = &text};
	size_t index = 0;
	size_t at = 0;

	for (const struct json *r = json_first(json_get(source->doc, "rules")); r;
	     r = json_next(r), index++) {
		_cleanup_free_ char *path = xasprintf("$.rules[%zu].when", index);
		_cleanup_free_ char *when = NULL;

		if (strcmp(json_get_string(r, "id"), rule) != 0)
			continue;
		if (json_locate(source->text, source->len, path, &at) < 0)
			return -ENOENT;
		when = xasprintf("(%s) && !(%s)", json_get_string(r, "when"), condition);
		buf_put(&text, source->text, at);
		json_put_string(&w, NULL, when);
		buf_puts(&text, source->text + string_end(source->text, at));
		free(source->text);
		source->text = xstrndup(text.data, text.len);
		source->len = text.len;
		json_free(take_ptr(source->doc));
		return source_parse(source, err);
	}
	return -ENOENT;
}
