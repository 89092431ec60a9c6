/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What is made outside for a run, for outside.c: folders with known content, programs, listeners.
 * Both that can fail return 0 or a negative errno.
 */

#include "tools/prove/outside.h"

/* Fills the arena's folder; @program is the runner, beside which the payloads lie. */
int arena_fill(const struct outside *o, const char *program);
/* Opens the listeners of @o, which owns them also after a failure. */
int arena_listen(struct outside *o);
/* Removes the folder and all that is in it. */
void arena_remove(const char *dir);
