/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "tools/cordon/commands.h"
#include "tools/cordon/version.h"

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
} commands[] = {
	{"run", cmd_run, "run one command in a session of its own"},
	{"mcp", cmd_mcp, "serve sandboxed tools to an agent over MCP on stdio"},
	{"log", cmd_log, "verify, read and replay the record of a session"},
	{"policy", cmd_policy, "check, test and explain policies"},
	{"scenario", cmd_scenario, "run scripted agents and compare with what must come of them"},
	{"serve", cmd_serve, "keep a supervisor ready for repeated runs"},
	{"doctor", cmd_doctor, "tell which layers hold on this host, and how to get the others"},
};

static void usage(FILE *to)
{
	(void)fputs("Usage: cordon COMMAND [OPTION...]\n"
		    "Run the tool calls of an agent isolated, traced, checked and recorded.\n\n",
		    to);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		(void)fprintf(to, "  %-10s %s\n", commands[i].name, commands[i].help);
	(void)fputs("\n`cordon COMMAND --help` tells the options; see also cordon(1).\n", to);
}

int main(int argc, char **argv)
{
	_cleanup_free_ char *name = NULL;

	/* A file that may not grow any more (ulimit -f) is a failed write, which is told. */
	(void)signal(SIGXFSZ, SIG_IGN);
	if (argc < 2) {
		usage(stderr);
		return 2;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
		usage(stdout);
		return 0;
	}
	if (strcmp(argv[1], "--version") == 0) {
		(void)puts("cordon " CORDON_VERSION);
		return 0;
	}
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(argv[1], commands[i].name) != 0)
			continue;
		/* argp takes the program's name from argv[0]. */
		name = xasprintf("cordon %s", commands[i].name);
		argv[1] = name;
		return commands[i].run(argc - 1, argv + 1);
	}
	(void)fprintf(stderr, "cordon: no command \"%s\"; `cordon --help` lists them\n", argv[1]);
	return 2;
}
