/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Macros: expressions with a name, which the rules and macros of all files that are loaded together
 * may use as macros.NAME. Each is typed by itself, used or not, with the fields of all kinds; where
 * it is used, with the kinds of that rule.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/json_scan.h"
#include "monitor/policy/rule.h"

struct cel_scope policy_scope(const struct policy *policy, uint32_t kinds)
{
	return (struct cel_scope){
		.kinds = kinds,
		.lists = policy->lists,
		.list_count = policy->list_count,
		.definitions = policy->macros,
		.definition_count = policy->macro_count,
	};
}

/* ---- decoding ---- */

static int add_macro(struct policy *policy, const struct source *source, size_t file,
		     const struct json *node, struct error *err)
{
	const char *name = json_key(node);
	_cleanup_free_ char *at = policy_member_path("$.macros", name);
	const size_t n = policy->macro_count;

	if (!policy_is_name(name))
		return source_error(source, err, EINVAL, at,
				    "a macro's name has letters a-z, digits and _, not \"%.64s\"",
				    name);
	if (!json_string(node))
		return source_error(source, err, EINVAL, at,
				    "macro %s: expected an expression as string, found %s", name,
				    json_type_name(json_type(node)));
	for (size_t i = 0; i < n; i++) {
		if (strcmp(policy->macros[i].name, name) == 0)
			return source_error(source, err, EEXIST, at,
					    "a macro %s is in %s already: rename one", name,
					    policy->sources->items[policy->macro_files[i]].name);
	}
	policy->macros = xrealloc_array(policy->macros, n + 1, sizeof(*policy->macros));
	policy->macro_files =
		xrealloc_array(policy->macro_files, n + 1, sizeof(*policy->macro_files));
	policy->macros[n] =
		(struct cel_definition){xstrdup(name), str_of(xstrdup(json_string(node)))};
	policy->macro_files[n] = file;
	policy->macro_count++;
	return 0;
}

int policy_decode_macros(struct policy *policy, const struct source *source, size_t file,
			 const struct json *macros, struct error *err)
{
	int r = 0;

	for (const struct json *m = json_first(macros); m && r == 0; m = json_next(m))
		r = add_macro(policy, source, file, m, err);
	return r;
}

void policy_free_macros(struct policy *policy)
{
	for (size_t i = 0; i < policy->macro_count; i++) {
		free(without_const(policy->macros[i].name));
		free(without_const(policy->macros[i].text.at));
	}
	free(policy->macros);
	free(policy->macro_files);
}

/* ---- places ---- */

/* Inside of the JSON string at a path, escapes counted. */
static size_t offset_in(const struct source *source, const char *path, size_t at)
{
	size_t offset = 0;

	if (json_locate(source->text, source->len, path, &offset) < 0)
		return 0;
	return json_string_offset(source->text, source->len, offset, at);
}

struct text_place policy_place_of(const struct policy *policy, const struct cel_tree *tree,
				  const struct source *source, const char *path, size_t at)
{
	const struct cel_use *use = cel_use_of(tree, at);
	_cleanup_free_ char *macro = NULL;
	const struct source *file;

	if (!use)
		return (struct text_place){source, offset_in(source, path, at)};
	file = &policy->sources->items[policy->macro_files[use->definition]];
	macro = policy_member_path("$.macros", policy->macros[use->definition].name);
	return (struct text_place){file, offset_in(file, macro, at - use->base)};
}

int policy_expression_error(const struct policy *policy, const struct cel_tree *tree,
			    const struct source *source, const char *path,
			    const struct cel_error *why, struct error *err)
{
	struct text_place place = policy_place_of(policy, tree, source, path, why->at);
	const int code = why->why.code;
	const int r = source_error_at(place.source, err, code, place.offset, why->why.text);

	for (const struct cel_use *use = cel_use_of(tree, why->at); use;
	     use = cel_use_of(tree, use->at)) {
		_cleanup_free_ char *used =
			xasprintf("macros.%s is used here", policy->macros[use->definition].name);
		struct error here = {0};

		place = policy_place_of(policy, tree, source, path, use->at);
		(void)source_error_at(place.source, &here, code, place.offset, used);
		/* As a line that is shown: an error that is logged has no other ones. */
		(void)error_append(err, "\n    ");
		(void)error_append(err, here.text);
	}
	return r;
}

/* ---- checking ---- */

int policy_check_macros(const struct policy *policy, struct error *err)
{
	/* No kinds: no field is missing in one of them. */
	const struct cel_scope scope = policy_scope(policy, 0);

	for (size_t i = 0; i < policy->macro_count; i++) {
		const struct cel_definition *macro = &policy->macros[i];
		const struct source *source = &policy->sources->items[policy->macro_files[i]];
		_cleanup_free_ char *path = policy_member_path("$.macros", macro->name);
		_cleanup_(cel_tree_done) struct cel_tree tree = {0};
		struct cel_error why = {0};
		struct cel_reads reads;
		int r = cel_parse(macro->text, &tree, &why);

		if (r == 0)
			r = cel_resolve(&tree, &scope, &reads, &why);
		if (r == 0)
			r = cel_check_types(&tree, &why);
		if (r < 0)
			return policy_expression_error(policy, &tree, source, path, &why, err);
	}
	return 0;
}
