/* SPDX-License-Identifier: Apache-2.0 */

/* cordon policy learn: learn_from(), with what is printed. */

#include <argp.h>
#include <stdio.h>

#include "common/cleanup.h"
#include "common/log.h"
#include "tools/cordon/policy/learn.h"
#include "tools/cordon/policy/policy_command.h"

struct learn_arguments {
	const char *record;
	struct word_list paths;
};

static error_t parse_option(int key, char *value, struct argp_state *state)
{
	struct learn_arguments *l = state->input;

	switch (key) {
	case 'p':
		word_list_add(&l->paths, value);
		return 0;
	case ARGP_KEY_ARG:
		if (l->record)
			argp_error(state, "one RECORD at a time");
		l->record = value;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state,
			   "which RECORD? `cordon log` and cordon-log(1) tell where they are");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option options[] = {
	{"policy", 'p', "PATH", 0,
	 "Policies that are to allow it: propose a change of them; may be repeated", 0},
	{0},
};

static const struct argp learn_argp = {
	.options = options,
	.parser = parse_option,
	.args_doc = "RECORD",
	.doc = "Propose the narrowest policy that would have allowed what a record tells of, for "
	       "somebody to review: a file that allows that and nothing else, or with --policy a "
	       "unified diff.\v"
	       "A record of --mode=observe tells of all that a run does. Exit status: 0 with a "
	       "proposal, or nothing to propose; 2 without.",
};

int policy_learn_command(int argc, char **argv)
{
	_cleanup_buf_ struct buf out = BUF_INIT(0);
	struct learn_arguments l = {0};
	struct learn_request request;
	struct error err = {0};
	int r;

	if (argp_parse(&learn_argp, argc, argv, 0, NULL, &l) != 0)
		return POLICY_FAILED;
	request = (struct learn_request){.record = l.record,
					 .paths = (const char *const *)l.paths.words,
					 .count = l.paths.count};
	r = learn_from(&request, &out, &err);
	if (r < 0)
		log_error("%s", err.text);
	else if (!out.len)
		log_info("nothing of %s is refused: there is nothing to propose", l.record);
	else
		(void)fputs(out.data, stdout);
	word_list_done(&l.paths);
	return r == 0 ? POLICY_GOOD : POLICY_FAILED;
}
