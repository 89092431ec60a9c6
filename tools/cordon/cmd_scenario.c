/* SPDX-License-Identifier: Apache-2.0 */
#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/json_write.h"
#include "common/log.h"
#include "common/plain.h"
#include "scenarios/report.h"
#include "tools/cordon/commands.h"
#include "tools/cordon/standard_fds.h"
#include "tools/toolkit/options.h"

enum scenario_status {
	STATUS_AS_EXPECTED = 0,
	STATUS_MISMATCH = 1,
	STATUS_USAGE = 2, /* also: a scenario that is not well-formed; nothing was run */
	STATUS_CORDON = 125,
};

#define MAX_JOBS 64

struct scenario_arguments {
	struct session_options base;
	long jobs;
	bool keep;
	bool json;
	bool quiet;
	const char *junit;
	bool has_seed;
	uint64_t seed;
	char **paths;
	size_t path_count;
};

enum {
	KEY_JSON = 0x2000,
	KEY_KEEP,
	KEY_TRACE,
	KEY_MODE,
	KEY_SEED,
	KEY_JUNIT
};

static const struct argp_option run_options[] = {
	{"jobs", 'j', "N", 0, "Run up to N sessions at once (default: 1)", 0},
	{"keep", KEY_KEEP, 0, 0, "Keep all records, not only those of mismatches", 0},
	{"json", KEY_JSON, 0, 0, "Print one JSON document in place of the table", 0},
	{"junit", KEY_JUNIT, "FILE", 0, "Write JUnit's XML to FILE as well", 0},
	{"seed", KEY_SEED, "N", 0, "Run in an order drawn with this seed, not in that of names", 0},
	{"policy", 'p', "FILE|DIR", 0,
	 "Policy to enforce; may be repeated (default: the families that ship)", 0},
	{"mode", KEY_MODE, "enforce|observe", 0,
	 "For scenarios that name none; observe refuses nothing", 0},
	{"trace", KEY_TRACE, "on|auto|off", 0,
	 "Trace with BPF: on fails without the privilege, auto goes on without and says so", 0},
	{"quiet", 'q', 0, 0, "Show no progress", 0},
	{0},
};

static const struct argp_option list_options[] = {
	{"json", KEY_JSON, 0, 0, "Print one JSON document", 0},
	{0},
};

static int choose(struct argp_state *state, const char *option, const char *text,
		  const char *const *choices, const char *known)
{
	for (int i = 0; choices[i]; i++) {
		if (strcmp(text, choices[i]) == 0)
			return i;
	}
	argp_error(state, "--%s %s: must be %s", option, text, known);
	return 0;
}

static void add_policy(struct session_options *base, const char *path)
{
	base->policies =
		xrealloc_array(base->policies, base->policy_count + 1, sizeof(*base->policies));
	base->policies[base->policy_count++] = path;
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	static const char *const modes[] = {"enforce", "observe", NULL};
	static const char *const traces[] = {"on", "auto", "off", NULL};
	struct scenario_arguments *a = state->input;
	char *end;

	switch (key) {
	case 'j':
		a->jobs = strtol(arg, &end, 10);
		if (*end || end == arg || a->jobs < 1 || a->jobs > MAX_JOBS)
			argp_error(state, "--jobs %s: must be a number from 1 to %d", arg,
				   MAX_JOBS);
		return 0;
	case 'p':
		add_policy(&a->base, arg);
		return 0;
	case 'q':
		a->quiet = true;
		return 0;
	case KEY_JUNIT:
		a->junit = arg;
		return 0;
	case KEY_SEED:
		errno = 0;
		a->seed = strtoull(arg, &end, 10);
		a->has_seed = true;
		if (*end || end == arg || *arg == '-' || errno)
			argp_error(state, "--seed %s: must be a whole number", arg);
		return 0;
	case KEY_KEEP:
		a->keep = true;
		return 0;
	case KEY_JSON:
		a->json = true;
		return 0;
	case KEY_MODE:
		a->base.mode =
			(enum monitor_mode)choose(state, "mode", arg, modes, "enforce or observe");
		return 0;
	case KEY_TRACE:
		a->base.trace =
			(enum trace_mode)choose(state, "trace", arg, traces, "on, auto or off");
		return 0;
	case ARGP_KEY_ARGS:
		a->paths = state->argv + state->next;
		a->path_count = (size_t)(state->argc - state->next);
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "which scenarios? Give files or folders");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* ---- run ---- */

static int status_of(const struct trial *trials, size_t count)
{
	const struct totals t = totals_of(trials, count);

	if (t.failed || t.not_run)
		return STATUS_CORDON;
	return t.mismatches ? STATUS_MISMATCH : STATUS_AS_EXPECTED;
}

static int say_junit_failed(const char *path)
{
	log_error("--junit: write %s: %s", path, strerror(errno));
	return STATUS_CORDON;
}

static int write_junit(const char *path, FILE *file, const struct trial *trials, size_t count)
{
	_cleanup_buf_ struct buf out = BUF_INIT(0);
	bool written;

	report_junit(trials, count, &out);
	written = fwrite(out.data, 1, out.len, file) == out.len;
	return fclose(file) != 0 || !written ? say_junit_failed(path) : 0;
}

/* Fisher-Yates, with splitmix64 (Steele, Lea, Flood 2014): the same order on every host. */
static void shuffle(struct scenario_set *set, uint64_t seed)
{
	for (size_t left = set->count; left > 1; left--) {
		uint64_t z = seed += UINT64_C(0x9e3779b97f4a7c15);
		struct scenario swap;

		z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
		z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
		z = (z ^ z >> 31) % left;
		swap = set->items[z];
		set->items[z] = set->items[left - 1];
		set->items[left - 1] = swap;
	}
}

static void print_report(const struct scenario_arguments *a, const struct trial *trials,
			 size_t count)
{
	_cleanup_buf_ struct buf out = BUF_INIT(0);

	if (a->json) {
		report_json(trials, count, &out);
		buf_putc(&out, '\n');
	} else if (totals_of(trials, count).not_run < count) {
		report_table(trials, count, isatty(STDOUT_FILENO) && !getenv("NO_COLOR"), &out);
	}
	if (out.len)
		(void)fwrite(out.data, 1, out.len, stdout);
}

static int run_scenarios(const struct scenario_arguments *a, const struct scenario_set *set)
{
	struct progress progress = {.to = a->quiet ? NULL : stderr,
				    .in_place = isatty(STDERR_FILENO) == 1,
				    .total = set->count};
	const struct runner_config config = {.base = &a->base,
					     .jobs = (size_t)a->jobs,
					     .keep = a->keep,
					     .ops = &progress_ops,
					     .ctx = &progress};
	/* Before anything runs, which may take minutes. */
	FILE *const junit = a->junit ? fopen(a->junit, "we") : NULL;
	struct trial *trials = NULL;
	struct error err;
	int status;
	int r;

	if (a->junit && !junit)
		return say_junit_failed(a->junit);
	r = runner_run(set, &config, &trials, &err);
	status = r < 0 ? STATUS_CORDON : status_of(trials, set->count);
	if (r < 0)
		log_error("%s", err.text);
	print_report(a, trials, set->count);
	if (junit && write_junit(a->junit, junit, trials, set->count) != 0)
		status = STATUS_CORDON;
	trials_done(trials, set->count);
	return status;
}

/* ---- list ---- */

static void list_json(const struct scenario_set *set, struct buf *out)
{
	struct json_writer w = {.out = out, .indent = true};

	json_begin_array(&w, NULL);
	for (size_t i = 0; i < set->count; i++) {
		const struct scenario *s = &set->items[i];

		json_begin_object(&w, NULL);
		json_put_string(&w, "id", s->id);
		json_put_string(&w, "title", s->title);
		json_put_string(&w, "file", s->file);
		json_put_string(&w, "category", category_name(s->category));
		json_put_string(&w, "looks_like",
				s->category == CATEGORY_BENIGN ? category_name(s->looks_like)
							       : NULL);
		json_put_u64(&w, "steps", s->step_count);
		json_end_object(&w);
	}
	json_end_array(&w);
	buf_putc(out, '\n');
}

/* Who wrote the file may be somebody else. */
static void put_listed(const struct scenario *item, struct buf *out)
{
	buf_printf(out, "%-32s  %-20s  ", item->id, category_name(item->category));
	buf_put_plain(out, item->title, SIZE_MAX);
	buf_putc(out, '\n');
}

static int list_scenarios(const struct scenario_arguments *a, const struct scenario_set *set)
{
	_cleanup_buf_ struct buf out = BUF_INIT(0);

	if (a->json)
		list_json(set, &out);
	for (size_t i = 0; !a->json && i < set->count; i++)
		put_listed(&set->items[i], &out);
	(void)fwrite(out.data, 1, out.len, stdout);
	return 0;
}

/* ---- the command ---- */

static const struct argp run_argp = {
	.options = run_options,
	.parser = parse_option,
	.args_doc = "PATH...",
	.doc = "Run scenarios (files, or folders with *.json below them), each in a session of its "
	       "own with a fresh workspace, and compare what happened with what they expect.\v"
	       "Exit status: 0 if all came as expected (what this host cannot run is skipped and "
	       "said); 1 if something did not; 2 for wrong usage or a scenario that is not "
	       "well-formed, and then nothing was run; 125 when cordon failed.",
};

static const struct argp list_argp = {
	.options = list_options,
	.parser = parse_option,
	.args_doc = "PATH...",
	.doc = "Check scenarios and list them: id, category, title. Nothing is run.",
};

static const struct scenario_command {
	const char *name;
	int (*run)(const struct scenario_arguments *a, const struct scenario_set *set);
	const struct argp *argp;
	const char *help;
} scenario_commands[] = {
	{"run", run_scenarios, &run_argp, "run scenarios and compare with what they expect"},
	{"list", list_scenarios, &list_argp, "check scenarios and list them"},
};

static int usage(FILE *to, int status)
{
	(void)fputs(
		"Usage: cordon scenario COMMAND [OPTION...] PATH...\n"
		"Scripted agents, honest and not, with what must come of each of their calls.\n\n",
		to);
	for (size_t i = 0; i < sizeof(scenario_commands) / sizeof(scenario_commands[0]); i++)
		(void)fprintf(to, "  %-8s %s\n", scenario_commands[i].name,
			      scenario_commands[i].help);
	(void)fputs("\n`cordon scenario COMMAND --help` tells the options; see also "
		    "cordon-scenario(1).\n",
		    to);
	return status;
}

static int run_command(const struct scenario_command *command, int argc, char **argv)
{
	struct scenario_arguments a = {.jobs = 1};
	struct scenario_set set;
	struct error err;
	int status;

	(void)argp_parse(command->argp, argc, argv, 0, NULL, &a);
	if (scenarios_load(a.paths, a.path_count, &set, &err) < 0) {
		log_error("%s", err.text);
		session_options_done(&a.base);
		return STATUS_USAGE;
	}
	if (a.has_seed)
		shuffle(&set, a.seed);
	status = command->run(&a, &set);
	scenarios_done(&set);
	session_options_done(&a.base);
	return status;
}

int cmd_scenario(int argc, char **argv)
{
	_cleanup_free_ char *name = NULL;

	hold_standard_fds(O_RDONLY);
	if (argc < 2)
		return usage(stderr, STATUS_USAGE);
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-?") == 0)
		return usage(stdout, 0);
	for (size_t i = 0; i < sizeof(scenario_commands) / sizeof(scenario_commands[0]); i++) {
		if (strcmp(argv[1], scenario_commands[i].name) != 0)
			continue;
		name = xasprintf("cordon scenario %s", scenario_commands[i].name);
		argv[1] = name;
		return run_command(&scenario_commands[i], argc - 1, argv + 1);
	}
	(void)fprintf(stderr, "cordon scenario: no command \"%s\"\n", argv[1]);
	return usage(stderr, STATUS_USAGE);
}
