/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A rule that refused and is gone, while nothing of what it refused is newly allowed as far as was
 * tried: who refuses it now. Without that, silence would look the same as a rule that was never
 * understood.
 */

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "monitor/policy/decide.h"
#include "monitor/policy/rule.h"
#include "tools/cordon/policy/diff_internal.h"

static bool is_in(const struct policy_trees *set, const char *id)
{
	for (size_t i = 0; i < set->count; i++) {
		if (strcmp(set->rules[i].rule->info.id, id) == 0)
			return true;
	}
	return false;
}

static void add_refuser(struct removed *removed, const char *rule)
{
	for (size_t i = 0; i < removed->by_count; i++) {
		if (strcmp(removed->by[i], rule) == 0)
			return;
	}
	removed->by = xrealloc_array(removed->by, removed->by_count + 1, sizeof(*removed->by));
	removed->by[removed->by_count++] = rule;
}

/* Of the last of d->removed. */
static void ask_new(struct diffing *d, const struct policy_trees *set, size_t rule,
		    const struct example *example)
{
	struct removed *removed = &d->removed[d->removed_count - 1];
	struct decision now;

	(void)rule;
	diff_decide_new(d, set->policy, example, &now);
	if (keeps_back(now.verdict) >= keeps_back(removed->was))
		add_refuser(removed, diff_rule_of(&now));
	else
		removed->lets_go = true;
}

void diff_find_removed(struct diffing *d)
{
	for (size_t i = 0; i < d->old.count; i++) {
		const struct rule *rule = d->old.rules[i].rule;
		struct removed *last;

		if (!keeps_back(rule->verdict) || rule->observed || is_in(&d->new, rule->info.id) ||
		    diff_is_told(d, rule->info.id))
			continue;
		d->removed = xrealloc_array(d->removed, d->removed_count + 1, sizeof(*d->removed));
		last = &d->removed[d->removed_count++];
		*last = (struct removed){.rule = rule->info.id, .was = rule->verdict};
		diff_each_example(d, &d->old, i, "match", ask_new);
		/* Another rule that is gone, too, refused it before this one: that is told. */
		if (last->lets_go) {
			free(last->by);
			d->removed_count--;
		}
	}
}

void diff_removed_done(struct diffing *d)
{
	for (size_t i = 0; i < d->removed_count; i++)
		free(d->removed[i].by);
	free(d->removed);
}
