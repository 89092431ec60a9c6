/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/escape/escape.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/json_write.h"
#include "tests/escape/calls.h"
#include "tests/escape/denied.h"
#include "tests/escape/judge.h"

static const char usage[] =
	"usage: escape [--json] [--cordon PATH] [--trace on|auto] [PREFIX...]\n"
	"Tries to get out of a session by every row (or those whose id starts with a PREFIX) and\n"
	"shows what held. Exit status: 0 if all did, 1 if one did not or its control failed.\n";

struct options {
	struct places places;
	bool json;
	char **prefixes;
};

static const char *const verdicts[] = {"held", "FAILED", "skipped"};

static bool is_wanted(const struct options *o, const char *id)
{
	if (!*o->prefixes)
		return true;
	for (char **prefix = o->prefixes; *prefix; prefix++)
		if (strncmp(id, *prefix, strlen(*prefix)) == 0 ||
		    strncmp(id, *prefix, strlen(id)) == 0)
			return true;
	return false;
}

static void print_result(const struct result *r)
{
	(void)printf("%-28s %-10s %-38s %-8s %-8s %s\n", r->id, r->classes, r->wall,
		     verdicts[r->verdict],
		     r->verdict == SKIPPED ? "-"
		     : r->control_ok	   ? "ok"
					   : "FAILED",
		     r->note);
	(void)fflush(stdout);
}

static void put_result(struct json_writer *w, const struct result *r)
{
	json_begin_object(w, NULL);
	json_put_string(w, "probe", r->id);
	json_put_string(w, "classes", r->classes);
	json_put_string(w, "wall", r->wall);
	json_put_string(w, "result", r->verdict == FAILED ? "failed" : verdicts[r->verdict]);
	json_put_bool(w, "control_ok", r->control_ok);
	json_put_string(w, "note", r->note);
	json_end_object(w);
}

static bool is_good(const struct result *r)
{
	return r->verdict == SKIPPED || (r->verdict == HELD && r->control_ok);
}

/* A group of rows is what stands before the dot. */
static bool same_group(const struct result *a, const struct result *b)
{
	const size_t len = strcspn(a->id, ".");

	return strncmp(a->id, b->id, len + 1) == 0;
}

/* Groups of which nothing was tried: they must not look like success. */
static unsigned idle_groups(const struct results *results)
{
	unsigned idle = 0;

	for (size_t i = 0; i < results->count; i++) {
		bool tried = false;
		bool first = true;

		for (size_t k = 0; k < results->count; k++) {
			if (!same_group(&results->rows[i], &results->rows[k]))
				continue;
			tried = tried || results->rows[k].verdict != SKIPPED;
			first = first && k >= i;
		}
		idle += first && !tried;
	}
	return idle;
}

static void run_all(const struct options *o, struct results *results)
{
	size_t shown = 0;

	if (!o->json)
		(void)printf("%-28s %-10s %-38s %-8s %-8s\n", "PROBE", "CLASS", "WALL", "RESULT",
			     "CONTROL");
	if (is_wanted(o, "denied."))
		judge_denied(&o->places, results);
	if (is_wanted(o, "number."))
		judge_numbers(results);
	if (is_wanted(o, "call."))
		judge_calls(&o->places, results);
	for (const struct row *const *table = row_tables; *table; table++)
		for (const struct row *row = *table; row->id; row++) {
			if (is_wanted(o, row->id))
				judge_row(&o->places, row, results);
			for (; !o->json && shown < results->count; shown++)
				print_result(&results->rows[shown]);
		}
}

static int sum_up(const struct options *o, const struct results *results)
{
	_cleanup_buf_ struct buf out = BUF_INIT(0);
	struct json_writer w = {.out = &out, .indent = true};
	unsigned count[3] = {0};
	unsigned bad = 0;
	const unsigned idle = idle_groups(results);

	json_begin_object(&w, NULL);
	json_begin_array(&w, "probes");
	for (size_t i = 0; i < results->count; i++) {
		count[results->rows[i].verdict]++;
		bad += !is_good(&results->rows[i]);
		put_result(&w, &results->rows[i]);
	}
	json_end_array(&w);
	json_put_bool(&w, "all_held", !bad && !idle && results->count > 0);
	json_end_object(&w);
	if (o->json)
		(void)puts(out.data);
	else
		(void)printf("\n%u held, %u failed, %u skipped; %u without proof; %u groups not "
			     "tried\n",
			     count[HELD], count[FAILED], count[SKIPPED], bad, idle);
	return bad || idle || !results->count ? 1 : 0;
}

static int runner_main(int argc, char **argv)
{
	static const struct option long_options[] = {{"json", no_argument, NULL, 'j'},
						     {"cordon", required_argument, NULL, 'c'},
						     {"trace", required_argument, NULL, 't'},
						     {"help", no_argument, NULL, 'h'},
						     {0}};
	static char program[PATH_MAX];
	static char cordon[PATH_MAX];
	struct options o = {.places = {.program = program, .trace = geteuid() == 0}};
	struct results results = {0};
	int key;
	int r;

	if (readlink("/proc/self/exe", program, sizeof(program) - 1) <= 0)
		return 2;
	o.places.cordon = getenv("CORDON"); /* NOLINT(concurrency-mt-unsafe) */
	while ((key = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		if (key == 'j')
			o.json = true;
		else if (key == 'c')
			o.places.cordon = optarg;
		else if (key == 't')
			o.places.trace = strcmp(optarg, "on") == 0;
		else
			return fputs(usage, key == 'h' ? stdout : stderr) < 0 || key != 'h' ? 2 : 0;
	}
	if (!o.places.cordon) {
		(void)fputs("escape: no command to test; give --cordon PATH or set CORDON\n",
			    stderr);
		return 2;
	}
	if (!realpath(o.places.cordon, cordon)) {
		(void)fprintf(stderr, "escape: %s: %s\n", o.places.cordon, strerror(errno));
		return 2;
	}
	o.places.cordon = cordon;
	o.prefixes = argv + optind;
	run_all(&o, &results);
	r = sum_up(&o, &results);
	results_done(&results);
	return r;
}

/* The process outside: answers as long as it is let. */
static int victim_main(void)
{
	char byte;

	while (read(STDIN_FILENO, &byte, 1) == 1)
		(void)!write(STDIN_FILENO, &byte, 1);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "--probe") == 0)
		return probe_main(argc - 1, argv + 1);
	if (argc > 1 && strcmp(argv[1], "--denied") == 0)
		return denied_main(argc - 1, argv + 1);
	if (argc > 1 && strcmp(argv[1], "--victim") == 0)
		return victim_main();
	if (argc > 1 && strcmp(argv[1], BYSTANDER) == 0)
		return bystander_main();
	if (argc > 2 && strcmp(argv[1], ATTACK) == 0)
		return attack_main(argv[2]);
	return runner_main(argc, argv);
}
