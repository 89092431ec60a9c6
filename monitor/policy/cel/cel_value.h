/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Values of the general evaluator (cel_run.c). A value is small and owns nothing: texts, items and
 * entries lie in the arena of the run, in the tree, or with whoever gave them.
 */

#include "monitor/policy/cel/cel_tree.h"

#define CEL_BYTES_A_STEP 64u /* of a text that is looked through */

enum cel_view {
	VIEW_VALUES,   /* items: struct cel_value */
	VIEW_STRINGS,  /* items: struct str */
	VIEW_INTEGERS, /* items: int64_t */
	VIEW_LABELS,   /* items: struct str by bit, count: the bits */
};

struct cel_value {
	uint8_t kind;  /* enum cel_kind */
	uint8_t view;  /* of a list's items */
	int32_t nanos; /* of a timestamp, 0 to 999999999 */

	union {
		bool boolean;
		int64_t integer; /* duration: nanoseconds; timestamp: seconds; type: its kind */
		uint64_t uinteger;
		double number;
		struct str text; /* string, bytes; of addresses as cel_network.c has them */

		struct {
			/* Of a map: key, value, key, value ... Of an optional: its value. */
			const void *items;
			uint64_t count; /* of a map: entries */
		} list;

		struct {
			const char *reason; /* static, or in the arena */
			size_t at;	    /* in the expression */
		} error;
	};
};

/* Memory of one run; taken by the caller, given out from its start, never given back. */
struct cel_arena {
	char *memory;
	size_t size;
	size_t used;
};

/* NULL if the arena has no room for it. Aligned for any value. */
void *cel_take(struct cel_arena *arena, size_t bytes);

struct cel_value cel_of_bool(bool b);
struct cel_value cel_of_int(int64_t i);
struct cel_value cel_of_uint(uint64_t u);
struct cel_value cel_of_double(double d);
struct cel_value cel_of_text(enum cel_kind kind, struct str text);
struct cel_value cel_of_list(const struct cel_value *items, size_t count);
struct cel_value cel_of_map(const struct cel_value *entries, size_t count);
/* The place is set by whoever knows it. */
struct cel_value cel_of_error(const char *reason);
struct cel_value cel_no_overload(void);
struct cel_value cel_no_memory(void);

/* Items of a list, entries of a map, 1 or 0 of an optional. */
size_t cel_count(const struct cel_value *v);
struct cel_value cel_item(const struct cel_value *list, size_t index);
struct cel_value cel_key(const struct cel_value *map, size_t index);
struct cel_value cel_entry(const struct cel_value *map, size_t index);
/*
 * @steps: what may still be spent. Values share their parts, so that a small one can be a large
 * tree to walk. At 0 the answer means nothing.
 */
/* Numbers compare across their types, other values of different types are not equal. */
bool cel_equal(uint64_t *steps, const struct cel_value *a, const struct cel_value *b);
/* The value behind a key (numbers of any type that are equal are one key); false if none. */
bool cel_find(uint64_t *steps, const struct cel_value *map, const struct cel_value *key,
	      struct cel_value *ret);
/* Return: false, and 0 left, if there is not that much. */
bool cel_spend(uint64_t *steps, uint64_t cost);

enum cel_order {
	ORDER_LESS = -1,
	ORDER_SAME = 0,
	ORDER_GREATER = 1,
	ORDER_NONE = 2, /* a NaN */
	ORDER_NO_OVERLOAD = 3,
};

enum cel_order cel_order(const struct cel_value *a, const struct cel_value *b);
bool cel_is_number(enum cel_kind kind);

/* + - * / %; errors are values. */
struct cel_value cel_arithmetic(struct cel_arena *arena, int op, const struct cel_value *a,
				const struct cel_value *b);

/* "int", "list", "timestamp": as messages have it; static. */
const char *cel_kind_name(enum cel_kind kind);
/* "int", "list", "google.protobuf.Timestamp"; a kind by that name, CEL_ERROR if there is none. */
const char *cel_type_value_name(enum cel_kind kind);
enum cel_kind cel_type_value_by_name(struct str name);

/* FN_TO_...: conversions. */
struct cel_value cel_convert(struct cel_arena *arena, enum cel_function to,
			     const struct cel_value *v);

/* Buffers for texts of numbers, times and addresses. */
#define CEL_TEXT_MAX 64u
/* The shortest text that reads back as the same number; NaN, Infinity, -Infinity. */
void cel_print_double(double number, char ret[CEL_TEXT_MAX]);
/* "1.5s" */
void cel_print_duration(int64_t nanos, char ret[CEL_TEXT_MAX]);
/* RFC 3339, in UTC. */
void cel_print_timestamp(const struct cel_value *v, char ret[CEL_TEXT_MAX]);
/* Error values where the text is none or out of range. */
struct cel_value cel_read_duration(struct str text);
struct cel_value cel_read_timestamp(struct str text);
struct cel_value cel_of_timestamp(int64_t seconds, int64_t nanos);
struct cel_value cel_of_duration(int64_t nanos);
/* CEL_IP "192.0.2.1" and CEL_CIDR "192.0.2.0/24". */
struct cel_value cel_read_network(struct cel_arena *arena, enum cel_kind kind, struct str text);
void cel_print_network(const struct cel_value *v, char ret[CEL_TEXT_MAX]);

/* Seconds east of UTC that a named zone has at a time; 0 or -ENOENT. */
typedef int (*cel_zone_fn)(struct str name, int64_t seconds, int32_t *ret_offset);
/* get...() of a timestamp (with a zone or NULL) or duration. */
struct cel_value cel_time_part(enum cel_function part, const struct cel_value *v,
			       const struct cel_value *zone, cel_zone_fn find_zone);
