/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The report of `cordon policy check` on stdout, in each of its forms. */

#include <stdbool.h>

#include "monitor/policy/lint.h"

struct checked {
	struct lint lint;
	const struct error
		*error;	   /* why nothing could be loaded, "file:line:column: ...", or NULL */
	bool traced;	   /* the host has the trace */
	char why_not[400]; /* where it was tried and has not */
};

void check_print_text(const struct checked *checked, bool colour);
void check_print_json(const struct checked *checked);
/* https://docs.oasis-open.org/sarif/sarif/v2.1.0/ */
void check_print_sarif(const struct checked *checked);
