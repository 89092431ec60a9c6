/* SPDX-License-Identifier: Apache-2.0 */

/* Lists and maps as an expression writes them, and what it takes out of them. */

#include "monitor/policy/cel/cel_extension.h"
#include "monitor/policy/cel/cel_run.h"

/* NOLINTBEGIN(misc-no-recursion): as deep as the tree, which the parser bounds */

/* Whether there is what stands behind a "?"; if so it takes the place of the optional. */
static bool is_there(const struct cel_node *node, struct cel_value *v)
{
	if (!node->if_there || v->kind == CEL_ERROR)
		return true;
	if (v->kind != CEL_OPTIONAL) {
		*v = cel_no_overload();
		return true;
	}
	if (!cel_count(v))
		return false;
	*v = *cel_optional_get(v);
	return true;
}

struct cel_value cel_run_list(struct cel_run *run, const struct cel_node *node)
{
	struct cel_value *items;
	size_t count = 0;
	size_t i = 0;

	for (const struct cel_node *item = node->child; item; item = item->next)
		count++;
	items = cel_take(&run->arena, count * sizeof(*items));
	if (!items)
		return cel_no_memory();
	for (const struct cel_node *item = node->child; item; item = item->next) {
		items[i] = cel_run_node(run, item);
		if (!is_there(item, &items[i]))
			continue;
		if (items[i].kind == CEL_ERROR)
			return items[i];
		i++;
	}
	return cel_of_list(items, i);
}

static bool is_key(const struct cel_value *key)
{
	return key->kind == CEL_BOOL || key->kind == CEL_INT || key->kind == CEL_UINT ||
	       key->kind == CEL_STRING;
}

struct cel_value cel_run_map(struct cel_run *run, const struct cel_node *node)
{
	struct cel_value map = cel_of_map(NULL, 0);
	struct cel_value *entries;
	size_t count = 0;

	for (const struct cel_node *key = node->child; key; key = key->next->next)
		count++;
	map.list.items = entries = cel_take(&run->arena, count * 2 * sizeof(*entries));
	if (!entries)
		return cel_no_memory();
	for (const struct cel_node *key = node->child; key; key = key->next->next) {
		struct cel_value k = cel_run_node(run, key);
		struct cel_value v;

		if (k.kind == CEL_ERROR)
			return k;
		if (!is_key(&k))
			return cel_of_error("unsupported key type: a key is a bool, int, uint or "
					    "string");
		if (cel_find(&run->steps, &map, &k, &v))
			return cel_of_error("a key is there twice");
		v = cel_run_node(run, key->next);
		if (!is_there(key, &v))
			continue;
		if (v.kind == CEL_ERROR)
			return v;
		entries[map.list.count * 2] = k;
		entries[map.list.count * 2 + 1] = v;
		map.list.count++;
	}
	return map;
}

struct cel_value cel_run_select(struct cel_run *run, const struct cel_node *node)
{
	struct cel_value map = cel_run_node(run, node->child);
	const bool optional = node->optional || map.kind == CEL_OPTIONAL;
	const struct cel_value key = cel_of_text(CEL_STRING, node->text);
	struct cel_value v;
	bool found;

	if (map.kind == CEL_OPTIONAL && !cel_count(&map))
		return node->kind == NODE_HAS ? cel_of_bool(false) : map;
	if (map.kind == CEL_OPTIONAL)
		map = *cel_optional_get(&map);
	if (map.kind == CEL_ERROR)
		return map;
	if (map.kind != CEL_MAP)
		return cel_no_overload();
	found = cel_find(&run->steps, &map, &key, &v);
	if (node->kind == NODE_HAS)
		return cel_of_bool(found);
	if (optional)
		return cel_of_optional(run, found ? &v : NULL);
	return found ? v : cel_of_error("no such key");
}

static bool is_whole(const struct cel_value *index, int64_t *ret)
{
	const struct cel_value at = cel_convert(NULL, FN_TO_INT, index);

	*ret = at.integer;
	return cel_is_number((enum cel_kind)index->kind) && at.kind != CEL_ERROR &&
	       (index->kind != CEL_DOUBLE || (double)at.integer == index->number);
}

struct cel_value cel_run_index(struct cel_run *run, const struct cel_node *node)
{
	struct cel_value of = cel_run_node(run, node->child);
	const struct cel_value index = cel_run_node(run, node->child->next);
	const bool optional = node->optional || of.kind == CEL_OPTIONAL;
	struct cel_value v;
	bool found;
	int64_t at;

	if (of.kind == CEL_ERROR || index.kind == CEL_ERROR)
		return of.kind == CEL_ERROR ? of : index;
	if (of.kind == CEL_OPTIONAL && !cel_count(&of))
		return of;
	if (of.kind == CEL_OPTIONAL)
		of = *cel_optional_get(&of);
	if (of.kind != CEL_LIST && of.kind != CEL_MAP)
		return cel_no_overload();
	if (of.kind == CEL_MAP) {
		found = cel_find(&run->steps, &of, &index, &v);
	} else {
		if (!is_whole(&index, &at))
			return cel_of_error("the index of a list is a whole number");
		found = at >= 0 && (uint64_t)at < cel_count(&of);
		if (found)
			v = cel_item(&of, (size_t)at);
	}
	if (optional)
		return cel_of_optional(run, found ? &v : NULL);
	return found ? v
		     : cel_of_error(of.kind == CEL_MAP ? "no such key"
						       : "the index is outside the list");
}

/* NOLINTEND(misc-no-recursion) */
