/* SPDX-License-Identifier: Apache-2.0 */
#include "common/plain.h"

#include <string.h>

#include "common/utf8.h"

/*
 * What steers a terminal (C1), turns the direction of text, breaks its lines, or is not to be seen:
 * DerivedCoreProperties.txt of Unicode, Default_Ignorable_Code_Point.
 */
static const struct {
	uint32_t first, last;
} tricky[] = {
	{0x80, 0x9f},	    {0xad, 0xad},	{0x34f, 0x34f},	  {0x61c, 0x61c},
	{0x115f, 0x1160},   {0x17b4, 0x17b5},	{0x180b, 0x180f}, {0x200b, 0x200f},
	{0x2028, 0x202e},   {0x2060, 0x206f},	{0x3164, 0x3164}, {0xfe00, 0xfe0f},
	{0xfeff, 0xfeff},   {0xffa0, 0xffa0},	{0xfff0, 0xfffb}, {0x1bca0, 0x1bca3},
	{0x1d173, 0x1d17a}, {0xe0000, 0xe0fff},
};

bool plain_is_tricky(uint32_t c)
{
	for (size_t i = 0; i < sizeof(tricky) / sizeof(tricky[0]); i++)
		if (c >= tricky[i].first && c <= tricky[i].last)
			return true;
	return false;
}

void buf_put_plain(struct buf *b, const char *text, size_t max_bytes)
{
	const size_t len = strlen(text);
	size_t at = 0;

	while (at < len) {
		const unsigned char *c = (const unsigned char *)text + at;
		unsigned n = utf8_length(text + at, len - at);

		if (at + (n ? n : 1) > max_bytes) {
			buf_puts(b, "\xe2\x80\xa6");
			return;
		}
		if (*c == '\n')
			buf_puts(b, "\\n");
		else if (*c == '\t')
			buf_puts(b, "\\t");
		else if (!n || *c < 0x20 || *c == 0x7f)
			buf_printf(b, "\\x%02x", *c);
		else if (n > 1 && plain_is_tricky(utf8_decode(text + at, n)))
			for (unsigned i = 0; i < n; i++)
				buf_printf(b, "\\x%02x", c[i]);
		else
			buf_put(b, c, n);
		at += n ? n : 1;
	}
}
