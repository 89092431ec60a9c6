/* SPDX-License-Identifier: Apache-2.0 */

/* What a program owns: its constants, put there while it is compiled. */

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "monitor/policy/cel/cel_compile.h"

/* A text may hold a NUL, written \\0. */
static struct str copy_of(struct str text)
{
	char *copy = xcalloc(1, text.len + 1);

	if (text.len)
		memcpy(copy, text.at, text.len);
	return (struct str){copy, text.len};
}

size_t cel_add_string(struct cel_program *p, struct str text)
{
	p->strings = xrealloc_array(p->strings, p->string_count + 1, sizeof(*p->strings));
	p->strings[p->string_count] = copy_of(text);
	return p->string_count++;
}

size_t cel_add_integer(struct cel_program *p, int64_t value)
{
	p->integers = xrealloc_array(p->integers, p->integer_count + 1, sizeof(*p->integers));
	p->integers[p->integer_count] = value;
	return p->integer_count++;
}

/* A constant list of its own, with its own strings. */
size_t cel_add_list(struct cel_program *p, const struct cel_node *node)
{
	const size_t count = cel_constant_count(node);
	const bool integers = cel_has_integers(node);
	const struct cel_node *item = node->child;
	struct cel_list *list;

	p->lists = xrealloc_array(p->lists, p->list_count + 1, sizeof(*p->lists));
	list = &p->lists[p->list_count];
	*list = (struct cel_list){.item = integers ? CEL_INT : CEL_STRING, .count = count};
	if (integers)
		list->integers = xcalloc(count, sizeof(*list->integers));
	else
		list->strings = xcalloc(count, sizeof(*list->strings));
	for (size_t i = 0; i < count; i++) {
		if (integers) {
			list->integers[i] = item->integer;
			item = item->next;
		} else {
			const struct str text = cel_constant_string(node, i);

			list->strings[i] = copy_of(text);
			list->lengths |= cel_length_bit(text.len);
		}
	}
	return p->list_count++;
}

/* Fewer are tried faster than they are found. */
#define MIN_GLOBS 3u

size_t cel_add_globs(struct cel_program *p, const struct cel_node *node)
{
	const size_t at = cel_add_list(p, node);
	struct cel_list *list = &p->lists[at];

	if (list->count >= MIN_GLOBS)
		list->globs = globs_new(list->strings, list->count);
	return at;
}

size_t cel_add_cidrs(struct cel_program *p, const struct cel_node *node)
{
	const size_t count = cel_constant_count(node);
	struct cidr_set *set;

	p->cidrs = xrealloc_array(p->cidrs, p->cidr_count + 1, sizeof(*p->cidrs));
	set = &p->cidrs[p->cidr_count];
	*set = (struct cidr_set){xcalloc(count, sizeof(*set->nets)), count};
	for (size_t i = 0; i < count; i++)
		(void)cidr_parse(cel_constant_string(node, i),
				 &set->nets[i]); /* typed: it is good */
	return p->cidr_count++;
}

size_t cel_add_regex(struct cel_program *p, struct cel_node *pattern)
{
	p->regexes = xrealloc_array(p->regexes, p->regex_count + 1, sizeof(struct regex *));
	p->regexes[p->regex_count] = pattern->regex;
	pattern->regex = NULL;
	return p->regex_count++;
}

static void free_strings(struct str *strings, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char *text;

		memcpy(&text, &strings[i].at, sizeof(text)); /* const only for readers */
		free(text);
	}
	free(strings);
}

void cel_list_done(struct cel_list *list)
{
	if (list->strings)
		free_strings(list->strings, list->count);
	free(list->integers);
	(void)globs_free(list->globs);
	*list = (struct cel_list){0};
}

void cel_program_done(struct cel_program *p)
{
	free(p->code);
	free_strings(p->strings, p->string_count);
	free(p->integers);
	for (size_t i = 0; i < p->list_count; i++)
		cel_list_done(&p->lists[i]);
	free(p->lists);
	for (size_t i = 0; i < p->cidr_count; i++)
		free(p->cidrs[i].nets);
	free(p->cidrs);
	for (size_t i = 0; i < p->regex_count; i++)
		free(p->regexes[i]);
	free(p->regexes);
	cel_tree_done(&p->tree);
	*p = (struct cel_program){0};
}
