/* SPDX-License-Identifier: Apache-2.0 */

/* cordon policy check: findings, and where each rule takes hold on this host. */

#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/log.h"
#include "monitor/policy/lint.h"
#include "tools/cordon/doctor/doctor.h"
#include "tools/cordon/policy/check_output.h"
#include "tools/cordon/policy/policy_command.h"
#include "tools/toolkit/paths.h"

enum {
	KEY_JSON = 0x3000,
	KEY_SARIF,
	KEY_TRACE
};

enum check_trace {
	CHECK_TRACE_AUTO,
	CHECK_TRACE_ON,
	CHECK_TRACE_OFF
};

struct check_arguments {
	struct word_list paths;
	enum check_trace trace;

	enum {
		CHECK_TEXT,
		CHECK_JSON,
		CHECK_SARIF
	} output;
};

static void find_trace(const struct check_arguments *a, struct checked *checked)
{
	struct probe_result probe;

	checked->traced = a->trace == CHECK_TRACE_ON;
	if (a->trace != CHECK_TRACE_AUTO)
		return;
	probe_trace(&probe);
	checked->traced = probe.state == PROBE_HOLDS;
	(void)snprintf(checked->why_not, sizeof(checked->why_not), "%s", probe.detail);
}

static int check(const struct check_arguments *a)
{
	_cleanup_free_ char *shipped = NULL;
	struct checked checked = {0};
	struct error err = {0};
	const char *defaults[1] = {NULL};
	int status = POLICY_GOOD;
	int r = a->paths.count ? 0 : paths_policies(&shipped, &err);

	defaults[0] = shipped;
	if (r == 0)
		r = policy_lint(a->paths.count ? a->paths.words : defaults,
				a->paths.count ? a->paths.count : 1, &checked.lint, &err);
	if (r == 0)
		find_trace(a, &checked);
	else
		checked.error = &err;
	for (size_t i = 0; i < checked.lint.count; i++) {
		if (!finding_is_note(checked.lint.findings[i].kind))
			status = POLICY_BAD;
	}
	if (a->output == CHECK_SARIF)
		check_print_sarif(&checked);
	else if (a->output == CHECK_JSON)
		check_print_json(&checked);
	else if (r == 0)
		check_print_text(&checked, is_colourful());
	if (r < 0)
		log_error("%s", err.text);
	lint_done(&checked.lint);
	return r < 0 ? POLICY_FAILED : status;
}

static error_t parse_option(int key, char *value, struct argp_state *state)
{
	struct check_arguments *a = state->input;

	switch (key) {
	case KEY_JSON:
	case KEY_SARIF:
		if (a->output != CHECK_TEXT)
			argp_error(state, "--json or --sarif, once");
		a->output = key == KEY_JSON ? CHECK_JSON : CHECK_SARIF;
		return 0;
	case KEY_TRACE:
		if (strcmp(value, "on") == 0)
			a->trace = CHECK_TRACE_ON;
		else if (strcmp(value, "off") == 0)
			a->trace = CHECK_TRACE_OFF;
		else if (strcmp(value, "auto") != 0)
			argp_error(state, "--trace is auto, on or off, not %s", value);
		return 0;
	case ARGP_KEY_ARG:
		word_list_add(&a->paths, value);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option options[] = {
	{"json", KEY_JSON, 0, 0, "The report as JSON", 0},
	{"sarif", KEY_SARIF, 0, 0, "The findings as SARIF 2.1.0, for code review", 0},
	{"trace", KEY_TRACE, "MODE", 0,
	 "What the host has: on, off, or auto (the default): try it on this one", 0},
	{0},
};

static const struct argp check_argp = {
	.options = options,
	.parser = parse_option,
	.args_doc = "[PATH...]",
	.doc = "Tell what is wrong in policies, and where each of their rules takes hold on this "
	       "host.\v"
	       "Exit status: 0 if nothing is to be mended (notes do not count), 1 if something is, 2 "
	       "if the policies cannot be loaded. Without a PATH the policies that ship are checked.",
};

int policy_check_command(int argc, char **argv)
{
	struct check_arguments a = {0};
	int status = POLICY_FAILED;

	if (argp_parse(&check_argp, argc, argv, 0, NULL, &a) == 0)
		status = check(&a);
	word_list_done(&a.paths);
	return status;
}
