/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Expressions outside of rules: each row is one and what it must give, written as a literal of the
 * very type, or the words and the place of its error.
 */

#include "tests/support/test.h"

#include <math.h>
#include <string.h>

#include "monitor/policy/cel/cel_run.h"

struct open_row {
	const char *text;
	const char *expected;
};

struct open_error_row {
	const char *text;
	size_t at;
	const char *why; /* its beginning */
};

/* What an expression and its value live in; two of them, to compare values. */
struct open_run {
	struct cel_tree tree;
	_Alignas(16) char memory[1 << 20];
};

static const struct cel_value open_items[] = {{.kind = CEL_INT, .integer = 1},
					      {.kind = CEL_DOUBLE, .number = 2.5}};
static const struct cel_value open_entries[] = {{.kind = CEL_STRING, .text = STR("k")},
						{.kind = CEL_INT, .integer = 5}};
static const struct cel_variable open_variables[] = {
	{"i", {.kind = CEL_INT, .integer = 7}, NULL},
	{"u", {.kind = CEL_UINT, .uinteger = 7}, NULL},
	{"l", {.kind = CEL_LIST, .list = {open_items, 2}}, NULL},
	{"m", {.kind = CEL_MAP, .list = {open_entries, 1}}, NULL},
	{"a.b", {.kind = CEL_MAP, .list = {open_entries, 1}}, NULL},
	{"a.b.c", {.kind = CEL_INT, .integer = 9}, NULL},
	{"pkg.i", {.kind = CEL_INT, .integer = 70}, NULL},
	{"pkg.sub.u", {.kind = CEL_UINT, .uinteger = 70}, NULL},
};

/* One zone, that of the tests: an hour east, in a summer two. */
static int open_zone(struct str name, int64_t seconds, int32_t *ret_offset)
{
	if (!str_eq(name, STR("Test/East")))
		return -1;
	*ret_offset = seconds < 0 ? 3600 : 7200;
	return 0;
}

/* Errors of parsing are values here, too. */
static struct cel_value open_eval(struct open_run *run, const char *text)
{
	static struct cel_error err;
	const struct cel_scope scope = {.open = true,
					.variables = open_variables,
					.variable_count = COUNT(open_variables),
					.container = "pkg.sub"};
	const struct cel_env env = {.zone = open_zone};
	struct cel_run r = {
		.env = &env, .arena = {run->memory, sizeof(run->memory), 0}, .steps = 500000};
	struct cel_reads reads;

	if (cel_parse(str_of(text), &run->tree, &err) < 0 ||
	    cel_resolve(&run->tree, &scope, &reads, &err) < 0)
		return (struct cel_value){.kind = CEL_ERROR, .error = {err.why.text, err.at}};
	return cel_run_node(&r, run->tree.root);
}

/* Of one type and equal, all the way down. NaN is the same as NaN here, 0.0 not as -0.0. */
/* NOLINTNEXTLINE(misc-no-recursion): values are nested no deeper than the rows */
static bool open_same(const struct cel_value *a, const struct cel_value *b)
{
	uint64_t steps = UINT64_MAX;

	if (a->kind != b->kind)
		return false;
	if (a->kind == CEL_DOUBLE)
		return isnan(a->number)
			       ? isnan(b->number)
			       : a->number == b->number && signbit(a->number) == signbit(b->number);
	if (a->kind != CEL_LIST && a->kind != CEL_MAP)
		return cel_equal(&steps, a, b);
	if (cel_count(a) != cel_count(b))
		return false;
	for (size_t i = 0; i < cel_count(a); i++) {
		const bool map = a->kind == CEL_MAP;
		const struct cel_value x = map ? cel_entry(a, i) : cel_item(a, i);
		const struct cel_value y = map ? cel_entry(b, i) : cel_item(b, i);
		const struct cel_value k = map ? cel_key(a, i) : x;
		const struct cel_value l = map ? cel_key(b, i) : y;

		if (!open_same(&x, &y) || (map && !open_same(&k, &l)))
			return false;
	}
	return true;
}

static void open_check(const struct open_row *rows, size_t count)
{
	static struct open_run runs[2];

	for (size_t i = 0; i < count; i++) {
		const struct cel_value v = open_eval(&runs[0], rows[i].text);
		const struct cel_value e = open_eval(&runs[1], rows[i].expected);

		if (v.kind == CEL_ERROR)
			fail_msg("%s: error at %zu: %s", rows[i].text, v.error.at, v.error.reason);
		if (e.kind == CEL_ERROR)
			fail_msg("%s: error at %zu: %s", rows[i].expected, e.error.at,
				 e.error.reason);
		if (!open_same(&v, &e))
			fail_msg("%s: not %s but a %s", rows[i].text, rows[i].expected,
				 cel_type_value_name((enum cel_kind)v.kind));
		cel_tree_done(&runs[0].tree);
		cel_tree_done(&runs[1].tree);
	}
}

static void open_check_errors(const struct open_error_row *rows, size_t count)
{
	static struct open_run run;

	for (size_t i = 0; i < count; i++) {
		const struct cel_value v = open_eval(&run, rows[i].text);

		if (v.kind != CEL_ERROR)
			fail_msg("%s: no error", rows[i].text);
		else if (v.error.at != rows[i].at ||
			 strncmp(v.error.reason, rows[i].why, strlen(rows[i].why)) != 0)
			fail_msg("%s: at %zu: %s", rows[i].text, v.error.at, v.error.reason);
		cel_tree_done(&run.tree);
	}
}
