/* SPDX-License-Identifier: Apache-2.0 */

/* The functions of the language: one row each. */

#include "monitor/policy/cel/cel.h"

#define K(_kind)   (1u << CEL_##_kind)
#define ANY	   UINT32_MAX
#define TEXT	   K(STRING)
#define SIZED	   (K(STRING) | K(BYTES) | K(LIST) | K(MAP))
#define STRINGABLE (K(BOOL) | NUMBER | K(STRING) | K(BYTES) | TIME | K(IP) | K(CIDR))
#define NUMBER	   (K(INT) | K(UINT) | K(DOUBLE))
#define TIME	   (K(TIMESTAMP) | K(DURATION))
#define PATTERN	   (K(STRING) | K(LIST))

const struct cel_signature cel_signatures[] = {
	{"startsWith", FN_STARTS_WITH, true, 2, 2, CEL_BOOL, {TEXT, TEXT}},
	{"endsWith", FN_ENDS_WITH, true, 2, 2, CEL_BOOL, {TEXT, TEXT}},
	{"contains", FN_CONTAINS, true, 2, 2, CEL_BOOL, {TEXT, TEXT}},
	{"matches", FN_MATCHES, true, 2, 2, CEL_BOOL, {TEXT, TEXT}},
	{"matches", FN_MATCHES, false, 2, 2, CEL_BOOL, {TEXT, TEXT}},
	{"lowerAscii", FN_LOWER, true, 1, 1, CEL_STRING, {TEXT, 0}},
	{"size", FN_SIZE, true, 1, 1, CEL_INT, {SIZED, 0}},
	{"size", FN_SIZE, false, 1, 1, CEL_INT, {SIZED, 0}},
	{"command", FN_COMMAND, false, 1, 1, CEL_STRING, {PATTERN, 0}},
	{"hostMatches", FN_HOST_MATCHES, false, 2, 2, CEL_BOOL, {TEXT, PATTERN}},
	{"glob", FN_GLOB, false, 2, 2, CEL_BOOL, {TEXT, PATTERN}},
	{"inCIDR", FN_IN_CIDR, false, 2, 2, CEL_BOOL, {TEXT, PATTERN}},
	{"type", FN_TYPE, false, 1, 1, CEL_TYPE, {ANY, 0}},
	{"dyn", FN_DYN, false, 1, 1, CEL_DYN, {ANY, 0}},
	{"bool", FN_TO_BOOL, false, 1, 1, CEL_BOOL, {K(BOOL) | TEXT, 0}},
	{"int", FN_TO_INT, false, 1, 1, CEL_INT, {NUMBER | TEXT | K(TIMESTAMP), 0}},
	{"uint", FN_TO_UINT, false, 1, 1, CEL_UINT, {NUMBER | TEXT, 0}},
	{"double", FN_TO_DOUBLE, false, 1, 1, CEL_DOUBLE, {NUMBER | TEXT, 0}},
	{"string", FN_TO_STRING, false, 1, 1, CEL_STRING, {STRINGABLE, 0}},
	{"bytes", FN_TO_BYTES, false, 1, 1, CEL_BYTES, {TEXT | K(BYTES), 0}},
	{"duration", FN_TO_DURATION, false, 1, 1, CEL_DURATION, {TEXT | K(DURATION), 0}},
	{"timestamp",
	 FN_TO_TIMESTAMP,
	 false,
	 1,
	 1,
	 CEL_TIMESTAMP,
	 {TEXT | K(INT) | K(TIMESTAMP), 0}},
	{"getFullYear", FN_FULL_YEAR, true, 1, 2, CEL_INT, {K(TIMESTAMP), TEXT}},
	{"getMonth", FN_MONTH, true, 1, 2, CEL_INT, {K(TIMESTAMP), TEXT}},
	{"getDate", FN_DATE, true, 1, 2, CEL_INT, {K(TIMESTAMP), TEXT}},
	{"getDayOfMonth", FN_DAY_OF_MONTH, true, 1, 2, CEL_INT, {K(TIMESTAMP), TEXT}},
	{"getDayOfWeek", FN_DAY_OF_WEEK, true, 1, 2, CEL_INT, {K(TIMESTAMP), TEXT}},
	{"getDayOfYear", FN_DAY_OF_YEAR, true, 1, 2, CEL_INT, {K(TIMESTAMP), TEXT}},
	{"getHours", FN_HOURS, true, 1, 2, CEL_INT, {TIME, TEXT}},
	{"getMinutes", FN_MINUTES, true, 1, 2, CEL_INT, {TIME, TEXT}},
	{"getSeconds", FN_SECONDS, true, 1, 2, CEL_INT, {TIME, TEXT}},
	{"getMilliseconds", FN_MILLISECONDS, true, 1, 2, CEL_INT, {TIME, TEXT}},
};

const size_t cel_signature_count = sizeof(cel_signatures) / sizeof(cel_signatures[0]);
