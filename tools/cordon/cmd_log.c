/* SPDX-License-Identifier: Apache-2.0 */
#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/log.h"
#include "monitor/evidence/chain.h"
#include "tools/cordon/commands.h"
#include "tools/cordon/log/log_export.h"
#include "tools/cordon/log/log_files.h"
#include "tools/cordon/log/log_replay.h"
#include "tools/cordon/log/log_severity.h"
#include "tools/cordon/log/log_show.h"
#include "tools/cordon/log/log_verify.h"
#include "tools/toolkit/paths.h"

enum {
	KEY_CALL = 0x2000,
	KEY_KIND,
	KEY_VERDICT,
	KEY_SEVERITY,
	KEY_EXEC,
	KEY_JSON,
	KEY_SIGNER,
	KEY_FORMAT,
	KEY_POLICY = 'p'
};

struct log_arguments {
	struct log_filter filter;
	enum log_format format; /* export */
	const char *signer;	/* verify: the public key that must have signed */
	bool json;
	const char **policies; /* replay; owned */
	size_t policy_count;
	char **files;
	size_t file_count;
};

/* ---- verify ---- */

static const struct argp_option verify_options[] = {
	{"signer", KEY_SIGNER, "HEX", 0,
	 "Public key that must have signed, or \"any\"; default: the record key of this host", 0},
	{"json", KEY_JSON, 0, 0, "The answer as JSON", 0},
	{0},
};

static int run_verify(const struct log_arguments *arguments)
{
	return log_verify(arguments->files, arguments->file_count, arguments->signer,
			  arguments->json);
}

/* ---- show ---- */

static const struct argp_option show_options[] = {
	{"call", KEY_CALL, "ID", 0, "Only events of this tool call", 0},
	{"kind", KEY_KIND, "PATTERN", 0, "Only events of this kind: exec, \"net.*\"", 0},
	{"verdict", KEY_VERDICT, "VERDICT", 0,
	 "Only allow, log, throttle, ask, decoy, deny or kill", 0},
	{"severity", KEY_SEVERITY, "LEVEL", 0,
	 "Only where a rule of low, medium, high or critical severity matched, or of a higher one",
	 0},
	{"exec", KEY_EXEC, "N", 0, "Only events of this execution", 0},
	{"json", KEY_JSON, 0, 0, "The lines of the record as they are", 0},
	{0},
};

static int run_show(const struct log_arguments *arguments)
{
	return log_files(arguments->files, arguments->file_count, &arguments->filter,
			 arguments->json ? LOG_FORMAT_RECORD : LOG_FORMAT_TEXT);
}

/* ---- export ---- */

static const struct argp_option export_options[] = {
	{"format", KEY_FORMAT, "FORMAT", 0,
	 "ocsf, the default: each event in OCSF " OCSF_VERSION
	 "; otel: each tool call as a span of "
	 "OpenTelemetry (OTLP/JSON)",
	 0},
	{"call", KEY_CALL, "ID", 0, "Only events of this tool call", 0},
	{"kind", KEY_KIND, "PATTERN", 0, "Only events of this kind: exec, \"net.*\"", 0},
	{"verdict", KEY_VERDICT, "VERDICT", 0,
	 "Only allow, log, throttle, ask, decoy, deny or kill", 0},
	{"severity", KEY_SEVERITY, "LEVEL", 0,
	 "Only where a rule of low, medium, high or critical severity matched, or of a higher one",
	 0},
	{"exec", KEY_EXEC, "N", 0, "Only events of this execution", 0},
	{0},
};

static int run_export(const struct log_arguments *arguments)
{
	return log_files(arguments->files, arguments->file_count, &arguments->filter,
			 arguments->format ? arguments->format : LOG_FORMAT_OCSF);
}

/* ---- replay ---- */

static const struct argp_option replay_options[] = {
	{"policy", KEY_POLICY, "PATH", 0,
	 "Policy file or folder to judge by; without any, those that ship", 0},
	{"json", KEY_JSON, 0, 0, "The report as JSON", 0},
	{0},
};

static int run_replay(const struct log_arguments *arguments)
{
	_cleanup_free_ char *shipped = NULL;
	struct policy *policy = NULL;
	struct error err = {0};
	const char *defaults[1] = {NULL};
	int r = 0;

	if (arguments->file_count != 1) {
		log_error("cordon log replay judges one record at a time");
		return REPLAY_STATUS_FAILED;
	}
	if (!arguments->policy_count)
		r = paths_policies(&shipped, &err);
	defaults[0] = shipped;
	if (r == 0)
		r = policy_load(arguments->policy_count ? arguments->policies : defaults,
				arguments->policy_count ? arguments->policy_count : 1, &policy,
				&err);
	if (r < 0) {
		log_error("%s", err.text);
		return REPLAY_STATUS_FAILED;
	}
	r = log_replay(arguments->files[0], policy, arguments->json);
	(void)policy_free(policy);
	return r;
}

/* ---- arguments ---- */

static void add_policy(struct log_arguments *a, const char *path)
{
	/* NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers */
	a->policies = xrealloc_array(a->policies, a->policy_count + 1, sizeof(*a->policies));
	a->policies[a->policy_count++] = path;
}

static error_t parse_option(int key, char *value, struct argp_state *state)
{
	struct log_arguments *a = state->input;
	enum verdict verdict;
	unsigned long number;
	char *end;

	switch (key) {
	case KEY_CALL:
		a->filter.call = value;
		return 0;
	case KEY_KIND:
		a->filter.kind = value;
		return 0;
	case KEY_VERDICT:
		if (!verdict_by_name(value, &verdict))
			argp_error(state,
				   "%s is no verdict: allow, log, throttle, redact, ask, decoy, "
				   "deny, kill",
				   value);
		a->filter.verdict = value;
		return 0;
	case KEY_SEVERITY:
		a->filter.severity = log_severity_by_name(value);
		if (!a->filter.severity)
			argp_error(state, "%s is no severity: low, medium, high, critical", value);
		return 0;
	case KEY_EXEC:
		errno = 0;
		number = strtoul(value, &end, 10);
		if (*end || errno || *value < '0' || *value > '9' || !number || number > UINT32_MAX)
			argp_error(state, "%s is no execution: a number from 1", value);
		a->filter.exec_id = (uint32_t)number;
		return 0;
	case KEY_FORMAT:
		a->format = log_format_by_name(value);
		if (a->format == LOG_FORMATS)
			argp_error(state, "%s is no format: ocsf, otel", value);
		return 0;
	case KEY_POLICY:
		add_policy(a, value);
		return 0;
	case KEY_JSON:
		a->json = true;
		return 0;
	case KEY_SIGNER:
		if (strcmp(value, "any") != 0 && (strlen(value) != CHAIN_HEX ||
						  value[strspn(value, "0123456789abcdef")] != '\0'))
			argp_error(state, "a signer is 64 lower-case hex digits, or any");
		a->signer = value;
		return 0;
	case ARGP_KEY_ARGS:
		a->files = state->argv + state->next;
		a->file_count = (size_t)(state->argc - state->next);
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "which record? Give its FILE");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp verify_argp = {
	.options = verify_options,
	.parser = parse_option,
	.args_doc = "FILE...",
	.doc = "Tell whether records are whole: every line fits its hash and follows the one before "
	       "it, and the end is signed by this host's record key.\v"
	       "Exit status: 0 if all are closed and signed by the right key; 1 if one is broken (a "
	       "line was changed, removed, moved or added, or another key signed) or cannot be read; "
	       "2 for wrong usage; 3 if none is broken but one is cut: its lines hold, but it has no "
	       "signed end, because the session still runs, was killed, or lines were cut off.",
};

static const struct argp show_argp = {
	.options = show_options,
	.parser = parse_option,
	.args_doc = "FILE...",
	.doc = "Print the events of records, one a line: time (UTC), call, execution, kind, verdict, "
	       "what it is about; below it each rule that"
	       " matched and its reason.\v"
	       "The chain is checked on the way: exit status 1 if a line does not fit. A record "
	       "that has no end yet is shown with a warning.",
};

static const struct argp export_argp = {
	.options = export_options,
	.parser = parse_option,
	.args_doc = "FILE...",
	.doc = "Print the events of records in a format that other systems read.\v"
	       "The chain is checked on the way: exit status 1 if a line does not fit. A record "
	       "that has no end yet is exported with a warning.",
};

static const struct argp replay_argp = {
	.options = replay_options,
	.parser = parse_option,
	.args_doc = "FILE",
	.doc = "Judge what a session did anew, by another policy, from its record alone, and print "
	       "the actions whose verdict changes.\v"
	       "Exit status: 0 if no verdict changes, 1 if one does, 2 if that cannot be told: wrong "
	       "usage, a policy that cannot be loaded, a record that is broken or cannot be read, an "
	       "action whose fields are not on it.",
};

static const struct log_command {
	const char *name;
	int (*run)(const struct log_arguments *arguments);
	const struct argp *argp;
	const char *help;
} log_commands[] = {
	{"verify", run_verify, &verify_argp, "tell whether records are whole and signed"},
	{"show", run_show, &show_argp, "print the events of records"},
	{"export", run_export, &export_argp,
	 "print the events for other systems (OCSF, OpenTelemetry)"},
	{"replay", run_replay, &replay_argp, "judge a record anew by another policy"},
};

static int usage(FILE *to, int status)
{
	(void)fputs("Usage: cordon log COMMAND [OPTION...] FILE...\n"
		    "Verify, read, export and replay the record of a session.\n\n",
		    to);
	for (size_t i = 0; i < sizeof(log_commands) / sizeof(log_commands[0]); i++)
		(void)fprintf(to, "  %-8s %s\n", log_commands[i].name, log_commands[i].help);
	(void)fputs("\n`cordon log COMMAND --help` tells the options and what the exit status "
		    "means.\n",
		    to);
	return status;
}

int cmd_log(int argc, char **argv)
{
	struct log_arguments arguments = {0};
	char name[64];
	int status;

	if (argc < 2)
		return usage(stderr, LOG_STATUS_USAGE);
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-?") == 0)
		return usage(stdout, 0);
	for (size_t i = 0; i < sizeof(log_commands) / sizeof(log_commands[0]); i++) {
		const struct log_command *command = &log_commands[i];

		if (strcmp(argv[1], command->name) != 0)
			continue;
		(void)snprintf(name, sizeof(name), "cordon log %s", command->name);
		argv[1] = name;
		(void)argp_parse(command->argp, argc - 1, argv + 1, 0, NULL, &arguments);
		status = command->run(&arguments);
		free(arguments.policies);
		return status;
	}
	(void)fprintf(stderr, "cordon log: no command \"%s\"\n", argv[1]);
	return usage(stderr, LOG_STATUS_USAGE);
}
