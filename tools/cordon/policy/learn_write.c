/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/json_write.h"
#include "tools/cordon/policy/learn.h"
#include "tools/cordon/policy/policy_command.h"

#define SEVERAL_PORTS \
	3u /* of one loopback address that stand for any: servers of tests choose them */

/* ---- conditions ---- */

static void put_text(struct buf *out, struct str text)
{
	buf_putc(out, '\'');
	for (size_t i = 0; i < text.len; i++) {
		const unsigned char c = (unsigned char)text.at[i];

		if (c == '\'' || c == '\\')
			buf_putc(out, '\\');
		if (c < 0x20)
			buf_printf(out, "\\u%04x", c);
		else
			buf_putc(out, (char)c);
	}
	buf_putc(out, '\'');
}

static void put_equal(struct buf *out, const char *field, struct str text)
{
	buf_printf(out, "%saction.%s == ", out->len ? " && " : "", field);
	put_text(out, text);
}

static void put_list(struct buf *out, const char *field, const struct str_list *list)
{
	if (!list->count) {
		buf_printf(out, " && size(action.%s) == 0", field);
		return;
	}
	buf_printf(out, " && action.%s == [", field);
	for (size_t i = 0; i < list->count; i++) {
		buf_puts(out, i ? ", " : "");
		put_text(out, list->items[i]);
	}
	buf_putc(out, ']');
}

/* "push" of "git push": a word that tells what the program will do. */
static bool is_word(struct str text)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-_";

	if (!text.len || text.len > 24 || text.at[0] == '-')
		return false;
	for (size_t i = 0; i < text.len; i++)
		if (!text.at[i] || !strchr(letters, text.at[i]))
			return false;
	return true;
}

static bool same_list(const struct str_list *a, const struct str_list *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (!str_eq(a->items[i], b->items[i]))
			return false;
	return true;
}

static bool same_command(const struct action *a, const struct action *b)
{
	const bool has_word = a->argv.count > 1 && is_word(a->argv.items[1]);

	if (!str_eq(a->path, b->path) || !str_eq(a->interpreter, b->interpreter) ||
	    !str_eq(a->provenance, b->provenance) || !same_list(&a->startup_env, &b->startup_env) ||
	    !a->argv.count || !b->argv.count || !str_eq(a->argv.items[0], b->argv.items[0]))
		return a == b;
	if (has_word != (b->argv.count > 1 && is_word(b->argv.items[1])))
		return false;
	return !has_word || str_eq(a->argv.items[1], b->argv.items[1]);
}

static size_t common_words(const struct action *a, const struct action *b, size_t most)
{
	size_t n = 0;

	while (n < most && n < b->argv.count && str_eq(a->argv.items[n], b->argv.items[n]))
		n++;
	return n;
}

static char *exec_clause(const struct learned *const *items, size_t count, size_t first)
{
	const struct action *a = &items[first]->action;
	size_t words = a->argv.count;
	struct buf out = BUF_INIT(0);
	bool alone = true;

	for (size_t i = 0; i < count; i++) {
		if (i == first || !same_command(a, &items[i]->action))
			continue;
		alone = false;
		words = common_words(a, &items[i]->action, words);
	}
	put_equal(&out, "path", a->path);
	put_equal(&out, "provenance", a->provenance);
	put_equal(&out, "interpreter", a->interpreter);
	put_list(&out, "startup_env", &a->startup_env);
	if (alone)
		put_list(&out, "argv", &a->argv);
	else
		buf_printf(&out, " && size(action.argv) >= %zu", words);
	for (size_t i = 0; !alone && i < words; i++) {
		buf_printf(&out, " && action.argv[%zu] == ", i);
		put_text(&out, a->argv.items[i]);
	}
	return out.data;
}

static char *net_clause(const struct learned *const *items, size_t count, size_t first)
{
	const struct action *a = &items[first]->action;
	struct buf out = BUF_INIT(0);
	unsigned ports = 0;

	put_equal(&out, "family", a->family);
	if (str_eq(a->family, STR("unix")) || a->path.len)
		put_equal(&out, "path", a->path);
	if (!str_eq(a->family, STR("inet")) && !str_eq(a->family, STR("inet6")))
		return out.data;
	put_equal(&out, "protocol", a->protocol);
	put_equal(&out, "host", a->host);
	for (size_t i = 0; i < count; i++)
		ports += str_eq(items[i]->action.host, a->host) &&
			 str_eq(items[i]->action.protocol, a->protocol);
	if (!a->loopback || ports < SEVERAL_PORTS)
		buf_printf(&out, " && action.port == %lld", (long long)a->port);
	return out.data;
}

static void put_globs(struct buf *out, const char *field, const struct text_list *paths)
{
	struct text_list globs;

	learn_patterns(paths, &globs);
	buf_puts(out, globs.count > 1 ? "(" : "");
	for (size_t i = 0; i < globs.count; i++) {
		const bool is_path = globs.items[i][0] == '/';

		/* What the session cannot reach by a path has a name that is none. */
		buf_printf(out, is_path ? "%sglob(action.%s, " : "%saction.%s == ", i ? " || " : "",
			   field);
		put_text(out, str_of(globs.items[i]));
		buf_puts(out, is_path ? ")" : "");
	}
	buf_puts(out, globs.count > 1 ? ")" : "");
	text_list_done(&globs);
}

static bool same_operation(const struct action *a, const struct action *b)
{
	return a->write == b->write && str_eq(a->op, b->op);
}

/* All paths of one operation together. */
static char *file_clause(const struct learned *const *items, size_t count, size_t first)
{
	const struct action *a = &items[first]->action;
	const bool has_target = str_eq(a->op, STR("rename")) || str_eq(a->op, STR("link"));
	struct text_list paths = {0};
	struct text_list targets = {0};
	struct buf out = BUF_INIT(0);

	for (size_t i = 0; i < count; i++) {
		const struct action *b = &items[i]->action;

		if (!same_operation(a, b))
			continue;
		text_list_add(&paths, xstrndup(b->path.at, b->path.len));
		if (has_target)
			text_list_add(&targets, xstrndup(b->target.at, b->target.len));
	}
	if (a->op.len)
		put_equal(&out, "op", a->op);
	else
		buf_puts(&out, a->write ? "action.write" : "!action.write");
	buf_puts(&out, " && ");
	put_globs(&out, "path", &paths);
	if (has_target) {
		buf_puts(&out, " && ");
		put_globs(&out, "target", &targets);
	}
	text_list_done(&paths);
	text_list_done(&targets);
	return out.data;
}

static char *clause_of(const struct learned *const *items, size_t count, size_t first)
{
	const struct action *a = &items[first]->action;
	struct buf out = BUF_INIT(0);

	switch (a->kind) {
	case ACTION_EXEC:
		return exec_clause(items, count, first);
	case ACTION_CONNECT:
	case ACTION_SEND:
	case ACTION_BIND:
	case ACTION_LISTEN:
		return net_clause(items, count, first);
	case ACTION_DNS:
	case ACTION_REQUEST:
	case ACTION_CLOSE:
		put_equal(&out, "host", a->host);
		return out.data;
	case ACTION_FILE_OPEN:
	case ACTION_FILE_CHANGE:
		return file_clause(items, count, first);
	case ACTION_TOOL_CALL:
	case ACTION_TOOL_RESULT:
		put_equal(&out, "tool", a->tool);
		return out.data;
	case ACTION_FORK:
	case ACTION_PROC_EXIT:
	case ACTION_PROC_CALL:
	case ACTION_SIGNAL:
	case ACTION_USAGE:
	case ACTION_KINDS:
		break;
	}
	return xstrdup("false");
}

char *learn_condition(const struct learned *const *items, size_t count)
{
	struct text_list clauses = {0};
	struct buf out = BUF_INIT(0);

	for (size_t i = 0; i < count; i++) {
		char *clause = clause_of(items, count, i);
		bool known = false;

		for (size_t k = 0; k < clauses.count; k++)
			known |= strcmp(clauses.items[k], clause) == 0;
		if (known)
			free(clause);
		else
			text_list_add(&clauses, clause);
	}
	for (size_t i = 0; i < clauses.count; i++)
		buf_printf(&out, clauses.count > 1 ? "%s(%s)" : "%s%s", i ? " || " : "",
			   clauses.items[i]);
	text_list_done(&clauses);
	return out.data;
}

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
		put_globs(&when, "path", &paths);
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

char *learn_policy(const struct learned *const *items, size_t count, bool closed)
{
	struct buf out = BUF_INIT(0);
	struct json_writer w = {.out = &out, .indent = true};

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
	buf_putc(&out, '\n');
	return out.data;
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

		if (strcmp(json_string(json_get(r, "id")), rule) != 0)
			continue;
		if (json_locate(source->text, source->len, path, &at) < 0)
			return -ENOENT;
		when = xasprintf("(%s) && !(%s)", json_string(json_get(r, "when")), condition);
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
