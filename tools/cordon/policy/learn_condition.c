/* SPDX-License-Identifier: Apache-2.0 */

/* The narrowest condition that holds of all actions that were learned together. */

#include <stdlib.h>
#include <string.h>

#include "tools/cordon/policy/learn.h"

#define SEVERAL_PORTS \
	3u /* of one loopback address that stand for any: servers of tests choose them */

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

void learn_put_globs(struct buf *out, const char *field, const struct text_list *paths)
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
	learn_put_globs(&out, "path", &paths);
	if (has_target) {
		buf_puts(&out, " && ");
		learn_put_globs(&out, "target", &targets);
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
	case ACTION_MEM_EXEC:
	case ACTION_LIMIT:
	case ACTION_OUTLIVE:
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
