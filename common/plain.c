/* SPDX-License-Identifier: Apache-2.0 */
#include "common/plain.h"

#include <stdbool.h>
#include <string.h>

#include "common/utf8.h"

/* C1 controls and the characters that turn the direction of text. */
static bool is_tricky(const unsigned char *at, unsigned n)
{
	if (n == 2)
		return at[0] == 0xc2 && at[1] < 0xa0;
	if (n != 3 || at[0] != 0xe2)
		return false;
	return (at[1] == 0x80 &&
		(at[2] == 0x8e || at[2] == 0x8f || (at[2] >= 0xa8 && at[2] <= 0xae))) ||
	       (at[1] == 0x81 && at[2] >= 0xa6 && at[2] <= 0xa9);
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
		else if (is_tricky(c, n))
			for (unsigned i = 0; i < n; i++)
				buf_printf(b, "\\x%02x", c[i]);
		else
			buf_put(b, c, n);
		at += n ? n : 1;
	}
}
