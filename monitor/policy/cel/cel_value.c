/* SPDX-License-Identifier: Apache-2.0 */

/* Making, taking apart and comparing values. */

#include <math.h>
#include <string.h>

#include "monitor/policy/cel/cel_value.h"

void *cel_take(struct cel_arena *arena, size_t bytes)
{
	const size_t align = _Alignof(struct cel_value);
	const size_t start = (arena->used + align - 1) / align * align;

	if (start > arena->size || bytes > arena->size - start)
		return NULL;
	arena->used = start + bytes;
	return arena->memory + start;
}

struct cel_value cel_of_bool(bool b)
{
	return (struct cel_value){.kind = CEL_BOOL, .boolean = b};
}

struct cel_value cel_of_int(int64_t i)
{
	return (struct cel_value){.kind = CEL_INT, .integer = i};
}

struct cel_value cel_of_uint(uint64_t u)
{
	return (struct cel_value){.kind = CEL_UINT, .uinteger = u};
}

struct cel_value cel_of_double(double d)
{
	return (struct cel_value){.kind = CEL_DOUBLE, .number = d};
}

struct cel_value cel_of_text(enum cel_kind kind, struct str text)
{
	return (struct cel_value){.kind = (uint8_t)kind, .text = text};
}

struct cel_value cel_of_list(const struct cel_value *items, size_t count)
{
	return (struct cel_value){.kind = CEL_LIST, .list = {items, count}};
}

struct cel_value cel_of_map(const struct cel_value *entries, size_t count)
{
	return (struct cel_value){.kind = CEL_MAP, .list = {entries, count}};
}

struct cel_value cel_of_error(const char *reason)
{
	return (struct cel_value){.kind = CEL_ERROR, .error = {reason, SIZE_MAX}};
}

struct cel_value cel_no_overload(void)
{
	return cel_of_error("no such overload: the operands have types that this does not take");
}

struct cel_value cel_no_memory(void)
{
	return cel_of_error("more memory than an expression may take");
}

size_t cel_count(const struct cel_value *v)
{
	if (v->view == VIEW_LABELS)
		return (size_t)__builtin_popcountll(v->list.count);
	return v->list.count;
}

struct cel_value cel_item(const struct cel_value *list, size_t index)
{
	uint64_t bits = list->list.count;

	switch ((enum cel_view)list->view) {
	case VIEW_VALUES:
		return ((const struct cel_value *)list->list.items)[index];
	case VIEW_STRINGS:
		return cel_of_text(CEL_STRING, ((const struct str *)list->list.items)[index]);
	case VIEW_INTEGERS:
		return cel_of_int(((const int64_t *)list->list.items)[index]);
	case VIEW_LABELS:
		break;
	}
	while (index-- > 0)
		bits &= bits - 1;
	return cel_of_text(CEL_STRING,
			   ((const struct str *)list->list.items)[__builtin_ctzll(bits)]);
}

struct cel_value cel_key(const struct cel_value *map, size_t index)
{
	return ((const struct cel_value *)map->list.items)[index * 2];
}

struct cel_value cel_entry(const struct cel_value *map, size_t index)
{
	return ((const struct cel_value *)map->list.items)[index * 2 + 1];
}

bool cel_is_number(enum cel_kind kind)
{
	return kind == CEL_INT || kind == CEL_UINT || kind == CEL_DOUBLE;
}

static double as_double(const struct cel_value *v)
{
	return v->kind == CEL_DOUBLE ? v->number
	       : v->kind == CEL_INT  ? (double)v->integer
				     : (double)v->uinteger;
}

static enum cel_order sign(bool less, bool greater)
{
	return less ? ORDER_LESS : greater ? ORDER_GREATER : ORDER_SAME;
}

/* A double with an integer: as doubles, as the standard's tests have it ("lossy"). */
static enum cel_order order_numbers(const struct cel_value *a, const struct cel_value *b)
{
	if (a->kind == CEL_DOUBLE || b->kind == CEL_DOUBLE) {
		const double x = as_double(a);
		const double y = as_double(b);

		return isnan(x) || isnan(y) ? ORDER_NONE : sign(x<y, x> y);
	}
	if (a->kind == b->kind && a->kind == CEL_INT)
		return sign(a->integer<b->integer, a->integer> b->integer);
	if (a->kind == CEL_INT && a->integer < 0)
		return ORDER_LESS;
	if (b->kind == CEL_INT && b->integer < 0)
		return ORDER_GREATER;
	return sign(a->uinteger<b->uinteger, a->uinteger> b->uinteger);
}

static enum cel_order order_texts(struct str a, struct str b)
{
	const size_t common = a.len < b.len ? a.len : b.len;
	const int r = common ? memcmp(a.at, b.at, common) : 0;

	return r ? sign(r<0, r> 0) : sign(a.len<b.len, a.len> b.len);
}

enum cel_order cel_order(const struct cel_value *a, const struct cel_value *b)
{
	if (cel_is_number((enum cel_kind)a->kind) && cel_is_number((enum cel_kind)b->kind))
		return order_numbers(a, b);
	if (a->kind != b->kind)
		return ORDER_NO_OVERLOAD;
	if (a->kind == CEL_BOOL)
		return sign(a->boolean<b->boolean, a->boolean> b->boolean);
	if (a->kind == CEL_STRING || a->kind == CEL_BYTES)
		return order_texts(a->text, b->text);
	if (a->kind == CEL_DURATION)
		return sign(a->integer<b->integer, a->integer> b->integer);
	if (a->kind == CEL_TIMESTAMP && a->integer == b->integer)
		return sign(a->nanos<b->nanos, a->nanos> b->nanos);
	if (a->kind == CEL_TIMESTAMP)
		return sign(a->integer<b->integer, a->integer> b->integer);
	return ORDER_NO_OVERLOAD;
}

bool cel_spend(uint64_t *steps, uint64_t cost)
{
	if (*steps > cost) {
		*steps -= cost;
		return true;
	}
	*steps = 0;
	return false;
}

/* NOLINTBEGIN(misc-no-recursion): values are nested no deeper than what made them */

bool cel_find(uint64_t *steps, const struct cel_value *map, const struct cel_value *key,
	      struct cel_value *ret)
{
	for (size_t i = 0; i < map->list.count; i++) {
		const struct cel_value other = cel_key(map, i);

		if (!cel_equal(steps, &other, key))
			continue;
		*ret = cel_entry(map, i);
		return true;
	}
	return false;
}

static bool equal_lists(uint64_t *steps, const struct cel_value *a, const struct cel_value *b)
{
	if (cel_count(a) != cel_count(b))
		return false;
	for (size_t i = 0; i < cel_count(a); i++) {
		const struct cel_value x = cel_item(a, i);
		const struct cel_value y = cel_item(b, i);

		if (!cel_equal(steps, &x, &y))
			return false;
	}
	return true;
}

static bool equal_maps(uint64_t *steps, const struct cel_value *a, const struct cel_value *b)
{
	if (a->list.count != b->list.count)
		return false;
	for (size_t i = 0; i < a->list.count; i++) {
		const struct cel_value key = cel_key(a, i);
		const struct cel_value x = cel_entry(a, i);
		struct cel_value y;

		if (!cel_find(steps, b, &key, &y) || !cel_equal(steps, &x, &y))
			return false;
	}
	return true;
}

static uint64_t cost_of(const struct cel_value *v)
{
	return v->kind == CEL_STRING || v->kind == CEL_BYTES ? 1 + v->text.len / CEL_BYTES_A_STEP
							     : 1;
}

bool cel_equal(uint64_t *steps, const struct cel_value *a, const struct cel_value *b)
{
	const enum cel_order order = cel_order(a, b);

	if (!cel_spend(steps, cost_of(a)))
		return false;
	if (order != ORDER_NO_OVERLOAD)
		return order == ORDER_SAME;
	if (a->kind != b->kind)
		return false;
	if (a->kind == CEL_LIST)
		return equal_lists(steps, a, b);
	if (a->kind == CEL_OPTIONAL)
		return equal_lists(steps, a, b);
	if (a->kind == CEL_MAP)
		return equal_maps(steps, a, b);
	if (a->kind == CEL_IP || a->kind == CEL_CIDR)
		return str_eq(a->text, b->text);
	return a->kind == CEL_NULL || a->integer == b->integer; /* a type */
}

/* NOLINTEND(misc-no-recursion) */

const char *cel_kind_name(enum cel_kind kind)
{
	static const char *const names[] = {
		[CEL_NULL] = "null",
		[CEL_BOOL] = "bool",
		[CEL_INT] = "int",
		[CEL_UINT] = "uint",
		[CEL_DOUBLE] = "double",
		[CEL_STRING] = "string",
		[CEL_BYTES] = "bytes",
		[CEL_LIST] = "list",
		[CEL_MAP] = "map",
		[CEL_DURATION] = "duration",
		[CEL_TIMESTAMP] = "timestamp",
		[CEL_TYPE] = "type",
		[CEL_OPTIONAL] = "optional_type",
		[CEL_IP] = "net.IP",
		[CEL_CIDR] = "net.CIDR",
		[CEL_DYN] = "dyn",
		[CEL_ERROR] = "error",
	};

	return names[kind];
}

static const char *const type_names[] = {
	[CEL_NULL] = "null_type",
	[CEL_BOOL] = "bool",
	[CEL_INT] = "int",
	[CEL_UINT] = "uint",
	[CEL_DOUBLE] = "double",
	[CEL_STRING] = "string",
	[CEL_BYTES] = "bytes",
	[CEL_LIST] = "list",
	[CEL_MAP] = "map",
	[CEL_DURATION] = "google.protobuf.Duration",
	[CEL_TIMESTAMP] = "google.protobuf.Timestamp",
	[CEL_TYPE] = "type",
	[CEL_OPTIONAL] = "optional_type",
	[CEL_IP] = "net.IP",
	[CEL_CIDR] = "net.CIDR",
};

const char *cel_type_value_name(enum cel_kind kind)
{
	return kind < CEL_DYN ? type_names[kind] : "error";
}

enum cel_kind cel_type_value_by_name(struct str name)
{
	for (unsigned k = 0; k < CEL_DYN; k++) {
		if (str_eq(name, str_of(type_names[k])))
			return (enum cel_kind)k;
	}
	return CEL_ERROR;
}
