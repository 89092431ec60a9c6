/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Why a condition is false of an action: the parts that && joins, of which each alone would do,
 * with the places where they are written and what they read. Of an example in a file, for its
 * author.
 */

#include "monitor/policy/rule.h"

/* An expression in the files, while policy->sources are there. All borrowed. */
struct written_when {
	const struct policy *policy;
	const struct source *source;
	const char *path;
	const char *text;
	uint32_t kinds;
};

/* Adds a line, with what is shown below it, for each of the first parts of it that is false. */
void condition_tell_false(const struct written_when *when, const struct cel_env *env,
			  struct buf *out);
