/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The kept layer of a cow workspace on the host: SESSION_DIR/upper, with the overlay's own
 * SESSION_DIR/work beside it.
 */

#include <stdbool.h>

/* True if the folder holds anything. */
bool layer_has_changes(const char *upper_dir);

/* Removes a folder and all below it, also what an overlay left without permissions. Symbolic
 * links are removed, not followed; other file systems are not entered. */
void layer_remove(const char *dir);
