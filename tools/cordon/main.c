/* SPDX-License-Identifier: Apache-2.0 */
#include <argp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/log.h"
#include "tools/cordon/commands.h"
#include "tools/cordon/version.h"

#define STATUS_USAGE 2

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
	int failed; /* its status when what it prints cannot be written */
} commands[] = {
	{"run", cmd_run, "run one command in a session of its own", 125},
	{"mcp", cmd_mcp, "serve sandboxed tools to an agent over MCP on stdio", 125},
	{"log", cmd_log, "verify, read and replay the record of a session", 2},
	{"policy", cmd_policy, "check, test and explain policies", 2},
	{"scenario", cmd_scenario, "run scripted agents and compare with what must come of them",
	 125},
	{"serve", cmd_serve, "keep a supervisor ready for repeated runs", 1},
	{"doctor", cmd_doctor, "tell which layers hold on this host, and how to get the others", 1},
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

/* What the program ends with if its output cannot be written. */
static int failed_output = STATUS_USAGE;

/* What went to a full disk was not said, and nobody may take the rest for all of it, nor the
 * status for an answer, be it yes or no. At exit, since argp ends the program behind the help that
 * it prints. */
static void check_output(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return;
	log_error("cannot write the output");
	_exit(failed_output);
}

int main(int argc, char **argv)
{
	static char help_option[] = "--help"; /* of "cordon help COMMAND" */
	_cleanup_free_ char *name = NULL;

	/* A file that may not grow any more (ulimit -f) is a failed write, which is told. */
	(void)signal(SIGXFSZ, SIG_IGN);
	if (atexit(check_output) != 0)
		return STATUS_USAGE;
	argp_err_exit_status = STATUS_USAGE; /* but where another number is the command's own */
	if (argc < 2) {
		usage(stderr);
		return STATUS_USAGE;
	}
	if (strcmp(argv[1], "help") == 0 && argc > 2) {
		argv[1] = argv[2];
		argv[2] = help_option;
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
		failed_output = commands[i].failed;
		return commands[i].run(argc - 1, argv + 1);
	}
	(void)fprintf(stderr, "cordon: no command \"%s\"; `cordon --help` lists them\n", argv[1]);
	return STATUS_USAGE;
}
