/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Running a program of cel_regex.c: all threads go through the text side by side. A thread is a
 * place in the code; a place that is in the set already is not entered again, which bounds the work
 * for a character by the length of the code.
 */

#include <string.h>

#include "monitor/policy/cel/cel_regex.h"
#include "monitor/policy/cel/cel_regex_class.h"

/* Places in the order they were entered; `stamp` tells at which step a place was entered last. */
struct threads {
	uint16_t *places;
	unsigned count;
	uint32_t *starts; /* where each thread began; NULL where nobody asks */
};

struct matcher {
	const struct regex *regex;
	struct str text;
	size_t at;
	uint32_t *stamps;
	uint32_t step;
	uint16_t *stack;
	struct threads now;
	struct threads next;
	bool matched;
	uint32_t start;	      /* of the thread that enters */
	uint32_t first_start; /* of the one that matched first in this step */
};

size_t regex_scratch(const struct regex *regex)
{
	/* stamps; two sets; a stack that holds each place at most twice */
	return regex->count * (sizeof(uint32_t) + 4 * sizeof(uint16_t));
}

static bool is_word(const struct matcher *m, size_t at)
{
	const char c = at < m->text.len ? m->text.at[at] : '\0';

	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       c == '_';
}

static bool holds(const struct matcher *m, enum regex_op op)
{
	const size_t at = m->at;
	const bool before = at > 0 && is_word(m, at - 1);

	switch ((int)op) {
	case REGEX_TEXT_START:
		return at == 0;
	case REGEX_TEXT_END:
		return at == m->text.len;
	case REGEX_LINE_START:
		return at == 0 || m->text.at[at - 1] == '\n';
	case REGEX_LINE_END:
		return at == m->text.len || m->text.at[at] == '\n';
	case REGEX_WORD:
		return before != is_word(m, at);
	default:
		return before == is_word(m, at);
	}
}

static void add_thread(const struct matcher *m, struct threads *set, unsigned place)
{
	if (set->starts)
		set->starts[set->count] = m->start;
	set->places[set->count++] = (uint16_t)place;
}

/* Enters a place, and all that can be reached from it without a character. */
static void enter(struct matcher *m, struct threads *set, unsigned place)
{
	unsigned top = 0;

	m->stack[top++] = (uint16_t)place;
	while (top) {
		const unsigned here = m->stack[--top];
		const struct regex_instruction *i = &m->regex->code[here];

		if (m->stamps[here] == m->step)
			continue;
		m->stamps[here] = m->step;
		if (i->op == REGEX_MATCH)
			m->matched = true;
		else if (i->op == REGEX_RANGES)
			add_thread(m, set, here);
		else if (i->op == REGEX_SPLIT || i->op == REGEX_JUMP)
			m->stack[top++] = (uint16_t)((int)here + i->jump);
		else if (!holds(m, (enum regex_op)i->op))
			continue;
		if (i->op != REGEX_MATCH && i->op != REGEX_RANGES && i->op != REGEX_JUMP)
			m->stack[top++] = (uint16_t)(here + 1);
	}
}

static bool in_ranges(const struct regex *regex, const struct regex_instruction *i, uint32_t c)
{
	for (unsigned r = i->first; r < (unsigned)i->first + i->count; r++) {
		if (c >= regex->ranges[r].low && c <= regex->ranges[r].high)
			return true;
	}
	return false;
}

static bool accepts(const struct regex *regex, const struct regex_instruction *i, uint32_t c)
{
	bool in = in_ranges(regex, i, c);

	for (uint32_t other = c; !in && i->fold && (other = fold_next(other)) != c;)
		in = in_ranges(regex, i, other);
	return in != i->negated;
}

/* Return: the threads that stand before it; none is behind it yet. */
static struct threads take_character(struct matcher *m, uint32_t *ret_c)
{
	const struct threads old = m->now;

	m->at += utf8_decode_at(m->text, m->at, ret_c);
	m->step++;
	m->now = m->next;
	m->now.count = 0;
	m->next = old;
	return old;
}

/* One character; the threads that accept it go on behind it. */
static void step(struct matcher *m)
{
	uint32_t c;
	const struct threads old = take_character(m, &c);

	for (unsigned t = 0; t < old.count && !m->matched; t++) {
		const unsigned place = old.places[t];

		if (accepts(m->regex, &m->regex->code[place], c))
			enter(m, &m->now, place + 1);
	}
}

/* "^x...": most texts are told from all that match by their first character. */
static bool starts_otherwise(const struct regex *regex, struct str text)
{
	const struct regex_instruction *first = &regex->code[1];
	uint32_t c;

	if (first->op != REGEX_RANGES)
		return false;
	if (!text.len)
		return true;
	(void)utf8_decode_at(text, 0, &c);
	return !accepts(regex, first, c);
}

bool regex_match(const struct regex *regex, struct str text, void *scratch)
{
	struct matcher m = {.regex = regex, .text = text, .stamps = scratch};
	const bool anchored = regex->code[0].op == REGEX_TEXT_START;

	if (anchored && starts_otherwise(regex, text))
		return false;
	m.now.places = (uint16_t *)(m.stamps + regex->count);
	m.next.places = m.now.places + regex->count;
	m.stack = m.next.places + regex->count;
	memset(m.stamps, 0, regex->count * sizeof(*m.stamps));
	m.step = 1;
	for (;;) {
		if (m.at == 0 || !anchored) /* a match may begin anywhere */
			enter(&m, &m.now, 0);
		if (m.matched || m.at >= text.len || (anchored && !m.now.count))
			return m.matched;
		step(&m);
	}
}

/* ---- where ---- */

size_t regex_span_scratch(const struct regex *regex)
{
	return regex_scratch(regex) + (size_t)2 * regex->count * sizeof(uint32_t);
}

struct spans {
	struct regex_span *items;
	size_t size;
	size_t count;
};

/*
 * Ends come in order, beginnings need not: a longer match may take in spans before it. Where there
 * was no more room, those that it takes in are not there to be joined, and it counts as one more.
 */
static void add_span(struct spans *spans, uint32_t start, uint32_t end)
{
	while (spans->count && spans->count <= spans->size &&
	       spans->items[spans->count - 1].end > start) {
		spans->count--;
		if (spans->items[spans->count].start < start)
			start = spans->items[spans->count].start;
	}
	if (spans->count < spans->size)
		spans->items[spans->count] = (struct regex_span){start, end};
	spans->count++;
}

/*
 * As step(). Threads stand in the order of their beginnings, and so do those that they become: who
 * enters a place first, and who matches first, began first.
 */
static void step_with_starts(struct matcher *m)
{
	uint32_t c;
	const struct threads old = take_character(m, &c);

	for (unsigned t = 0; t < old.count; t++) {
		const unsigned place = old.places[t];
		const bool had_match = m->matched;
		const uint32_t first = m->first_start;

		if (!accepts(m->regex, &m->regex->code[place], c))
			continue;
		m->start = old.starts[t];
		enter(m, &m->now, place + 1);
		m->first_start = had_match ? first : m->start;
	}
}

size_t regex_spans(const struct regex *regex, struct str text, void *scratch,
		   struct regex_span *ret, size_t size)
{
	struct matcher m = {.regex = regex, .text = text, .stamps = scratch};
	struct spans spans = {.items = ret, .size = size};

	m.now.starts = m.stamps + regex->count;
	m.next.starts = m.now.starts + regex->count;
	m.now.places = (uint16_t *)(m.next.starts + regex->count);
	m.next.places = m.now.places + regex->count;
	m.stack = m.next.places + regex->count;
	memset(m.stamps, 0, regex->count * sizeof(*m.stamps));
	m.step = 1;
	while (m.at < text.len) {
		m.start = (uint32_t)m.at;
		enter(&m, &m.now, 0);
		m.matched = false; /* an empty one */
		step_with_starts(&m);
		if (m.matched)
			add_span(&spans, m.first_start, (uint32_t)m.at);
	}
	return spans.count;
}
