/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "tools/cordon/commands.h"
#include "tools/cordon/policy/policy_command.h"

static const struct policy_command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
} policy_commands[] = {
	{"check", policy_check_command, "tell what is wrong, and where each rule takes hold"},
	{"diff", policy_diff_command, "tell what a change newly allows"},
	{"eval", policy_eval_command, "evaluate an expression of the policies' language"},
	{"explain", policy_explain_command, "tell what would happen to an action, and why"},
	{"fmt", policy_fmt_command, "bring policies and cases into one form"},
	{"keygen", policy_keygen_command, "make a key to sign policies with"},
	{"learn", policy_learn_command,
	 "propose the narrowest policy that would have allowed a record"},
	{"sign", policy_sign_command, "sign policies"},
	{"test", policy_test_command, "run the cases beside policies, tell which rules they cover"},
	{"verify", policy_verify_command, "tell whether policies are signed"},
};

static int usage(FILE *to, int status)
{
	(void)fputs("Usage: cordon policy COMMAND [OPTION...] ...\n"
		    "Check, test and explain policies; nothing is run.\n\n",
		    to);
	for (size_t i = 0; i < sizeof(policy_commands) / sizeof(policy_commands[0]); i++)
		(void)fprintf(to, "  %-8s %s\n", policy_commands[i].name, policy_commands[i].help);
	(void)fputs("\n`cordon policy COMMAND --help` tells the options and what the exit status "
		    "means; see also\ncordon-policy(1).\n",
		    to);
	return status;
}

int cmd_policy(int argc, char **argv)
{
	_cleanup_free_ char *name = NULL;

	if (argc < 2)
		return usage(stderr, POLICY_FAILED);
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-?") == 0)
		return usage(stdout, 0);
	for (size_t i = 0; i < sizeof(policy_commands) / sizeof(policy_commands[0]); i++) {
		if (strcmp(argv[1], policy_commands[i].name) != 0)
			continue;
		name = xasprintf("cordon policy %s", argv[1]);
		argv[1] = name;
		return policy_commands[i].run(argc - 1, argv + 1);
	}
	(void)fprintf(stderr, "cordon policy: no command \"%s\"\n", argv[1]);
	return usage(stderr, POLICY_FAILED);
}
