/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/json_write.h"
#include "tools/cordon/policy/learn.h"
#include "tools/cordon/policy/policy_command.h"

static struct str copy(struct str text)
{
	return (struct str){xstrndup(text.len ? text.at : "", text.len), text.len};
}

/* What no rule of ours asks for: who did it, in which call, and how it went. */
static bool is_left_out(const struct action_field *field)
{
	static const char *const names[] = {"exe",     "call_id", "call_tool", "claimed",
					    "result",  "create",  "args",      "command",
					    "address", "name",	  "cwd"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(field->name, names[i]) == 0)
			return true;
	return action_field_is_past(field) || action_field_is_lineage(field);
}

static void copy_field(struct action *to, const struct action *from,
		       const struct action_field *field)
{
	char *at = (char *)to + field->offset;
	struct str_list list;
	struct str *items;
	struct str text;
	int64_t number;
	bool flag;

	switch (field->type) {
	case FIELD_STRING:
		text = copy(action_string(from, field));
		memcpy(at, &text, sizeof(text));
		break;
	case FIELD_INT:
		number = action_integer(from, field);
		memcpy(at, &number, sizeof(number));
		break;
	case FIELD_BOOL:
		flag = action_boolean(from, field);
		memcpy(at, &flag, sizeof(flag));
		break;
	case FIELD_LIST:
		list = *action_list(from, field);
		items = xcalloc(list.count ? list.count : 1, sizeof(*items));
		for (size_t i = 0; i < list.count; i++)
			items[i] = copy(list.items[i]);
		list.items = items;
		memcpy(at, &list, sizeof(list));
		break;
	}
}

static void drop_field(struct action *action, const struct action_field *field)
{
	const struct str_list *list;

	if (field->type == FIELD_STRING)
		free(without_const(action_string(action, field).at));
	if (field->type != FIELD_LIST)
		return;
	list = action_list(action, field);
	for (size_t i = 0; i < list->count; i++)
		free(without_const(list->items[i].at));
	free(without_const(list->items));
}

static bool has(const struct action *action, const struct action_field *field)
{
	return (field->kinds & (1u << action->kind)) && !is_left_out(field);
}

static void item_done(struct learned *item)
{
	for (size_t i = 0; i < action_field_count; i++)
		if (has(&item->action, &action_fields[i]))
			drop_field(&item->action, &action_fields[i]);
	free(item->rule);
	free(item->key);
}

static char *key_of(const struct action *action, const char *rule)
{
	struct buf text = BUF_INIT(0);
	struct json_writer w = {.out = &text};

	json_begin_object(&w, NULL);
	json_put_string(&w, "rule", rule);
	put_action(&w, "action", action);
	json_end_object(&w);
	return text.data;
}

bool learned_add(struct learned_set *set, const struct action *action, const char *rule)
{
	struct learned item = {.action.kind = action->kind};

	for (size_t i = 0; i < action_field_count; i++)
		if (has(action, &action_fields[i]))
			copy_field(&item.action, action, &action_fields[i]);
	item.rule = rule ? xstrdup(rule) : NULL;
	item.key = key_of(&item.action, rule);
	for (size_t i = 0; i < set->count; i++) {
		if (strcmp(set->items[i].key, item.key) == 0) {
			item_done(&item);
			return false;
		}
	}
	set->items = xrealloc_array(set->items, set->count + 1, sizeof(*set->items));
	set->items[set->count++] = item;
	return true;
}

void learned_done(struct learned_set *set)
{
	for (size_t i = 0; i < set->count; i++)
		item_done(&set->items[i]);
	free(set->items);
	*set = (struct learned_set){0};
}

void text_list_add(struct text_list *list, char *owned)
{
	list->items = xrealloc_array(list->items, list->count + 1, sizeof(*list->items));
	list->items[list->count++] = owned;
}

void text_list_done(struct text_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i]);
	free(list->items);
	*list = (struct text_list){0};
}
