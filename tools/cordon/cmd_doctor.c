/* SPDX-License-Identifier: Apache-2.0 */
#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/json_write.h"
#include "tools/cordon/commands.h"
#include "tools/cordon/doctor/doctor.h"

static const struct {
	const char *name;
	const char *colour;
} states[] = {
	[PROBE_HOLDS] = {"holds", "\033[32m"},
	[PROBE_WEAKER] = {"weaker", "\033[33m"},
	[PROBE_MISSING] = {"missing", "\033[31m"},
};

struct doctor_options {
	bool prove;
	struct prove_options proof; /* its json is for both */
};

static const struct argp_option doctor_options[] = {
	{"json", 'j', 0, 0, "Print the report as JSON", 0},
	{"prove", 'P', 0, 0, "Attack a session on this host and tell which walls hold", 0},
	{"verbose", 'v', 0, 0, "With --prove: show every attempt as it is made", 0},
	{"list", 'l', 0, 0, "With --prove: name the attempts and make none", 0},
	{0},
};

static error_t parse_doctor(int key, char *arg, struct argp_state *state)
{
	struct doctor_options *o = state->input;

	(void)arg;
	switch (key) {
	case 'j':
		o->proof.json = true;
		return 0;
	case 'P':
		o->prove = true;
		return 0;
	case 'v':
		o->proof.verbose = true;
		return 0;
	case 'l':
		o->proof.list = true;
		return 0;
	case ARGP_KEY_ARGS:
		o->proof.prefixes = state->argv + state->next;
		o->proof.prefix_count = (size_t)(state->argc - state->next);
		return 0;
	case ARGP_KEY_END:
		if (!o->prove && (o->proof.verbose || o->proof.list || o->proof.prefix_count))
			argp_error(state, "%s goes with --prove only",
				   o->proof.verbose ? "--verbose"
				   : o->proof.list  ? "--list"
						    : o->proof.prefixes[0]);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp doctor_argp = {
	.options = doctor_options,
	.parser = parse_doctor,
	.args_doc = "[--prove PREFIX...]",
	.doc = "Tell which layers hold on this host, and how to get the others.\v"
	       "Every row was tried, none was read from a list. The exit status is 0 if a default "
	       "`cordon run` will hold, else 1.\n"
	       "With --prove: 0 if every attempt to get out was held, 1 if one was not, 125 if it "
	       "could not be tried. A PREFIX chooses attempts by the start of their names. See "
	       "cordon-doctor(1).",
};

/* Text with its continuation lines below its start, at most `width` columns to a line. */
static void print_wrapped(const char *text, int indent, int width)
{
	int column = indent;

	while (*text) {
		const size_t word = strcspn(text, " ");

		if (column > indent && column + 1 + (int)word > width) {
			(void)printf("\n%*s", indent, "");
			column = indent;
		} else if (column > indent) {
			(void)putchar(' ');
			column++;
		}
		(void)printf("%.*s", (int)word, text);
		column += (int)word;
		text += word;
		text += strspn(text, " ");
	}
	(void)putchar('\n');
}

static void print_row(const struct probe *probe, const struct probe_result *result, bool colour)
{
	(void)printf("%-21s %s%-8s%s ", probe->title, colour ? states[result->state].colour : "",
		     states[result->state].name, colour ? "\033[0m" : "");
	print_wrapped(result->detail, 31, 100);
	if (result->remedy[0]) {
		(void)printf("%28s-> ", "");
		print_wrapped(result->remedy, 31, 100);
	}
	(void)fflush(stdout);
}

static void put_row(struct json_writer *w, const struct probe *probe,
		    const struct probe_result *result)
{
	json_begin_object(w, NULL);
	json_put_string(w, "layer", probe->name);
	json_put_string(w, "state", states[result->state].name);
	json_put_bool(w, "needed", probe->needed);
	json_put_string(w, "detail", result->detail);
	json_put_string(w, "how", result->remedy[0] ? result->remedy : NULL);
	json_end_object(w);
}

static int report_layers(bool json)
{
	_cleanup_buf_ struct buf out = BUF_INIT(0);
	struct json_writer w = {.out = &out, .indent = true};
	const bool colour = isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
	bool holds = true;

	json_begin_object(&w, NULL);
	json_begin_array(&w, "layers");
	for (size_t i = 0; i < probe_count; i++) {
		struct probe_result result = {.state = PROBE_MISSING};

		probes[i].run(&result);
		holds = holds && (result.state != PROBE_MISSING || !probes[i].needed);
		put_row(&w, &probes[i], &result);
		if (!json)
			print_row(&probes[i], &result, colour);
	}
	json_end_array(&w);
	json_put_bool(&w, "default_run_holds", holds);
	json_end_object(&w);
	if (json)
		(void)puts(out.data);
	else
		(void)puts(holds ? "\nA default `cordon run` holds on this host."
				 : "\nA default `cordon run` will refuse to start on this host.");
	return holds ? 0 : 1;
}

int cmd_doctor(int argc, char **argv)
{
	struct doctor_options o = {0};

	if (argp_parse(&doctor_argp, argc, argv, 0, NULL, &o) != 0)
		return 2;
	return o.prove ? doctor_prove(&o.proof) : report_layers(o.proof.json);
}
