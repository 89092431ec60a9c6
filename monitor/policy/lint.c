/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/policy/lint.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "monitor/policy/lint_internal.h"

static const struct {
	const char *name;
	const char *meaning;
	bool note;
} kinds[FINDING_KINDS] = {
	[FINDING_UNREACHABLE] = {"unreachable", "A rule, or a part of it, never matches.", false},
	[FINDING_REDUNDANT] = {"redundant", "A part of a rule's condition always holds.", false},
	[FINDING_SHADOWED] = {"shadowed", "A rule never decides, since another always does.",
			      false},
	[FINDING_CONTRADICTORY] = {"contradictory",
				   "Two rules say different things of the same actions.", false},
	[FINDING_UNUSED] = {"unused", "A list or macro is read by no rule.", false},
	[FINDING_UNREAD] = {"unread", "A label is set and read by no rule.", true},
	[FINDING_UNSET] = {"unset", "A label is read and set by nothing in these files.", true},
	[FINDING_UNASKED] = {"unasked", "A rule asks, or throttles, where nothing can wait.", true},
};

const char *finding_name(enum finding_kind kind)
{
	return kinds[kind].name;
}

const char *finding_meaning(enum finding_kind kind)
{
	return kinds[kind].meaning;
}

bool finding_is_note(enum finding_kind kind)
{
	return kinds[kind].note;
}

struct finding *lint_add_at(struct lint *l, enum finding_kind kind, const struct source *source,
			    size_t offset)
{
	struct finding *finding;

	l->findings = xrealloc_array(l->findings, l->count + 1, sizeof(*l->findings));
	finding = &l->findings[l->count++];
	*finding = (struct finding){.kind = kind, .file = source->name};
	json_position(source->text, source->len, offset, &finding->line, &finding->column);
	return finding;
}

void lint_add_named(struct lint *l, enum finding_kind kind, const struct source *source,
		    const char *path, const char *format, ...)
{
	struct finding *finding;
	size_t offset = 0;
	va_list args;

	(void)json_locate(source->text, source->len, path, &offset);
	finding = lint_add_at(l, kind, source, offset);
	va_start(args, format);
	(void)vsnprintf(finding->text, sizeof(finding->text), format, args);
	va_end(args);
}

void lint_add(struct lint *l, enum finding_kind kind, const struct rule_tree *r, const char *member,
	      const char *format, ...)
{
	_cleanup_free_ char *path = xasprintf("$.rules[%zu].%s", r->in_file, member);
	struct finding *finding;
	size_t offset = 0;
	va_list args;

	(void)json_locate(r->source->text, r->source->len, path, &offset);
	finding = lint_add_at(l, kind, r->source, offset);
	finding->rule = r->rule->info.id;
	va_start(args, format);
	(void)vsnprintf(finding->text, sizeof(finding->text), format, args);
	va_end(args);
}

static int by_place(const void *a, const void *b)
{
	const struct finding *x = a;
	const struct finding *y = b;
	const int r = strcmp(x->file, y->file);

	if (r)
		return r;
	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	if (x->column != y->column)
		return x->column < y->column ? -1 : 1;
	return strcmp(x->text, y->text);
}

int policy_lint(const char *const *paths, size_t count, struct lint *ret, struct error *err)
{
	int r;

	*ret = (struct lint){0};
	r = policy_trees_load(paths, count, &ret->set, err);
	if (r < 0)
		return r;
	lint_rules(ret);
	for (size_t s = 0; s < ret->set.sources.count; s++)
		lint_names(ret, &ret->set.sources.items[s]);
	lint_unset(ret);
	if (ret->count)
		qsort(ret->findings, ret->count, sizeof(*ret->findings), by_place);
	return 0;
}

void lint_done(struct lint *lint)
{
	free(lint->findings);
	policy_trees_done(&lint->set);
}
