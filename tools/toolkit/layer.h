/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The layers of a cow workspace on the host: a folder that holds `upper`, the changes, and the
 * overlay's own `work` beside it.
 */

#include <stdbool.h>

/* True if the folder holds anything. */
bool layer_has_changes(const char *upper_dir);

/*
 * layer_remove - takes a folder away with all that is in it, also what an overlay left without
 * permissions. Symbolic links are removed, not followed; other file systems are not entered.
 */
void layer_remove(const char *dir);

/*
 * layer_settle - after the session's end: what it changed is kept, everything else goes.
 * @discard: keeps nothing.
 */
void layer_settle(const char *upper_dir, bool discard);
