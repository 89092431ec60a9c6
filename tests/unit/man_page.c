/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/man_page.h"

#include "tests/support/test.h"

#include <string.h>

#include "common/cleanup.h"

char *man_section(const char *whole, const char *heading)
{
	_cleanup_free_ char *line = xasprintf("\n%s\n", heading);
	const char *at = strstr(whole, line);
	const char *end;

	if (!at) {
		fail_msg("the page has no \"%s\"", heading);
		return NULL;
	}
	at += strlen(line);
	end = strstr(at, "\n#");
	return end ? xstrndup(at, (size_t)(end - at) + 1) : xstrdup(at);
}

void man_items(const char *text, const char *start, struct buf *out)
{
	while (*text) {
		const size_t n = strcspn(text, "\n");

		if (strchr(start, *text) && n)
			buf_printf(out, "%.*s\n", (int)n, text);
		text += n + (text[n] != '\0');
	}
}
