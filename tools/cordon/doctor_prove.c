/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "tools/cordon/doctor.h"
#include "tools/toolkit/paths.h"

#define NOT_RUN 125

int doctor_prove(bool json, bool verbose, char **prefixes, size_t count)
{
	_cleanup_free_ char *program = NULL;
	_cleanup_free_ char **argv = xcalloc(count + 8, sizeof(*argv));
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
	probe_trace(&trace);
	argv[n++] = program;
	argv[n++] = (char[]){"--cordon"};
	argv[n++] = cordon;
	argv[n++] = trace.state == PROBE_HOLDS ? (char[]){"--trace=on"} : (char[]){"--trace=auto"};
	if (json)
		argv[n++] = (char[]){"--json"};
	if (verbose)
		argv[n++] = (char[]){"--verbose"};
	argv[n++] = (char[]){"--"};
	memcpy(argv + n, prefixes, count * sizeof(*prefixes));
	(void)execv(program, argv);
	(void)fprintf(stderr, "cordon: start %s: %s\n", program, strerror(errno));
	return NOT_RUN;
}
