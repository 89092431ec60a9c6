/* SPDX-License-Identifier: Apache-2.0 */
#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/cordon/run/run.h"
#include "tools/toolkit/approver/approver.h"
#include "tools/toolkit/options.h"

enum {
	KEY_DRY_RUN = 0x2000,
	KEY_JSON,
	KEY_RESIDENT,
	KEY_DECLARE,
	KEY_COST
};

static const struct argp_option option_list[] = {
	{"dry-run", KEY_DRY_RUN, 0, 0, "Print the sandbox that would be built, as JSON, and exit",
	 5},
	{"declare", KEY_DECLARE, "WHAT", 0,
	 "What CMD says that it will not do, read-only or closed-world, for rules that hold it to "
	 "that",
	 5},
	{"cost", KEY_COST, "AMOUNT:UNIT", 0, "What CMD costs, for budgets of spend: 12:cents", 5},
	{"json", KEY_JSON, 0, 0, "Print a summary as JSON on stderr at the end", 5},
	{"resident", KEY_RESIDENT, "auto|off", 0,
	 "Whether to use a supervisor that stays for the next runs (default: auto, or what "
	 "CORDON_RESIDENT says)",
	 5},
	{"quiet", 'q', 0, 0, "Say nothing but errors", 5},
	{0},
};

static bool parse_cost(const char *text, struct call_cost *ret)
{
	const size_t digits = strspn(text, "0123456789");
	uint64_t amount;

	if (text[digits] != ':' || !unit_is_good(text + digits + 1) || !digits)
		return false;
	errno = 0;
	amount = strtoull(text, NULL, 10);
	if (errno || amount > INT64_MAX)
		return false;
	ret->amount = (int64_t)amount;
	(void)snprintf(ret->unit, sizeof(ret->unit), "%s", text + digits + 1);
	return true;
}

static void set_resident(struct argp_state *state, struct run_options *options, const char *from,
			 const char *value)
{
	options->resident = strcmp(value, "auto") == 0;
	if (!options->resident && strcmp(value, "off") != 0)
		argp_error(state, "%s%s: must be auto or off", from, value);
}

static error_t parse_run(int key, char *arg, struct argp_state *state)
{
	struct run_options *options = state->input;
	const char *chosen = getenv("CORDON_RESIDENT"); /* NOLINT(concurrency-mt-unsafe) */

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &options->session;
		set_resident(state, options, "CORDON_RESIDENT=", chosen ? chosen : "auto");
		return 0;
	case KEY_DRY_RUN:
		options->dry_run = true;
		return 0;
	case KEY_JSON:
		options->json = true;
		return 0;
	case KEY_RESIDENT:
		set_resident(state, options, "--resident ", arg);
		options->is_resident_named = true;
		return 0;
	case KEY_DECLARE:
		if (!declared_by_name(arg))
			argp_error(state, "--declare %s: must be read-only or closed-world", arg);
		options->declared |= declared_by_name(arg);
		return 0;
	case KEY_COST:
		if (!parse_cost(arg, &options->cost))
			argp_error(
				state,
				"--cost %s: must be a whole number, a colon and a unit: 12:cents",
				arg);
		return 0;
	case 'q':
		options->quiet = true;
		return 0;
	case ARGP_KEY_ARGS:
		options->command = state->argv + state->next;
		return 0;
	case ARGP_KEY_SUCCESS:
		if (approver_is_client(options->session.approver))
			argp_error(state, "--approver mcp: that is the client of cordon mcp");
		return 0;
	case ARGP_KEY_NO_ARGS:
		if (!options->dry_run)
			argp_error(state, "no command; cordon run [OPTION...] -- CMD [ARG...]");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int run_options_parse(int argc, char **argv, struct run_options *ret)
{
	static const struct argp_child children[] = {{&session_argp, 0, 0, 0}, {0}};
	static const struct argp argp = {
		.options = option_list,
		.parser = parse_run,
		.args_doc = "-- CMD [ARG...]",
		.doc = "Run CMD in a session of its own: isolated, traced, checked against policy and "
		       "recorded.\v"
		       "Exit status: the command's; 124 when --timeout ended it, 125 when cordon "
		       "failed, 126 and 127 when the command could not be run or found.",
		.children = children,
	};

	return argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, ret);
}
