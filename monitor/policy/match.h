/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Matching of paths and host names: on canonical things, at component boundaries, never
 * by substring. Patterns are checked when they are loaded; matching takes no memory and its time is
 * bounded by pattern length times text length.
 *
 * Paths: components are separated by '/'. In a component '*' stands for any bytes, '?' for one
 * character; a component "**" stands for any number of components, also none. "~" as the first
 * component is the session's home. A backslash takes the next character literally.
 *
 * Hosts: labels are separated by '.', compared without case; '*' stays within one label; a first
 * label "**" stands for one or more labels. A numeric address only matches itself.
 */

#include <stdbool.h>
#include <stddef.h>

#include "common/limits.h"
#include "monitor/action.h"

#define SESSION_HOME "/home/agent"

/*
 * glob_check, host_check - NULL if the pattern is good, else the reason, a static text.
 * @absolute: the pattern is for paths, which are absolute: it must start with "/", "~" or "**".
 */
const char *glob_check(struct str pattern, bool absolute);
const char *host_check(struct str pattern);

/* @fold: compare ASCII letters without case. */
bool glob_match(struct str pattern, struct str path, bool fold);
bool host_match(struct str pattern, struct str host);

/* Text comparison with the option to take A-Z as a-z on either side. */
int text_compare(struct str a, struct str b, bool fold_a, bool fold_b);
bool text_contains(struct str text, struct str part, bool fold_text, bool fold_part);
