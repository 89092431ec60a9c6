/* SPDX-License-Identifier: Apache-2.0 */

/* What `cordon policy diff` says of what it found. */

#include <stdio.h>
#include <string.h>

#include "common/buf.h"
#include "common/json_write.h"
#include "tools/cordon/policy/diff_internal.h"
#include "tools/cordon/policy/policy_command.h"

static bool on_loss_is_weaker(const struct diffing *d)
{
	return policy_on_loss(d->new.policy) < policy_on_loss(d->old.policy);
}

bool diff_is_weaker(const struct diffing *d)
{
	return d->count || d->unredacted_count || on_loss_is_weaker(d);
}

static void print_unredacted(const struct unredacted *u)
{
	(void)printf("%s: %s\n    was ",
		     u->now ? "redacts by another pattern" : "no longer redacts", u->name);
	print_text(u->was);
	if (u->now) {
		(void)printf("\n    is  ");
		print_text(u->now);
	}
	(void)putchar('\n');
}

static void print_removed(const struct removed *removed)
{
	(void)printf("removed: %s (%s); its examples are still refused by ", removed->rule,
		     verdict_name(removed->was));
	for (size_t i = 0; i < removed->by_count; i++)
		(void)printf("%s%s", i ? ", " : "", removed->by[i]);
	(void)putchar('\n');
}

void diff_print_text(const struct diffing *d)
{
	for (size_t i = 0; i < d->count; i++) {
		const struct weaker *w = &d->weaker[i];

		if (w->label)
			(void)printf("%s the label %s (%s):\n    ",
				     w->takes ? "newly takes away" : "no longer sets", w->label,
				     action_kind_name(w->kind));
		else
			(void)printf("newly allowed: %s, was %s by %s, is %s by %s:\n    ",
				     action_kind_name(w->kind), verdict_name(w->was), w->was_rule,
				     verdict_name(w->now), w->now_rule);
		print_text(w->example);
		(void)putchar('\n');
	}
	for (size_t i = 0; i < d->removed_count; i++)
		print_removed(&d->removed[i]);
	for (size_t i = 0; i < d->unredacted_count; i++)
		print_unredacted(&d->unredacted[i]);
	if (on_loss_is_weaker(d))
		(void)printf("on_loss is weaker: was %s, is %s\n",
			     on_loss_name(policy_on_loss(d->old.policy)),
			     on_loss_name(policy_on_loss(d->new.policy)));
	(void)printf("%s%zu actions tried\n",
		     diff_is_weaker(d) ? "" : "nothing newly allowed is found; ", d->tried);
	if (d->tried >= MAX_TRIED)
		(void)printf(
			"these are too many changes to try all actions that they tell apart\n");
}

static void put_side(struct json_writer *w, const char *key, enum verdict verdict, const char *rule)
{
	json_begin_object(w, key);
	json_put_string(w, "verdict", verdict_name(verdict));
	json_put_string(w, "rule", rule);
	json_end_object(w);
}

static void put_removed(struct json_writer *w, const struct diffing *d)
{
	json_begin_array(w, "removed");
	for (size_t i = 0; i < d->removed_count; i++) {
		const struct removed *removed = &d->removed[i];

		json_begin_object(w, NULL);
		json_put_string(w, "rule", removed->rule);
		json_put_string(w, "was", verdict_name(removed->was));
		json_begin_array(w, "refused_by");
		for (size_t n = 0; n < removed->by_count; n++)
			json_put_string(w, NULL, removed->by[n]);
		json_end_array(w);
		json_end_object(w);
	}
	json_end_array(w);
}

static void put_unredacted(struct json_writer *w, const struct diffing *d)
{
	json_begin_array(w, "redact");
	for (size_t i = 0; i < d->unredacted_count; i++) {
		const struct unredacted *u = &d->unredacted[i];

		json_begin_object(w, NULL);
		json_put_string(w, "name", u->name);
		json_put_string(w, "was", u->was);
		json_put_string(w, "now", u->now);
		json_end_object(w);
	}
	json_end_array(w);
}

void diff_print_json(const struct diffing *d)
{
	_cleanup_buf_ struct buf out = BUF_INIT(0);
	struct json_writer w = {.out = &out, .indent = true};

	json_begin_object(&w, NULL);
	json_begin_array(&w, "weaker");
	for (size_t i = 0; i < d->count; i++) {
		const struct weaker *f = &d->weaker[i];

		json_begin_object(&w, NULL);
		json_put_string(&w, "label", f->label);
		if (f->label)
			json_put_bool(&w, "taken", f->takes);
		json_put_string(&w, "kind", action_kind_name(f->kind));
		if (!f->label) {
			put_side(&w, "was", f->was, f->was_rule);
			put_side(&w, "now", f->now, f->now_rule);
		}
		json_put_raw(&w, "example", f->example, strlen(f->example));
		json_end_object(&w);
	}
	json_end_array(&w);
	put_removed(&w, d);
	put_unredacted(&w, d);
	json_begin_object(&w, "on_loss");
	json_put_string(&w, "was", on_loss_name(policy_on_loss(d->old.policy)));
	json_put_string(&w, "now", on_loss_name(policy_on_loss(d->new.policy)));
	json_end_object(&w);
	json_put_u64(&w, "tried", d->tried);
	json_put_bool(&w, "all_tried", d->tried < MAX_TRIED);
	json_end_object(&w);
	(void)puts(out.data);
}
