/* SPDX-License-Identifier: Apache-2.0 */

/* The functions of extension libraries: one row for each way to call one. */

#include "monitor/policy/cel/cel_extension.h"

#include <string.h>

#define K(_kind) (1u << CEL_##_kind)

/* Where several fit the first is taken, so the most special comes first. */
static const struct cel_extension rows[] = {
	{"math.greatest", false, "i+", 'i', MATH_GREATEST, cel_run_math},
	{"math.greatest", false, "u+", 'u', MATH_GREATEST, cel_run_math},
	{"math.greatest", false, "d+", 'd', MATH_GREATEST, cel_run_math},
	{"math.greatest", false, "n+", '*', MATH_GREATEST, cel_run_math},
	{"math.greatest", false, "L", 'T', MATH_GREATEST, cel_run_math},
	{"math.least", false, "i+", 'i', MATH_LEAST, cel_run_math},
	{"math.least", false, "u+", 'u', MATH_LEAST, cel_run_math},
	{"math.least", false, "d+", 'd', MATH_LEAST, cel_run_math},
	{"math.least", false, "n+", '*', MATH_LEAST, cel_run_math},
	{"math.least", false, "L", 'T', MATH_LEAST, cel_run_math},
	{"math.ceil", false, "d", 'd', MATH_CEIL, cel_run_math},
	{"math.floor", false, "d", 'd', MATH_FLOOR, cel_run_math},
	{"math.round", false, "d", 'd', MATH_ROUND, cel_run_math},
	{"math.trunc", false, "d", 'd', MATH_TRUNC, cel_run_math},
	{"math.sqrt", false, "n", 'd', MATH_SQRT, cel_run_math},
	{"math.isNaN", false, "d", 'b', MATH_IS_NAN, cel_run_math},
	{"math.isInf", false, "d", 'b', MATH_IS_INF, cel_run_math},
	{"math.isFinite", false, "d", 'b', MATH_IS_FINITE, cel_run_math},
	{"math.abs", false, "i", 'i', MATH_ABS, cel_run_math},
	{"math.abs", false, "u", 'u', MATH_ABS, cel_run_math},
	{"math.abs", false, "d", 'd', MATH_ABS, cel_run_math},
	{"math.sign", false, "i", 'i', MATH_SIGN, cel_run_math},
	{"math.sign", false, "u", 'u', MATH_SIGN, cel_run_math},
	{"math.sign", false, "d", 'd', MATH_SIGN, cel_run_math},
	{"math.bitAnd", false, "ii", 'i', MATH_AND, cel_run_math},
	{"math.bitAnd", false, "uu", 'u', MATH_AND, cel_run_math},
	{"math.bitOr", false, "ii", 'i', MATH_OR, cel_run_math},
	{"math.bitOr", false, "uu", 'u', MATH_OR, cel_run_math},
	{"math.bitXor", false, "ii", 'i', MATH_XOR, cel_run_math},
	{"math.bitXor", false, "uu", 'u', MATH_XOR, cel_run_math},
	{"math.bitNot", false, "i", 'i', MATH_NOT, cel_run_math},
	{"math.bitNot", false, "u", 'u', MATH_NOT, cel_run_math},
	{"math.bitShiftLeft", false, "ii", 'i', MATH_LEFT, cel_run_math},
	{"math.bitShiftLeft", false, "ui", 'u', MATH_LEFT, cel_run_math},
	{"math.bitShiftRight", false, "ii", 'i', MATH_RIGHT, cel_run_math},
	{"math.bitShiftRight", false, "ui", 'u', MATH_RIGHT, cel_run_math},
	{"charAt", true, "si", 's', TEXT_CHAR_AT, cel_run_text},
	{"indexOf", true, "ss", 'i', TEXT_INDEX_OF, cel_run_text},
	{"indexOf", true, "ssi", 'i', TEXT_INDEX_OF, cel_run_text},
	{"lastIndexOf", true, "ss", 'i', TEXT_LAST_INDEX_OF, cel_run_text},
	{"lastIndexOf", true, "ssi", 'i', TEXT_LAST_INDEX_OF, cel_run_text},
	{"substring", true, "si", 's', TEXT_SUBSTRING, cel_run_text},
	{"substring", true, "sii", 's', TEXT_SUBSTRING, cel_run_text},
	{"upperAscii", true, "s", 's', TEXT_UPPER, cel_run_text},
	{"reverse", true, "s", 's', TEXT_REVERSE, cel_run_text},
	{"trim", true, "s", 's', TEXT_TRIM, cel_run_text},
	{"join", true, "S", 's', TEXT_JOIN, cel_run_build},
	{"join", true, "Ss", 's', TEXT_JOIN, cel_run_build},
	{"replace", true, "sss", 's', TEXT_REPLACE, cel_run_build},
	{"replace", true, "sssi", 's', TEXT_REPLACE, cel_run_build},
	{"split", true, "ss", 'S', TEXT_SPLIT, cel_run_build},
	{"split", true, "ssi", 'S', TEXT_SPLIT, cel_run_build},
	{"format", true, "sL", 's', TEXT_FORMAT, cel_run_format},
	{"strings.quote", false, "s", 's', TEXT_QUOTE, cel_run_build},
	{"base64.encode", false, "y", 's', BASE64_ENCODE, cel_run_base64},
	{"base64.decode", false, "s", 'y', BASE64_DECODE, cel_run_base64},
	{"optional.of", false, "T", 'O', OPTIONAL_OF, cel_run_optional},
	{"optional.none", false, "", 'O', OPTIONAL_NONE, cel_run_optional},
	{"optional.ofNonZeroValue", false, "T", 'O', OPTIONAL_OF_NON_ZERO, cel_run_optional},
	{"hasValue", true, "O", 'b', OPTIONAL_HAS, cel_run_optional},
	{"value", true, "O", 'T', OPTIONAL_VALUE, cel_run_optional},
	{"or", true, "OO", 'O', OPTIONAL_OR, cel_run_optional},
	{"orValue", true, "OT", 'T', OPTIONAL_OR_VALUE, cel_run_optional},
	{"ip", false, "s", 'a', NETWORK_IP, cel_run_network},
	{"isIP", false, "s", 'b', NETWORK_IS_IP, cel_run_network},
	{"ip.isCanonical", false, "s", 'b', NETWORK_IS_CANONICAL, cel_run_network},
	{"family", true, "a", 'i', NETWORK_FAMILY, cel_run_network},
	{"isUnspecified", true, "a", 'b', NETWORK_UNSPECIFIED, cel_run_network},
	{"isLoopback", true, "a", 'b', NETWORK_LOOPBACK, cel_run_network},
	{"isGlobalUnicast", true, "a", 'b', NETWORK_GLOBAL_UNICAST, cel_run_network},
	{"isLinkLocalMulticast", true, "a", 'b', NETWORK_LINK_MULTICAST, cel_run_network},
	{"isLinkLocalUnicast", true, "a", 'b', NETWORK_LINK_UNICAST, cel_run_network},
	{"cidr", false, "s", 'c', NETWORK_CIDR, cel_run_network},
	{"isCIDR", false, "s", 'b', NETWORK_IS_CIDR, cel_run_network},
	{"ip", true, "c", 'a', NETWORK_IP, cel_run_network},
	{"masked", true, "c", 'c', NETWORK_MASKED, cel_run_network},
	{"prefixLength", true, "c", 'i', NETWORK_PREFIX_LENGTH, cel_run_network},
	{"containsIP", true, "ca", 'b', NETWORK_CONTAINS_IP, cel_run_network},
	{"containsIP", true, "cs", 'b', NETWORK_CONTAINS_IP, cel_run_network},
	{"containsCIDR", true, "cc", 'b', NETWORK_CONTAINS_CIDR, cel_run_network},
	{"containsCIDR", true, "cs", 'b', NETWORK_CONTAINS_CIDR, cel_run_network},
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

bool cel_extension_known(struct str name)
{
	for (size_t i = 0; i < ROWS; i++) {
		if (str_eq(name, str_of(rows[i].name)))
			return true;
	}
	return false;
}

size_t cel_extension_count(void)
{
	size_t count = 0;

	for (size_t i = 0; i < ROWS; i++)
		count += !cel_extension_next(&rows[i]);
	return count;
}

static bool has_operands(const struct cel_extension *row, unsigned count)
{
	const size_t n = strlen(row->takes);

	return n && row->takes[n - 1] == '+' ? count + 1 >= n : count == n;
}

const struct cel_extension *cel_extension_find(struct str name, bool method, unsigned count)
{
	for (size_t i = 0; i < ROWS; i++) {
		if (rows[i].method == method && has_operands(&rows[i], count) &&
		    str_eq(name, str_of(rows[i].name)))
			return &rows[i];
	}
	return NULL;
}

const struct cel_extension *cel_extension_next(const struct cel_extension *row)
{
	const struct cel_extension *next = row + 1;

	return next < rows + ROWS && strcmp(next->name, row->name) == 0 ? next : NULL;
}

char cel_extension_letter(const struct cel_extension *row, unsigned index)
{
	const size_t n = strlen(row->takes);

	if (n && row->takes[n - 1] == '+' && index + 1 >= n)
		index = (unsigned)n - 2;
	return index < n ? row->takes[index] : '\0';
}

uint32_t cel_extension_takes(const struct cel_extension *row, unsigned index)
{
	switch (cel_extension_letter(row, index)) {
	case 'b':
		return K(BOOL);
	case 'i':
		return K(INT);
	case 'u':
		return K(UINT);
	case 'd':
		return K(DOUBLE);
	case 'n':
		return K(INT) | K(UINT) | K(DOUBLE);
	case 's':
		return K(STRING);
	case 'y':
		return K(BYTES);
	case 'L':
	case 'S':
		return K(LIST);
	case 'O':
		return K(OPTIONAL);
	case 'a':
		return K(IP);
	case 'c':
		return K(CIDR);
	case 'T':
		return UINT32_MAX;
	default:
		return 0;
	}
}

static bool fits(const struct cel_extension *row, const struct cel_value *args, unsigned count)
{
	if (!has_operands(row, count))
		return false;
	for (unsigned i = 0; i < count; i++) {
		if (!(cel_extension_takes(row, i) & (1u << args[i].kind)))
			return false;
	}
	return true;
}

struct cel_value cel_run_extension(struct cel_run *run, const struct cel_node *node,
				   const struct cel_value *args, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		if (args[i].kind == CEL_STRING || args[i].kind == CEL_BYTES)
			(void)cel_spend(&run->steps, args[i].text.len / CEL_BYTES_A_STEP);
	}
	for (const struct cel_extension *row = node->extension; row;
	     row = cel_extension_next(row)) {
		if (fits(row, args, count))
			return row->run(run, row->which, args, count);
	}
	return cel_no_overload();
}
