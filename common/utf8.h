/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * UTF-8, one character at a time. Source: RFC 3629; the accepted byte ranges are those of table 3-7
 * of the Unicode Standard, so overlong forms, surrogates and values above U+10FFFF are refused.
 */

#include <stddef.h>
#include <stdint.h>

/* Return: bytes (1-4) of the well-formed character at `at`, 0 if there is none. */
static inline unsigned utf8_length(const char *at, size_t left)
{
	const unsigned char *s = (const unsigned char *)at;
	unsigned char low = 0x80;
	unsigned char high = 0xbf;
	unsigned need;

	if (!left)
		return 0;
	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	need = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	if (left < need)
		return 0;
	if (s[0] == 0xe0)
		low = 0xa0;
	else if (s[0] == 0xed)
		high = 0x9f;
	else if (s[0] == 0xf0)
		low = 0x90;
	else if (s[0] == 0xf4)
		high = 0x8f;
	if (s[1] < low || s[1] > high)
		return 0;
	for (unsigned i = 2; i < need; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	}
	return need;
}

/* The well-formed character at `at`, of that many bytes. */
static inline uint32_t utf8_decode(const char *at, unsigned bytes)
{
	static const unsigned char lead[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
	uint32_t c = (unsigned char)at[0] & lead[bytes];

	for (unsigned i = 1; i < bytes; i++)
		c = c << 6 | ((unsigned char)at[i] & 0x3f);
	return c;
}

/* Writes the character (a valid scalar value) to `out`. Return: bytes written, 1-4. */
static inline unsigned utf8_encode(uint32_t c, char out[4])
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | (c >> 6));
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | (c >> 12));
		out[1] = (char)(0x80 | ((c >> 6) & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | (c >> 18));
	out[1] = (char)(0x80 | ((c >> 12) & 0x3f));
	out[2] = (char)(0x80 | ((c >> 6) & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}
