/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "tools/prove/denied.h"
#include "tools/prove/filter_ask.h"
#include "tools/prove/judge.h"

#define WALL	    "seccomp"
#define SIGNAL_BASE 1000 /* above every errno */

/* What each case's call came to, in one place and phase; -1: nothing was said. */
static int *run_cases(const struct places *p, enum place place, const char *phase)
{
	_cleanup_buf_ struct buf output = BUF_INIT(1u << 24);
	const size_t count = denied_count();
	int *said = xcalloc(count, sizeof(*said));
	const char *argv[] = {"--denied", phase, NULL};
	struct outside o;

	for (size_t i = 0; i < count; i++)
		said[i] = -1;
	if (outside_open(&o, p->program, false, false) == 0)
		(void)place_run(p, place, &o, 0, argv, &output);
	outside_close(&o);
	for (const char *at = output.data; at && (at = strstr(at, "@@ ")); at++) {
		char *end;
		const unsigned long i = strtoul(at + 3, &end, 10);

		if (i < count && strncmp(end, " errno ", 7) == 0)
			said[i] = (int)strtol(end + 7, NULL, 10);
		else if (i < count && strncmp(end, " signal ", 8) == 0)
			said[i] = SIGNAL_BASE + (int)strtol(end + 8, NULL, 10);
	}
	return said;
}

/* What the kernel says that the filter says. */
static void ask(bool gated, bool twins, struct filter_question *ret)
{
	const size_t count = denied_count();

	for (size_t i = 0; i < count; i++) {
		struct denied_case c;

		denied_case(i, &c);
		ret[i] = (struct filter_question){.nr = c.nr};
		memcpy(ret[i].args, twins ? c.twin : c.args, sizeof(ret[i].args));
	}
	if (filter_ask(gated, ret, count) < 0)
		(void)fprintf(stderr, "cordon-prove: the filter could not be asked\n");
}

struct asked {
	struct filter_question *plain, *gated, *twins;
	int *alone, *threads, *twin, *bare;
};

static const char *name_of(int said)
{
	if (said < 0)
		return "nothing";
	if (said >= SIGNAL_BASE)
		return "a signal";
	return said ? strerrorname_np(said) : "success";
}

static void judge_case(size_t i, const struct asked *a, struct result *result)
{
	struct denied_case c;
	const char *by = "the filter";

	denied_case(i, &c);
	if (a->alone[i] == c.errno_value && a->threads[i] == c.errno_value)
		result->verdict = HELD;
	/* Whose answer it was: the filter's by its own word, and the kernel's where it differs. */
	result->control_ok = a->plain[i].verdict == FILTER_ERRNO &&
			     a->plain[i].errno_value == c.errno_value &&
			     a->gated[i].verdict == FILTER_ERRNO &&
			     a->gated[i].errno_value == c.errno_value && a->bare[i] >= 0;
	if (c.has_twin)
		result->control_ok = result->control_ok && a->twins[i].verdict == FILTER_ALLOWS &&
				     a->twin[i] != c.errno_value && a->twin[i] >= 0;
	if (a->bare[i] == c.errno_value)
		by = "the filter; the kernel would refuse too";
	(void)snprintf(result->note, sizeof(result->note),
		       "%s, threads %s by %s; without it: %s%s%s", name_of(a->alone[i]),
		       name_of(a->threads[i]), by, name_of(a->bare[i]),
		       c.has_twin ? "; twin: " : "", c.has_twin ? name_of(a->twin[i]) : "");
}

static void judge_cases(const struct places *p, struct result *rows)
{
	const size_t count = denied_count();
	struct asked a = {.plain = xcalloc(count, sizeof(*a.plain)),
			  .gated = xcalloc(count, sizeof(*a.gated)),
			  .twins = xcalloc(count, sizeof(*a.twins))};

	ask(false, false, a.plain);
	ask(true, false, a.gated);
	ask(false, true, a.twins);
	a.alone = run_cases(p, PLACE_SESSION, "alone");
	a.threads = run_cases(p, PLACE_SESSION, "threads");
	a.twin = run_cases(p, PLACE_SESSION, "twin");
	a.bare = run_cases(p, PLACE_BARE, "alone");
	for (size_t i = 0; i < count; i++)
		judge_case(i, &a, &rows[i]);
	free(a.plain);
	free(a.gated);
	free(a.twins);
	free(a.alone);
	free(a.threads);
	free(a.twin);
	free(a.bare);
}

void judge_denied(const struct places *p, struct results *results)
{
	const size_t first = results->count;

	for (size_t i = 0; i < denied_count(); i++) {
		struct denied_case c;

		denied_case(i, &c);
		(void)results_add(results, c.id, "13-16,21-24,26,30,31", WALL);
	}
	if (p)
		judge_cases(p, results->rows + first);
}
