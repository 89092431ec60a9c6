/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "tools/cordon/commands.h"
#include "tools/cordon/policy/policy_command.h"

static const struct policy_command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
} policy_commands[] = {
	{"eval", policy_eval, "evaluate an expression of the policies' language"},
};

static int usage(FILE *to, int status)
{
	(void)fputs("Usage: cordon policy COMMAND [OPTION...]\n"
		    "Work on policies without running anything.\n\n",
		    to);
	for (size_t i = 0; i < sizeof(policy_commands) / sizeof(policy_commands[0]); i++)
		(void)fprintf(to, "  %-8s %s\n", policy_commands[i].name, policy_commands[i].help);
	(void)fputs(
		"\n`cordon policy COMMAND --help` tells the options; see also cordon-policy(1).\n",
		to);
	return status;
}

int cmd_policy(int argc, char **argv)
{
	char name[64];

	if (argc < 2)
		return usage(stderr, POLICY_STATUS_USAGE);
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-?") == 0)
		return usage(stdout, POLICY_STATUS_OK);
	for (size_t i = 0; i < sizeof(policy_commands) / sizeof(policy_commands[0]); i++) {
		if (strcmp(argv[1], policy_commands[i].name) != 0)
			continue;
		(void)snprintf(name, sizeof(name), "cordon policy %s", policy_commands[i].name);
		argv[1] = name;
		return policy_commands[i].run(argc - 1, argv + 1);
	}
	(void)fprintf(stderr, "cordon policy: no command \"%s\"\n", argv[1]);
	return usage(stderr, POLICY_STATUS_USAGE);
}
