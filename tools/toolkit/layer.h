/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The layers of a cow workspace on the host: a folder that holds `upper`, the changes, and the
 * overlay's own `work` beside it; once it is kept, also `of`, a link whose text is the workspace.
 */

#include <stdbool.h>

#include "common/error.h"

/* True if the folder holds anything. */
bool layer_has_changes(const char *upper_dir);

/*
 * layer_remove - takes a folder away with all that is in it, also what an overlay left without
 * permissions. Symbolic links are removed, not followed; other file systems are not entered.
 */
void layer_remove(const char *dir);

/*
 * layer_settle - after the session's end: what it changed is kept, everything else goes.
 * @workspace: whose changes they are; NULL: as it was told before, if it was.
 * @discard: keeps nothing.
 */
void layer_settle(const char *upper_dir, const char *workspace, bool discard);

/*
 * layer_check_owner - a session that goes on with kept changes goes on with their workspace: over
 * another one they would hide its files. Return: 0, or -EEXIST with the reason.
 */
int layer_check_owner(const char *upper_dir, const char *workspace, struct error *err);
