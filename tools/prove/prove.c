/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/prove/prove.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "tools/prove/calls.h"
#include "tools/prove/denied.h"
#include "tools/prove/files.h"
#include "tools/prove/judge.h"
#include "tools/prove/report.h"

#define NOT_RUN	    125
#define STAND_READY "--ready"
#define READY_NOW   "@@ ready"

static const char usage[] =
	"usage: cordon-prove --cordon PATH [--json] [--verbose] [--trace on|auto] [PREFIX...]\n"
	"       cordon-prove --list [--json] [PREFIX...]\n"
	"Started by `cordon doctor --prove`: tries to get out of a session in every way it knows,\n"
	"or in those whose name starts with a PREFIX, and shows what held. Exit status: 0 if all\n"
	"did, 1 if one did not or its control failed, 125 if it could not be tried.\n";

struct options {
	struct places places;
	bool json;
	bool verbose;
	bool list; /* name the rows, run none */
	char **prefixes;
};

static bool is_wanted(const struct options *o, const char *id)
{
	if (!*o->prefixes)
		return true;
	for (char **prefix = o->prefixes; *prefix; prefix++)
		if (strncmp(id, *prefix, strlen(*prefix)) == 0)
			return true;
	return false;
}

/* A group that is judged as a whole is so if one of its rows is wanted. */
static bool is_group_wanted(const struct options *o, const char *group)
{
	for (char **prefix = o->prefixes; *prefix; prefix++)
		if (strncmp(*prefix, group, strlen(group)) == 0)
			return true;
	return is_wanted(o, group);
}

/* The signal may have come to what was attempted, too: then that it failed says nothing. */
static void note_interrupted(struct result *r)
{
	if (!place_interrupted() || result_is_good(r))
		return;
	r->verdict = INTERRUPTED;
	r->note[0] = '\0';
}

/* Takes back those from @first on that nobody asked for, and shows the others. */
static void show_new(const struct options *o, struct results *results, size_t first)
{
	size_t kept = first;

	for (size_t i = first; i < results->count; i++)
		if (is_wanted(o, results->rows[i].id))
			results->rows[kept++] = results->rows[i];
	results->count = kept;
	report_progress(kept, NULL);
	for (size_t i = first; i < kept; i++) {
		note_interrupted(&results->rows[i]);
		if (o->json)
			continue;
		if (o->list)
			(void)printf("%-28s %-20s %s\n", results->rows[i].id,
				     results->rows[i].classes, results->rows[i].wall);
		else if (o->verbose)
			report_row(&results->rows[i]);
	}
}

static void judge_group(const struct options *o, const char *group,
			void (*judge)(const struct places *, struct results *),
			struct results *results)
{
	const size_t first = results->count;

	if (!is_group_wanted(o, group) || place_interrupted())
		return;
	report_progress(first, group);
	judge(o->list ? NULL : &o->places, results);
	show_new(o, results, first);
}

static void run_all(const struct options *o, struct results *results)
{
	if (o->verbose && !o->json && !o->list)
		report_row(NULL);
	judge_group(o, "denied.", judge_denied, results);
	judge_group(o, "number.", judge_numbers, results);
	judge_group(o, "call.", judge_calls, results);
	judge_group(o, "session.", judge_sessions, results);
	judge_group(o, "file.", judge_files, results);
	for (const struct row *const *table = row_tables; *table; table++)
		for (const struct row *row = *table; row->id; row++) {
			if (!is_wanted(o, row->id) || place_interrupted())
				continue;
			report_progress(results->count, row->id);
			judge_row(o->list ? NULL : &o->places, row, results);
			show_new(o, results, results->count - 1);
		}
}

/* That a session can be had at all: without one nothing can be said of its walls. */
static bool is_ready(const struct places *p)
{
	static const char *const argv[] = {STAND_READY, NULL};
	_cleanup_buf_ struct buf output = BUF_INIT(1u << 20);
	struct outside o;
	bool ready = false;
	const int r = outside_open(&o, p->program, false, false);

	if (r < 0)
		buf_printf(
			&output,
			"cordon-prove: making a folder to attack from ($TMPDIR, else /tmp): %s\n",
			strerror(-r));
	else if (place_run(p, PLACE_SESSION, &o, 0, argv, &output) >= 0)
		ready = strstr(output.data, READY_NOW) != NULL;
	outside_close(&o);
	if (!ready && place_interrupted())
		(void)fputs("cordon-prove: interrupted\n", stderr);
	else if (!ready)
		(void)fprintf(stderr,
			      "%scordon-prove: no session could be started, nothing was tried\n",
			      output.data ? output.data : "");
	return ready;
}

static int sum_up(const struct options *o, const struct results *results)
{
	bool bad = false;

	for (size_t i = 0; i < results->count; i++)
		bad = bad || !result_is_good(&results->rows[i]);
	if (place_interrupted()) {
		(void)fputs("cordon-prove: interrupted\n", stderr);
		return NOT_RUN;
	}
	if (!results->count) {
		(void)fprintf(stderr,
			      "cordon-prove: no attempt has a name that starts with \"%s\"; --list "
			      "names them\n",
			      *o->prefixes ? *o->prefixes : "");
		return NOT_RUN;
	}
	if (o->json)
		report_json(results);
	else if (!o->verbose)
		report_groups(results);
	if (!o->json)
		report_sum(results);
	if (bad)
		return 1;
	return report_idle_groups(results) ? NOT_RUN : 0;
}

static int parse(int argc, char **argv, struct options *o)
{
	static const struct option long_options[] = {{"json", no_argument, NULL, 'j'},
						     {"verbose", no_argument, NULL, 'v'},
						     {"list", no_argument, NULL, 'l'},
						     {"cordon", required_argument, NULL, 'c'},
						     {"trace", required_argument, NULL, 't'},
						     {"help", no_argument, NULL, 'h'},
						     {0}};
	int key;

	while ((key = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		if (key == 'j')
			o->json = true;
		else if (key == 'v')
			o->verbose = true;
		else if (key == 'l')
			o->list = true;
		else if (key == 'c')
			o->places.cordon = optarg;
		else if (key == 't')
			o->places.trace = strcmp(optarg, "on") == 0;
		else
			return key;
	}
	o->prefixes = argv + optind;
	return o->places.cordon || o->list ? 0 : '?';
}

static int runner_main(int argc, char **argv)
{
	static char program[PATH_MAX];
	static char cordon[PATH_MAX];
	struct options o = {.places = {.program = program}, .prefixes = argv + argc};
	struct results results = {0};
	int r = parse(argc, argv, &o);

	if (r)
		return fputs(usage, r == 'h' ? stdout : stderr) < 0 || r != 'h' ? 2 : 0;
	if (o.list) {
		run_all(&o, &results);
		if (o.json)
			report_names_json(&results);
		results_done(&results);
		return 0;
	}
	if (readlink("/proc/self/exe", program, sizeof(program) - 1) <= 0 ||
	    !realpath(o.places.cordon, cordon)) {
		(void)fprintf(stderr, "cordon-prove: %s: %s\n", o.places.cordon, strerror(errno));
		return NOT_RUN;
	}
	o.places.cordon = cordon;
	place_take_signals();
	if (!is_ready(&o.places))
		return NOT_RUN;
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
	int r;

	if (argc > 1 && strcmp(argv[1], "--probe") == 0)
		return probe_main(argc - 1, argv + 1);
	if (argc > 1 && strcmp(argv[1], "--denied") == 0)
		return denied_main(argc - 1, argv + 1);
	if (argc > 1 && strcmp(argv[1], "--files") == 0)
		return files_main(argc - 1, argv + 1);
	if (argc > 1 && strcmp(argv[1], "--victim") == 0)
		return victim_main();
	if (argc > 1 && strcmp(argv[1], STAND_READY) == 0)
		return puts(READY_NOW) < 0;
	if (argc > 1 && strcmp(argv[1], BYSTANDER) == 0)
		return bystander_main();
	if (argc > 2 && strcmp(argv[1], ATTACK) == 0)
		return attack_main(argv[2], argv[3]);
	r = runner_main(argc, argv);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		(void)fputs("cordon-prove: cannot write the output\n", stderr);
		return NOT_RUN;
	}
	return r;
}
