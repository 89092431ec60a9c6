/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "tools/prove/files.h"
#include "tools/prove/judge.h"

#define WALL "a rule on files"

/* One call in one place: what it said, and whether what is protected is another now. */
struct seen {
	int alone, threads; /* errno; -1: nothing was said */
	bool changed;
};

static size_t count_calls(void)
{
	struct file_turn turn;
	size_t count = 0;

	while (file_call_name(count, &turn))
		count++;
	return count;
}

static int answer(const char *output, const char *phase, size_t i)
{
	char mark[64];
	const char *at;

	(void)snprintf(mark, sizeof(mark), "@@ %s %zu errno ", phase, i);
	at = strstr(output, mark);
	return at ? (int)strtol(at + strlen(mark), NULL, 10) : -1;
}

static int make_cases(const struct outside *o, size_t count, char **before)
{
	struct file_turn turn;

	for (size_t i = 0; i < count; i++) {
		int r;

		(void)file_call_name(i, &turn);
		r = files_case_make(&o->arena, turn.name);
		if (r < 0)
			return r;
		before[i] = files_case_look(&o->arena, turn.name);
	}
	return 0;
}

/* What came of call @i. */
static struct seen look(const struct outside *o, size_t i, const char *before, const char *output)
{
	struct file_turn turn;
	_cleanup_free_ char *after = NULL;

	(void)file_call_name(i, &turn);
	after = files_case_look(&o->arena, turn.name);
	return (struct seen){.alone = answer(output, "alone", i),
			     .threads = answer(output, "threads", i),
			     .changed = !before || strcmp(before, after) != 0};
}

/* All calls in one arena, and with the rule once more with a second thread. */
static struct seen *run_calls(const struct places *p, enum place place, size_t count)
{
	_cleanup_buf_ struct buf output = BUF_INIT(1u << 24);
	struct seen *ret = xcalloc(count, sizeof(*ret));
	char **before = xcalloc(count, sizeof(*before));
	struct outside o;
	int r = outside_open(&o, p->program, true, false);
	const char *argv[] = {"--files", o.arena.dir, "alone",
			      place == PLACE_SESSION ? "threads" : NULL, NULL};

	buf_puts(&output, "");
	r = r ? r : make_cases(&o, count, before);
	if (!r)
		(void)place_run(p, place, &o, ROW_LIVE | ROW_FILES, argv, &output);
	for (size_t i = 0; i < count; i++) {
		ret[i] = look(&o, i, before[i], output.data);
		free(before[i]);
	}
	free(before);
	outside_close(&o);
	return ret;
}

static const char *name_of(int said)
{
	if (said < 0)
		return "nothing";
	if (said == ATTEMPT_BROKEN)
		return "attempt not made";
	return said ? strerrorname_np(said) : "success";
}

static void judge_call(const struct seen *in, const struct seen *without, struct result *result)
{
	if (in->alone == FILES_ERRNO && in->threads == FILES_ERRNO && !in->changed)
		result->verdict = HELD;
	result->control_ok = without->alone == 0 && without->changed;
	/* No attributes of users, or a call that is younger than the kernel. */
	if (without->alone == EOPNOTSUPP || without->alone == ENOSYS)
		result->verdict = in->changed ? FAILED : SKIPPED;
	(void)snprintf(result->note, sizeof(result->note),
		       "%s, threads %s%s; without the rule: %s%s", name_of(in->alone),
		       name_of(in->threads), in->changed ? ", what is protected changed" : "",
		       name_of(without->alone), without->changed ? "" : ", nothing changed");
}

void judge_files(const struct places *p, struct results *results)
{
	const size_t first = results->count;
	const size_t count = count_calls();
	struct seen *in;
	struct seen *without;

	for (size_t i = 0; i < count; i++) {
		struct file_turn turn;
		char id[48];

		(void)file_call_name(i, &turn);
		(void)snprintf(id, sizeof(id), "file.%s", turn.name);
		(void)results_add(results, id, turn.classes, WALL);
	}
	if (!p)
		return;
	in = run_calls(p, PLACE_SESSION, count);
	without = run_calls(p, PLACE_UNRULED, count);
	for (size_t i = 0; i < count; i++)
		judge_call(&in[i], &without[i], &results->rows[first + i]);
	free(in);
	free(without);
}
