/* SPDX-License-Identifier: Apache-2.0 */

/*
 * From checked text to items that are spans of it, their members sorted as they come, each with the
 * width that it takes on one line; and from there to text again.
 */

#include "monitor/policy/format.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "monitor/action.h"

#define MAX_WIDTH 140u
#define TAB	  4u
#define NO_ITEM	  UINT32_MAX

/* What an object is; an array's items have its shape. */
enum shape {
	SHAPE_ANY,
	SHAPE_POLICY, /* or a file of cases */
	SHAPE_LABEL,
	SHAPE_RULE,
	SHAPE_COUNT,
	SHAPE_EXAMPLE,
	SHAPE_ACTION,
	SHAPE_CASE
};

/* In this order. */
static const struct member {
	enum shape of;
	const char *name;
	enum shape shape;
} members[] = {
	{SHAPE_POLICY, "policy", SHAPE_ANY},
	{SHAPE_POLICY, "version", SHAPE_ANY},
	{SHAPE_POLICY, "description", SHAPE_ANY},
	{SHAPE_POLICY, "locked", SHAPE_ANY},
	{SHAPE_POLICY, "on_loss", SHAPE_ANY},
	{SHAPE_POLICY, "redact", SHAPE_ANY},
	{SHAPE_POLICY, "lists", SHAPE_ANY},
	{SHAPE_POLICY, "macros", SHAPE_ANY},
	{SHAPE_POLICY, "labels", SHAPE_LABEL},
	{SHAPE_POLICY, "defaults", SHAPE_ANY},
	{SHAPE_POLICY, "rules", SHAPE_RULE},
	{SHAPE_POLICY, "cases", SHAPE_CASE},
	{SHAPE_LABEL, "label", SHAPE_ANY},
	{SHAPE_LABEL, "from", SHAPE_ANY},
	{SHAPE_LABEL, "paths", SHAPE_ANY},
	{SHAPE_LABEL, "except", SHAPE_ANY},
	{SHAPE_RULE, "id", SHAPE_ANY},
	{SHAPE_RULE, "category", SHAPE_ANY},
	{SHAPE_RULE, "severity", SHAPE_ANY},
	{SHAPE_RULE, "mode", SHAPE_ANY},
	{SHAPE_RULE, "on", SHAPE_ANY},
	{SHAPE_RULE, "when", SHAPE_ANY},
	{SHAPE_RULE, "count", SHAPE_COUNT},
	{SHAPE_RULE, "sequence", SHAPE_ANY},
	{SHAPE_RULE, "budget", SHAPE_ANY},
	{SHAPE_RULE, "verdict", SHAPE_ANY},
	{SHAPE_RULE, "throttle", SHAPE_ANY},
	{SHAPE_RULE, "errno", SHAPE_ANY},
	{SHAPE_RULE, "label", SHAPE_ANY},
	{SHAPE_RULE, "declassify", SHAPE_ANY},
	{SHAPE_RULE, "because", SHAPE_ANY},
	{SHAPE_RULE, "refs", SHAPE_ANY},
	{SHAPE_RULE, "match", SHAPE_EXAMPLE},
	{SHAPE_RULE, "not_match", SHAPE_EXAMPLE},
	{SHAPE_COUNT, "window", SHAPE_ANY},
	{SHAPE_COUNT, "at_least", SHAPE_ANY},
	{SHAPE_COUNT, "distinct", SHAPE_ANY},
	{SHAPE_CASE, "name", SHAPE_ANY},
	{SHAPE_CASE, "before", SHAPE_EXAMPLE},
	{SHAPE_CASE, "then", SHAPE_EXAMPLE},
	{SHAPE_CASE, "verdict", SHAPE_ANY},
	{SHAPE_CASE, "rule", SHAPE_ANY},
	{SHAPE_EXAMPLE, "before", SHAPE_EXAMPLE},
	{SHAPE_EXAMPLE, "action", SHAPE_ACTION},
	{SHAPE_EXAMPLE, "labels", SHAPE_ANY},
	{SHAPE_EXAMPLE, "process_labels", SHAPE_ANY},
	{SHAPE_EXAMPLE, "repeat", SHAPE_ANY},
	{SHAPE_EXAMPLE, "vary", SHAPE_ANY},
	{SHAPE_EXAMPLE, "every", SHAPE_ANY},
	{SHAPE_ACTION, "kind", SHAPE_ANY},
};

#define MEMBERS (sizeof(members) / sizeof(members[0]))

struct item {
	struct str key;	 /* with its quotes; empty in an array */
	struct str text; /* of a scalar */
	char open;	 /* '{' or '['; 0: a scalar */
	uint32_t child;
	uint32_t next;
	uint32_t rank; /* of the key: its row, or MEMBERS */
	size_t width;  /* on one line, without its key */
};

struct formatter {
	const char *text;
	size_t len;
	size_t at;
	struct item *items; /* owned */
	uint32_t count;
	uint32_t room;
	struct buf *out;
};

/* ---- text to items ---- */

static void skip_spaces(struct formatter *f)
{
	while (f->at < f->len && strchr(" \t\r\n", f->text[f->at]))
		f->at++;
}

static bool take(struct formatter *f, char c)
{
	skip_spaces(f);
	if (f->at == f->len || f->text[f->at] != c)
		return false;
	f->at++;
	return true;
}

static struct str take_scalar(struct formatter *f)
{
	const size_t start = f->at;

	if (f->text[f->at] != '"') {
		while (f->at < f->len && !strchr(" \t\r\n,]}:", f->text[f->at]))
			f->at++;
		return (struct str){f->text + start, f->at - start};
	}
	for (f->at++; f->at < f->len && f->text[f->at] != '"'; f->at++)
		f->at += f->text[f->at] == '\\';
	f->at += f->at < f->len;
	return (struct str){f->text + start, f->at - start};
}

/* In characters. */
static size_t width_of(struct str text)
{
	size_t n = 0;

	for (size_t i = 0; i < text.len; i++)
		n += ((unsigned char)text.at[i] & 0xc0) != 0x80;
	return n;
}

static uint32_t rank_of(enum shape shape, struct str key)
{
	uint32_t i = 0;

	while (i < MEMBERS && (members[i].of != shape || strlen(members[i].name) + 2 != key.len ||
			       memcmp(members[i].name, key.at + 1, key.len - 2) != 0))
		i++;
	return i;
}

/* Into the list that begins at *head, behind those of the same rank. */
static void insert(struct formatter *f, uint32_t *head, uint32_t *tail, uint32_t new)
{
	const uint32_t rank = f->items[new].rank;
	uint32_t *at = head;

	if (*tail != NO_ITEM && f->items[*tail].rank <= rank)
		at = &f->items[*tail].next;
	while (*at != NO_ITEM && f->items[*at].rank <= rank)
		at = &f->items[*at].next;
	f->items[new].next = *at;
	*at = new;
	if (f->items[new].next == NO_ITEM)
		*tail = new;
}

static uint32_t new_item(struct formatter *f)
{
	if (f->count == f->room) {
		f->room = f->room ? f->room * 2 : 1024;
		f->items = xrealloc_array(f->items, f->room, sizeof(*f->items));
	}
	f->items[f->count] = (struct item){.child = NO_ITEM, .next = NO_ITEM, .rank = MEMBERS};
	return f->count++;
}

/* NOLINTBEGIN(misc-no-recursion): JSON is nested no deeper than MAX_JSON_DEPTH */

static uint32_t scan(struct formatter *f, enum shape shape);

static void scan_children(struct formatter *f, uint32_t of, enum shape shape, char close)
{
	uint32_t head = NO_ITEM;
	uint32_t tail = NO_ITEM;
	size_t width = 2;

	while (f->at < f->len && !take(f, close)) {
		struct str key = STR("");
		uint32_t rank = MEMBERS;
		uint32_t child;

		if (close == '}') {
			skip_spaces(f);
			key = take_scalar(f);
			rank = rank_of(shape, key);
			(void)take(f, ':');
			child = scan(f, rank < MEMBERS ? members[rank].shape : SHAPE_ANY);
			width += width_of(key) + 2;
		} else {
			child = scan(f, shape);
		}
		f->items[child].key = key;
		f->items[child].rank = rank;
		width += f->items[child].width + (head == NO_ITEM ? 0 : 2);
		insert(f, &head, &tail, child);
		(void)take(f, ',');
	}
	f->items[of].child = head;
	f->items[of].width = width;
}

static uint32_t scan(struct formatter *f, enum shape shape)
{
	const uint32_t new = new_item(f);

	skip_spaces(f);
	if (f->at < f->len && (f->text[f->at] == '{' || f->text[f->at] == '[')) {
		const char open = f->text[f->at++];

		f->items[new].open = open;
		scan_children(f, new, shape, open == '{' ? '}' : ']');
	} else if (f->at < f->len) {
		f->items[new].text = take_scalar(f);
		f->items[new].width = width_of(f->items[new].text);
	}
	return new;
}

/* ---- items to text ---- */

/*
 * Rules, cases, labels, lists and macros stand on lines of their own, however short they are; so do
 * the members of those that are objects.
 */
static bool is_on_lines(const struct item *item, unsigned depth, size_t before)
{
	if (!item->open || item->child == NO_ITEM)
		return false;
	if (depth <= 1 || (depth == 2 && item->open == '{'))
		return true;
	return before + item->width + 1 > MAX_WIDTH; /* and a comma */
}

static void put_line(struct buf *out, unsigned depth)
{
	buf_putc(out, '\n');
	while (depth-- > 0)
		buf_putc(out, '\t');
}

static void print(struct formatter *f, uint32_t index, unsigned depth, bool flat)
{
	const struct item *item = &f->items[index];
	size_t before = (size_t)depth * TAB;
	bool lines;

	if (item->key.len) {
		buf_put(f->out, item->key.at, item->key.len);
		buf_puts(f->out, ": ");
		before += width_of(item->key) + 2;
	}
	if (!item->open) {
		buf_put(f->out, item->text.at, item->text.len);
		return;
	}
	lines = !flat && is_on_lines(item, depth, before);
	buf_putc(f->out, item->open);
	for (uint32_t i = item->child; i != NO_ITEM; i = f->items[i].next) {
		if (i != item->child)
			buf_puts(f->out, lines ? "," : ", ");
		if (lines)
			put_line(f->out, depth + 1);
		print(f, i, depth + 1, !lines);
	}
	if (lines)
		put_line(f->out, depth);
	buf_putc(f->out, item->open == '{' ? '}' : ']');
}

/* NOLINTEND(misc-no-recursion) */

int policy_format(const struct source *source, struct buf *out, struct error *err)
{
	struct formatter f = {.text = source->text, .len = source->len, .out = out};

	if (!json_get(source->doc, "policy") && !json_get(source->doc, "cases"))
		return error_set(err, EINVAL,
				 "%s: neither a policy (\"policy\") nor cases (\"cases\")",
				 source->name);
	print(&f, scan(&f, SHAPE_POLICY), 0, false);
	buf_putc(out, '\n');
	free(f.items);
	return 0;
}
