/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole number space, by filter_ask(): each known call is answered as its one list says, what
 * is not known gets ENOSYS, and the x32 table is killed.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/syscall_table.h"
#include "sandbox/filter_rules.h"
#include "tools/prove/denied.h"
#include "tools/prove/filter_ask.h"
#include "tools/prove/judge.h"

#define X32_BIT	 0x40000000u
#define BEYOND	 (SYSCALL_TABLE_END + 512u)
#define VERDICTS (FILTER_KILLS + 1)

/* Numbers that no table has, besides the holes and what is just beyond the end. */
static const unsigned far_off[] = {0x3fffffff, 0x80000000, 0xbfffffff, 0xffffffff};

struct expected {
	enum filter_verdict verdict;
	int errno_value;
};

static struct expected expect_known(const char *name, bool gated)
{
	for (size_t i = 0; i < filter_denied_count; i++)
		if (strcmp(filter_denied[i].name, name) == 0)
			return (struct expected){FILTER_ERRNO, filter_denied[i].errno_value};
	/* A condition on an argument is not met: the arguments are harmless. */
	for (size_t i = 0; gated && i < filter_gated_count; i++)
		if (strcmp(filter_gated[i].name, name) == 0 && filter_gated[i].arg < 0 &&
		    !filter_gated[i].files)
			return (struct expected){FILTER_NOTIFIES, 0};
	for (size_t i = 0; i < filter_allowed_count; i++)
		if (strcmp(filter_allowed[i], name) == 0)
			return (struct expected){FILTER_ALLOWS, 0};
	return (struct expected){FILTER_SILENT, 0}; /* in no list: nothing can meet this */
}

static struct expected expect(unsigned nr, bool gated)
{
	const char *name = syscall_name(nr);

	if (name)
		return expect_known(name, gated);
	/* -1 is no call but what a tracer puts in to have one skipped. */
	if (nr == UINT32_MAX)
		return (struct expected){FILTER_ALLOWS, 0};
	if (nr >= X32_BIT)
		return (struct expected){FILTER_KILLS, 0};
	return (struct expected){FILTER_ERRNO, ENOSYS};
}

static size_t list_numbers(struct filter_question *ret)
{
	size_t count = 0;

	for (unsigned nr = 0; nr < BEYOND; nr++) {
		const char *name = syscall_name(nr);

		ret[count].nr = nr;
		if (name)
			harmless_arguments(name, ret[count].args);
		count++;
	}
	for (unsigned nr = 0; nr < BEYOND; nr++)
		ret[count++].nr = X32_BIT | nr;
	for (size_t i = 0; i < sizeof(far_off) / sizeof(far_off[0]); i++)
		ret[count++].nr = far_off[i];
	return count;
}

static void judge_variant(bool gated, struct result *result)
{
	struct filter_question *questions = calloc(2 * BEYOND + 8, sizeof(*questions));
	const size_t count = questions ? list_numbers(questions) : 0;
	unsigned seen[VERDICTS] = {0};
	unsigned wrong = 0;
	unsigned first_wrong = 0;

	if (count == 0 || filter_ask(gated, questions, count) < 0)
		wrong++;
	for (size_t i = 0; i < count; i++) {
		const struct expected want = expect(questions[i].nr, gated);

		seen[questions[i].verdict]++;
		if (questions[i].verdict == want.verdict &&
		    questions[i].errno_value == want.errno_value)
			continue;
		first_wrong = wrong++ ? first_wrong : questions[i].nr;
	}
	result->verdict = wrong ? FAILED : HELD;
	/* That it says different things shows that it was the filter that was asked. */
	result->control_ok = seen[FILTER_ALLOWS] && seen[FILTER_ERRNO] && seen[FILTER_KILLS] &&
			     !seen[FILTER_SILENT] && (seen[FILTER_NOTIFIES] > 0) == gated;
	(void)snprintf(result->note, sizeof(result->note),
		       "%u allowed, %u refused, %u gated, %u killed; %u wrong%s%.0u",
		       seen[FILTER_ALLOWS], seen[FILTER_ERRNO], seen[FILTER_NOTIFIES],
		       seen[FILTER_KILLS], wrong, wrong ? ", first " : "", first_wrong);
	free(questions);
}

/* The filter is asked, no session. */
void judge_numbers(const struct places *p, struct results *results)
{
	for (int gated = 0; gated < 2; gated++) {
		struct result *result = results_add(
			results, gated ? "number.gated" : "number.plain", "15,16", "seccomp");

		if (p)
			judge_variant(gated, result);
	}
}
