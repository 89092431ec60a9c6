/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/net/canary.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

const char *canary_parse(const char *given, struct str *ret_name, struct str *ret_text)
{
	size_t len = 0;

	while (isalnum((unsigned char)given[len]) || (given[len] && strchr("._-", given[len])))
		len++;
	if (given[len] != '=' || !len || len > MAX_CANARY_NAME)
		return "must be NAME=TEXT, the name of at most 63 letters, digits, \".\", \"-\" "
		       "and \"_\"";
	*ret_name = (struct str){.at = given, .len = len};
	*ret_text = str_of(given + len + 1);
	if (ret_text->len < SCAN_MIN_TEXT || ret_text->len > SCAN_MAX_TEXT)
		return "the text must have at least 8 bytes, since shorter ones are found "
		       "everywhere, and at most 256";
	return NULL;
}

int canaries_add(struct canaries *canaries, struct str name, struct str text, struct error *err)
{
	if (canaries->count == SCAN_MAX_TEXTS)
		return error_set(err, E2BIG, "more than %u canaries", SCAN_MAX_TEXTS);
	canaries->names[canaries->count] = name;
	canaries->texts[canaries->count++] = text;
	return 0;
}

int canaries_add_given(struct canaries *canaries, const char *const *given, struct error *err)
{
	int r = 0;

	for (; r == 0 && given && *given; given++) {
		struct str name;
		struct str text;
		const char *wrong = canary_parse(*given, &name, &text);

		/* The text itself is no matter for messages. */
		if (wrong)
			return error_set(err, EINVAL, "--canary: %s", wrong);
		r = canaries_add(canaries, name, text, err);
	}
	return r;
}

int canaries_build(struct canaries *canaries, struct error *err)
{
	if (!canaries->count)
		return 0;
	return scan_set_new(canaries->texts, canaries->count, &canaries->set, err);
}

void canaries_done(struct canaries *canaries)
{
	canaries->set = scan_set_free(canaries->set);
}
