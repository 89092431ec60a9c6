/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/prove/judge.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "sandbox/compat/landlock.h"
#include "tools/prove/files.h"
#include "tools/prove/handed.h"

/* What the record of a session has told of, as if it were of the output. */
#define ENDED_FOR_ROOM "\nended for want of room\n"

struct result *results_add(struct results *r, const char *id, const char *classes, const char *wall)
{
	struct result *one;

	r->rows = xrealloc_array(r->rows, r->count + 1, sizeof(*r->rows));
	one = &r->rows[r->count++];
	*one = (struct result){.classes = classes, .wall = wall, .verdict = FAILED};
	(void)snprintf(one->id, sizeof(one->id), "%s", id);
	return one;
}

void results_done(struct results *r)
{
	free(r->rows);
	*r = (struct results){0};
}

/* How one phase went, by the probe's own word. */
struct said {
	bool there;
	int errno_value;
	int signal;
};

static struct said find_said(const char *output, const char *phase)
{
	struct said said = {0};
	char errno_line[64];
	char signal_line[64];
	const char *at;

	(void)snprintf(errno_line, sizeof(errno_line), "\n@@ %s errno ", phase);
	(void)snprintf(signal_line, sizeof(signal_line), "\n@@ %s signal ", phase);
	at = strstr(output, errno_line);
	if (at) {
		said.there = true;
		said.errno_value = (int)strtol(at + strlen(errno_line), NULL, 10);
	}
	at = strstr(output, signal_line);
	if (at) {
		said.there = true;
		said.signal = (int)strtol(at + strlen(signal_line), NULL, 10);
	}
	return said;
}

/* Is this the wall's answer? */
static bool is_refusal(const struct row *row, struct said said)
{
	if (row->expect_signal)
		return said.signal == row->expect_signal;
	if (said.signal || said.errno_value == ATTEMPT_BROKEN)
		return false;
	if (!row->expect[0])
		return true; /* only the effect counts */
	for (size_t i = 0; i < sizeof(row->expect) / sizeof(row->expect[0]); i++)
		if (row->expect[i] && row->expect[i] == said.errno_value)
			return true;
	return false;
}

static void describe(struct said said, char *text, size_t size)
{
	if (!said.there)
		(void)snprintf(text, size, "nothing");
	else if (said.signal)
		(void)snprintf(text, size, "%s", sigabbrev_np(said.signal));
	else if (said.errno_value == ATTEMPT_BROKEN)
		(void)snprintf(text, size, "attempt not made");
	else
		(void)snprintf(text, size, "%s",
			       said.errno_value ? strerrorname_np(said.errno_value) : "success");
}

static const char *text_of(const struct buf *output)
{
	return output->data ? output->data : "";
}

static size_t row_phases(const struct row *row, enum place place, const char **ret)
{
	size_t count = 0;

	ret[count++] = "alone";
	if (place != PLACE_SESSION)
		return count;
	if (!(row->flags & ROW_ONCE))
		ret[count++] = "threads";
	if (row->twin)
		ret[count++] = "twin";
	return count;
}

/* Who changes the row's case from outside while it is attempted; 0: nobody. */
static pid_t start_beside(const struct row *row, const struct outside *o)
{
	const pid_t child = row->flags & ROW_BESIDE ? fork() : 0;

	if (child == 0 && (row->flags & ROW_BESIDE))
		files_beside(row, &o->arena);
	return child;
}

/* One run in an arena. Return: effects, -1 on failure. */
static int run_in(const struct places *p, const struct row *row, enum place place,
		  struct outside *o, const char *const *argv, struct buf *output)
{
	_cleanup_free_ char *before = NULL;
	_cleanup_free_ char *after = NULL;
	unsigned effects;
	pid_t beside;
	int r;

	if ((row->flags & ROW_FILES) && files_case_make(&o->arena, FILES_CASE) < 0)
		return -1;
	before = files_case_look(&o->arena, FILES_CASE);
	beside = start_beside(row, o);
	r = place_run(p, place, o, row->flags, argv, output);
	if (beside > 0) {
		(void)kill(beside, SIGKILL);
		(void)waitpid(beside, NULL, 0);
	}
	if (r < 0)
		return -1;
	if ((row->flags & ROW_ENDED) && outside_record_says(o, "\"limit\":\"disk\""))
		buf_puts(output, ENDED_FOR_ROOM);
	effects = outside_effects(o, text_of(output), place == PLACE_SESSION);
	after = files_case_look(&o->arena, FILES_CASE);
	return (int)(strcmp(before, after) != 0 ? effects | EFFECT_CHANGE : effects);
}

/* Runs the row's phases in a place, with an arena of their own. Return: effects, -1 on failure. */
static int run_row(const struct places *p, const struct row *row, enum place place,
		   struct buf *output)
{
	struct outside o;
	char port[16];
	char victim[16];
	const char *argv[10] = {"--probe", row->id};
	int effects = -1;
	/* A case is looked at by itself. */
	const bool live =
		(row->flags & ROW_LIVE) && (place == PLACE_SESSION || (row->flags & ROW_FILES));

	if (outside_open(&o, p->program, live, row->flags & ROW_OBJECTS) == 0) {
		(void)snprintf(port, sizeof(port), "%d", o.arena.port);
		(void)snprintf(victim, sizeof(victim), "%d", o.arena.victim);
		argv[2] = o.arena.dir;
		argv[3] = port;
		argv[4] = victim;
		(void)row_phases(row, place, argv + 5);
		o.left = row->left;
		effects = run_in(p, row, place, &o, argv, output);
	}
	outside_close(&o);
	return effects;
}

#define RACES_LOST 4u

/* The attempt with the wall away. */
static bool control_once(const struct places *p, const struct row *row, char *note, size_t size,
			 bool *ret_race)
{
	static const enum place place_of[] = {[CONTROL_HOST] = PLACE_HOST,
					      [CONTROL_RULE] = PLACE_UNRULED,
					      [CONTROL_SENT] = PLACE_SENT,
					      [CONTROL_BARE] = PLACE_BARE};
	_cleanup_buf_ struct buf output = BUF_INIT(1u << 24);
	char text[32];
	int effects;
	struct said said;

	if (row->control == CONTROL_NONE)
		return row->twin != NULL; /* judged with the session */
	effects = run_row(p, row, place_of[row->control], &output);
	said = find_said(text_of(&output), "alone");
	*ret_race = strstr(text_of(&output), "race: ") != NULL;
	describe(said, text, sizeof(text));
	(void)snprintf(note, size, "without the wall: %s",
		       row->effect && effects > 0 ? effect_name((unsigned)effects & row->effect)
						  : text);
	if (row->effect)
		return effects >= 0 && ((unsigned)effects & row->effect) == row->effect;
	return said.there && !said.signal && !is_refusal(row, said) &&
	       said.errno_value != ATTEMPT_BROKEN;
}

/* Who races may lose without any wall, so a control that did may do so again. No attempt may. */
static bool control_succeeds(const struct places *p, const struct row *row, char *note, size_t size)
{
	bool is_race = false;

	for (unsigned i = 0; i < RACES_LOST; i++) {
		if (control_once(p, row, note, size, &is_race))
			return true;
		if (!is_race)
			break;
	}
	return false;
}

/* The probe said nothing: then cordon did. */
static void say_why_not(const char *output, char *note, size_t size)
{
	const char *why = strstr(output, "cordon: ");

	(void)snprintf(note, size, "no answer; %.*s", why ? (int)strcspn(why, "\n") : 0,
		       why ? why : "");
}

/* Of a race, what shows that it was one: how often each answer was seen. */
static void describe_held(const char *output, char *note, size_t size)
{
	const char *race = strstr(output, "race: ");

	if (race)
		(void)snprintf(note, size, "%.*s", (int)strcspn(race, "\n"), race);
	else
		describe(find_said(output, "alone"), note, size);
}

/* @why: what is said of that. */
static bool never_began(const char *output, const char *why, char *note, size_t size)
{
	const bool held = !strstr(output, "\n@@ ") && strstr(output, why);

	(void)snprintf(note, size, "%s", held ? "refused before it began" : "not refused");
	return held;
}

/* Every phase that should have been there, and the effects that should not. */
static bool session_holds(const struct row *row, const char *output, int effects, char *note,
			  size_t size)
{
	const char *phases[4];
	const size_t count = row_phases(row, PLACE_SESSION, phases);
	char text[32];

	if (effects != 0) {
		(void)snprintf(note, size, "%s",
			       effects < 0 ? "the session could not be run"
					   : effect_name((unsigned)effects));
		return false;
	}
	if (row->flags & ROW_ORPHAN) {
		(void)snprintf(note, size, "nothing was left");
		return strstr(output, "@@ kill the supervisor") != NULL;
	}
	/* No call begins with it. */
	if (handed_refusal(row->flags)) {
		return never_began(output, handed_refusal(row->flags), note, size);
	}
	if (row->flags & ROW_ENDED) {
		const bool held = !strstr(output, "\n@@ ") && strstr(output, ENDED_FOR_ROOM);

		(void)snprintf(note, size, "%s", held ? "ended for want of room" : "not ended");
		return held;
	}
	for (size_t i = 0; i < count; i++) {
		const bool twin = strcmp(phases[i], "twin") == 0;
		const struct said said = find_said(output, phases[i]);

		if (!said.there) {
			say_why_not(output, note, size);
			return false;
		}
		describe(said, text, sizeof(text));
		if (twin ? said.errno_value || said.signal : !is_refusal(row, said)) {
			(void)snprintf(note, size, "%s: %s", phases[i], text);
			return false;
		}
	}
	describe_held(output, note, size);
	return true;
}

static bool is_skipped(const struct places *p, const struct row *row, struct result *result)
{
	const long abi =
		syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	const char *why = NULL;
	cpu_set_t processors;

	CPU_ZERO(&processors);
	(void)sched_getaffinity(0, sizeof(processors), &processors);
	if ((row->flags & ROW_TRACE) && !p->trace)
		why = "needs the BPF trace, which this user may not load";
	/* Without it the call succeeds, and the kernel drops what pid 1 does not handle. */
	if ((row->flags & ROW_SIGNAL_SCOPE) && abi < 6)
		why = "this kernel's Landlock has no signal scope (Linux 6.12)";
	if ((row->flags & ROW_ROOT) && geteuid() != 0)
		why = "its control needs root";
	if ((row->flags & ROW_TWO_CPUS) && CPU_COUNT(&processors) < 2)
		why = "it has one processor, and nobody can be bound to fewer";
	if (!why)
		return false;
	result->verdict = SKIPPED;
	(void)snprintf(result->note, sizeof(result->note), "%s", why);
	return true;
}

void judge_row(const struct places *p, const struct row *row, struct results *results)
{
	struct result *result = results_add(results, row->id, row->classes, row->wall);
	_cleanup_buf_ struct buf output = BUF_INIT(1u << 24);
	char control[80] = "twin works";
	char note[160] = "";
	int effects;

	if (!p || is_skipped(p, row, result))
		return;
	effects = run_row(p, row, PLACE_SESSION, &output);
	if (session_holds(row, text_of(&output), effects, note, sizeof(note)))
		result->verdict = HELD;
	else if (getenv("ESCAPE_SHOW")) /* NOLINT(concurrency-mt-unsafe) */
		(void)fprintf(stderr, "--- %s\n%s\n---\n", row->id, text_of(&output));
	result->control_ok = control_succeeds(p, row, control, sizeof(control));
	(void)snprintf(result->note, sizeof(result->note), "%.150s; %s", note, control);
}
