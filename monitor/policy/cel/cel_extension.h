/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Functions beyond the standard's core, of its extension libraries: math, strings, encoders,
 * optional values and network. Not for rules, whose worst case is computed from those of the core.
 *
 * What one takes is written with a letter for each operand: b i u d s as the types are called, y
 * bytes, n any number, T anything, L a list of T, O an optional T, S a list of strings, a an
 * address, c a network; T is the same wherever it stands. "+" repeats the last. What it gives is
 * one of them, too, or * for dyn.
 */

#include "monitor/policy/cel/cel_run.h"

#define CEL_MAX_OPERANDS 16u

enum cel_extra {
	MATH_GREATEST,
	MATH_LEAST,
	MATH_CEIL,
	MATH_FLOOR,
	MATH_ROUND,
	MATH_TRUNC,
	MATH_SQRT,
	MATH_IS_NAN,
	MATH_IS_INF,
	MATH_IS_FINITE,
	MATH_ABS,
	MATH_SIGN,
	MATH_AND,
	MATH_OR,
	MATH_XOR,
	MATH_NOT,
	MATH_LEFT,
	MATH_RIGHT,
	TEXT_CHAR_AT,
	TEXT_INDEX_OF,
	TEXT_LAST_INDEX_OF,
	TEXT_SUBSTRING,
	TEXT_UPPER,
	TEXT_REVERSE,
	TEXT_TRIM,
	TEXT_JOIN,
	TEXT_REPLACE,
	TEXT_SPLIT,
	TEXT_QUOTE,
	TEXT_FORMAT,
	BASE64_ENCODE,
	BASE64_DECODE,
	OPTIONAL_OF,
	OPTIONAL_NONE,
	OPTIONAL_OF_NON_ZERO,
	OPTIONAL_HAS,
	OPTIONAL_VALUE,
	OPTIONAL_OR,
	OPTIONAL_OR_VALUE,
	NETWORK_IP,
	NETWORK_IS_IP,
	NETWORK_IS_CANONICAL,
	NETWORK_FAMILY,
	NETWORK_UNSPECIFIED,
	NETWORK_LOOPBACK,
	NETWORK_GLOBAL_UNICAST,
	NETWORK_LINK_MULTICAST,
	NETWORK_LINK_UNICAST,
	NETWORK_CIDR,
	NETWORK_IS_CIDR,
	NETWORK_MASKED,
	NETWORK_PREFIX_LENGTH,
	NETWORK_CONTAINS_IP,
	NETWORK_CONTAINS_CIDR,
};

/* Operands are of the kinds that the row takes. */
typedef struct cel_value (*cel_library_fn)(struct cel_run *run, enum cel_extra which,
					   const struct cel_value *args, unsigned count);

struct cel_extension {
	const char *name; /* "math.abs"; of a method what stands behind the dot */
	bool method;
	const char *takes;
	char gives;
	enum cel_extra which;
	cel_library_fn run;
};

/* The first of those that have the name and take as many operands; NULL: none. */
const struct cel_extension *cel_extension_find(struct str name, bool method, unsigned count);
bool cel_extension_known(struct str name);
/* Of different names. */
size_t cel_extension_count(void);
/* The next of the same name, whatever it takes; NULL: that was the last. */
const struct cel_extension *cel_extension_next(const struct cel_extension *row);
/* Kinds, a bit each, of the operand at an index; 0: there is none. */
uint32_t cel_extension_takes(const struct cel_extension *row, unsigned index);
/* The letter itself; '\0': there is none. */
char cel_extension_letter(const struct cel_extension *row, unsigned index);

struct cel_value cel_run_extension(struct cel_run *run, const struct cel_node *node,
				   const struct cel_value *args, unsigned count);

/* NULL: none. */
struct cel_value cel_of_optional(struct cel_run *run, const struct cel_value *v);
const struct cel_value *cel_optional_get(const struct cel_value *optional);

/* "or" and "orValue" of one that has a value: the result, for which nothing else is evaluated. */
bool cel_optional_decides(const struct cel_extension *row, const struct cel_value *first,
			  struct cel_value *ret);

/* One for each library, or part of one. */
struct cel_value cel_run_math(struct cel_run *run, enum cel_extra which,
			      const struct cel_value *args, unsigned count);
struct cel_value cel_run_text(struct cel_run *run, enum cel_extra which,
			      const struct cel_value *args, unsigned count);
struct cel_value cel_run_build(struct cel_run *run, enum cel_extra which,
			       const struct cel_value *args, unsigned count);
struct cel_value cel_run_format(struct cel_run *run, enum cel_extra which,
				const struct cel_value *args, unsigned count);
struct cel_value cel_run_base64(struct cel_run *run, enum cel_extra which,
				const struct cel_value *args, unsigned count);
struct cel_value cel_run_optional(struct cel_run *run, enum cel_extra which,
				  const struct cel_value *args, unsigned count);
struct cel_value cel_run_network(struct cel_run *run, enum cel_extra which,
				 const struct cel_value *args, unsigned count);

/* A text that grows at the end of the arena; nothing else may take memory meanwhile. */
struct cel_text {
	struct cel_arena *arena;
	char *start;
	size_t len;
	bool full;
};

struct cel_text cel_text_begin(struct cel_arena *arena);
void cel_text_put(struct cel_text *text, struct str more);
/* The text as a value of that kind; an error if there was no room for it. */
struct cel_value cel_text_end(const struct cel_text *text, enum cel_kind kind);
