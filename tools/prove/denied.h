/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A probe for each row of sandbox/filter_rules.c, made from the row itself: a call that is added to
 * the deny list is attacked from then on.
 */

#include <stddef.h>
#include <stdint.h>

struct denied_case {
	const char *name; /* of the system call */
	char id[48];
	unsigned nr;
	int errno_value; /* by which the filter refuses */
	uint64_t args[6];
	/* The same call, as it must go on to work. */
	uint64_t twin[6];
	int has_twin; /* whole calls have none but their absence from the filter */
};

size_t denied_count(void);
void denied_case(size_t i, struct denied_case *ret);

/* Arguments with which a call is refused by no condition; all zero where none would refuse it. */
void harmless_arguments(const char *name, uint64_t ret[6]);

/* --denied PHASE: makes every case's call in a child of its own, "@@ INDEX errno N" for each. */
int denied_main(int argc, char **argv);
