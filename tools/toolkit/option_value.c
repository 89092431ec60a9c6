/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/toolkit/option_value.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"

int option_find(const char *text, const char *const *choices)
{
	for (int i = 0; choices[i]; i++) {
		if (strcmp(text, choices[i]) == 0)
			return i;
	}
	return -1;
}

static bool parse_size(const char *text, uint64_t *ret)
{
	char *end;
	unsigned long long value;
	unsigned shift = 0;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno || text[0] < '0' || text[0] > '9')
		return false;
	if (*end == 'K' || *end == 'k')
		shift = 10;
	else if (*end == 'M' || *end == 'm')
		shift = 20;
	else if (*end == 'G' || *end == 'g')
		shift = 30;
	if (end[0] && (!shift || end[1]))
		return false;
	if (value > (UINT64_MAX >> shift) || value == 0)
		return false;
	*ret = value << shift;
	return true;
}

double option_number(struct argp_state *state, const char *option, const char *text, double least,
		     double most)
{
	char *end;
	double value;

	errno = 0;
	value = strtod(text, &end);
	if (errno || end == text || *end || !(value >= least && value <= most)) {
		argp_error(state, "%s %s: must be a number from %.10g to %.10g", option, text,
			   least, most);
		return least;
	}
	return value;
}

uint32_t option_milli(struct argp_state *state, const char *option, const char *text, double least,
		      double most)
{
	return (uint32_t)(option_number(state, option, text, least, most) * 1000);
}

int option_choice(struct argp_state *state, const char *option, const char *text,
		  const char *const *choices, const char *known)
{
	const int choice = option_find(text, choices);

	if (choice < 0)
		argp_error(state, "%s %s: must be %s", option, text, known);
	return choice;
}

void option_size(struct argp_state *state, const char *option, const char *text, uint64_t *ret)
{
	if (!parse_size(text, ret))
		argp_error(state, "%s %s: must be a positive number, of bytes or with K, M or G",
			   option, text);
}

char *option_own(struct session_options *o, char *text)
{
	o->texts = xrealloc_array(o->texts, o->text_count + 1, sizeof(*o->texts));
	o->texts[o->text_count++] = text;
	return text;
}

void option_add_word(const char ***words, size_t *count, const char *word)
{
	/* One more for the NULL that ends a list of environment strings. */
	*words = xrealloc_array(*words, *count + 2, sizeof(**words));
	(*words)[(*count)++] = word;
	(*words)[*count] = NULL;
}
