/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Shared by the decoder's files: decode.c (the whole), decode_setup.c (what the session starts
 * from), decode_steps.c (the calls, what must come of each, and the final checks).
 */

#include "scenarios/scenario.h"

/* Where in which file, for error texts. */
struct place {
	const char *file;
	const char *path; /* "$.steps[2]" */
	struct error *err;
};

/* "file: path: reason" */
int place_error(const struct place *place, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* json_decode() with the file's name before its text. */
int place_decode(const struct place *place, const struct json *object,
		 const struct json_field *fields, size_t count, void *target);
/* The index of a string among names. */
int place_choose(const struct place *place, const struct json *node, const char *const *names,
		 unsigned count, unsigned *ret);
/* A path inside the workspace that cannot lead out of it. */
bool is_workspace_path(const char *path);
/* Each item of the array must be a string that is not empty. */
int check_strings(const struct place *place, const struct json *array);

int setup_decode(const struct place *place, const struct json *node, struct setup *ret);
void setup_done(struct setup *setup);

int steps_decode(const struct place *place, const struct json *array, struct scenario *s);
int finally_decode(const struct place *place, const struct json *node, struct scenario *s);
