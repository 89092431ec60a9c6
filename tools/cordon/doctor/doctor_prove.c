/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "tools/cordon/doctor/doctor.h"
#include "tools/toolkit/paths.h"

#define NOT_RUN 125

/* execv(3) wants what it will not change without const. */
static char with_cordon[] = "--cordon";
static char trace_on[] = "--trace=on";
static char trace_auto[] = "--trace=auto";
static char as_json[] = "--json";
static char each_row[] = "--verbose";
static char as_list[] = "--list";
static char end_of_options[] = "--";

int doctor_prove(const struct prove_options *o)
{
	_cleanup_free_ char *program = NULL;
	_cleanup_free_ char **argv = xcalloc(o->prefix_count + 9, sizeof(*argv));
	char cordon[PATH_MAX] = "";
	struct probe_result trace = {.state = PROBE_MISSING};
	struct error err = {0};
	size_t n = 0;

	if (paths_prover(&program, &err) < 0) {
		(void)fprintf(stderr, "cordon: %s\n", err.text);
		return NOT_RUN;
	}
	if (readlink("/proc/self/exe", cordon, sizeof(cordon) - 1) < 0) {
		(void)fprintf(stderr, "cordon: /proc/self/exe: %s\n", strerror(errno));
		return NOT_RUN;
	}
	if (!o->list)
		probe_trace(&trace);
	argv[n++] = program;
	argv[n++] = with_cordon;
	argv[n++] = cordon;
	argv[n++] = trace.state == PROBE_HOLDS ? trace_on : trace_auto;
	if (o->json)
		argv[n++] = as_json;
	if (o->verbose)
		argv[n++] = each_row;
	if (o->list)
		argv[n++] = as_list;
	argv[n++] = end_of_options;
	if (o->prefix_count)
		memcpy(argv + n, o->prefixes, o->prefix_count * sizeof(*o->prefixes));
	(void)execv(program, argv);
	(void)fprintf(stderr, "cordon: start %s: %s\n", program, strerror(errno));
	return NOT_RUN;
}
