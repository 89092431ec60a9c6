/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The canaries of a session: texts that no task needs, each with the name that policy and record
 * know it by. Pure.
 */

#include "monitor/net/scan.h"

#define MAX_CANARIES	32u /* given; the decoys of a session have some more */
#define MAX_CANARY_NAME 63u

/*
 * canary_parse - "NAME=TEXT", the name of letters, digits, ".", "-" and "_".
 * Return: NULL, or what it must be, static. @ret_name and @ret_text point into @given.
 */
const char *canary_parse(const char *given, struct str *ret_name, struct str *ret_text);

struct canaries {
	struct scan_set *set;		  /* NULL: there are none */
	struct str names[SCAN_MAX_TEXTS]; /* borrowed; bit i of scan_found() is names[i] */
	struct str texts[SCAN_MAX_TEXTS]; /* likewise */
	size_t count;
};

/* Borrows both. Errors: -E2BIG when there are too many. */
int canaries_add(struct canaries *canaries, struct str name, struct str text, struct error *err);
/* @given: NULL-terminated, or NULL; borrowed. Errors: -EINVAL for one that is malformed, -E2BIG. */
int canaries_add_given(struct canaries *canaries, const char *const *given, struct error *err);
/* Makes the set of what was added. Errors: those of scan_set_new(). */
int canaries_build(struct canaries *canaries, struct error *err);
void canaries_done(struct canaries *canaries);
