/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Attempts on a folder called denied, which the arena's rule on files protects. Each is made in a
 * case of its own, a folder below the live workspace:
 *
 *	denied/file, denied/gone, denied/folder/	protected
 *	other/, harmless/file, harmless/gone, text	not protected
 *	denied/sock	leads to the socket in the workspace, which the runner serves
 *	to-denied, to-denied-file	links
 *	link, other-link, way/to, other-way/to	links that a race exchanges: the first of each
 *						pair leads to harmless, the other to denied
 *
 * The probe's side has one table of calls (probes/file_calls.c, probes/file_aliases.c), with the
 * case as working directory; the runner makes the cases and looks at what is protected.
 */

#include <stdbool.h>
#include <stddef.h>

#include "tools/prove/prove.h"

#define FILES_ERRNO EROFS  /* by which the rule refuses */
#define FILES_CASE  "case" /* that of a row; a call's case has the call's name */

/* The rules, as a policy file. */
extern const char files_policy[];

/* Which of the calls is to be made; passed through all families, which count on. */
struct file_turn {
	size_t next, wanted;
	bool only_name; /* make none */
	const char *name;
	const char *classes;
};

/* Is it this one's turn to be made? */
bool file_turn_is(struct file_turn *turn, const char *name);

/*
 * In a family: makes the call if it is its turn. What does not have its turn is not evaluated. A
 * failure says by errno why.
 */
#define FILE_TRY(_turn, _name, _call)               \
	do {                                        \
		if (file_turn_is((_turn), (_name))) \
			return (long)(_call);       \
	} while (0)

/* A family returns what the call did, FILE_NOT_MINE if the turn is none of its. */
typedef long (*file_family_fn)(struct file_turn *turn);
#define FILE_NOT_MINE (-1000)

struct file_family {
	const char *classes; /* of attack */
	file_family_fn fn;
};

extern const struct file_family file_call_families[], file_alias_families[];

/* Return: false if there is no call with this number. */
bool file_call_name(size_t i, struct file_turn *ret);
/* --files DIR PHASE...: makes every call in a child of its own, "@@ PHASE INDEX errno N" for each.
 */
int files_main(int argc, char **argv);

/* Makes a case below the workspace. Return: 0, negative errno. */
int files_case_make(const struct arena *a, const char *name);
/* All that can be seen of what the case protects, but who has read it. Owns: the caller frees. */
char *files_case_look(const struct arena *a, const char *name);

/* For a row with ROW_BESIDE: changes links of its case from outside, until it is killed. */
_Noreturn void files_beside(const struct row *row, const struct arena *a);
