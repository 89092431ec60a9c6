/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* An IPv4 address as text, as inet_ntop(3) has it, which asks printf for that. */

#include <stddef.h>
#include <stdint.h>

#define IPV4_TEXT 16u /* with its NUL */

/* Return: its length. */
static inline size_t ipv4_text(const uint8_t address[4], char ret[IPV4_TEXT])
{
	char *at = ret;

	for (unsigned i = 0; i < 4; i++) {
		const unsigned part = address[i];

		if (i)
			*at++ = '.';
		if (part >= 100)
			*at++ = (char)('0' + part / 100);
		if (part >= 10)
			*at++ = (char)('0' + part / 10 % 10);
		*at++ = (char)('0' + part % 10);
	}
	*at = '\0';
	return (size_t)(at - ret);
}
