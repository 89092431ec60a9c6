/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Digits are read in either case and written in lower case. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The value of a hex digit; -1 for anything else. */
static inline int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* That of four digits; -1 if one of them is none. */
static inline int32_t hex_value4(const char *at)
{
	int32_t value = 0;

	for (int i = 0; i < 4; i++) {
		const int digit = hex_value(at[i]);

		if (digit < 0)
			return -1;
		value = value << 4 | digit;
	}
	return value;
}

/* Of @len bytes, with a NUL behind. */
static inline void hex_put(const unsigned char *bytes, size_t len, char *ret_hex)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		ret_hex[2 * i] = digits[bytes[i] >> 4];
		ret_hex[2 * i + 1] = digits[bytes[i] & 15];
	}
	ret_hex[2 * len] = '\0';
}

/* @len bytes of twice as many digits, which may end earlier in a NUL. */
static inline bool hex_get(const char *hex, size_t len, unsigned char *ret_bytes)
{
	for (size_t i = 0; i < len; i++) {
		const int high = hex_value(hex[2 * i]);
		const int low = high < 0 ? -1 : hex_value(hex[2 * i + 1]);

		if (low < 0)
			return false;
		ret_bytes[i] = (unsigned char)(high << 4 | low);
	}
	return true;
}
