/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The layers of a cow workspace on the host: a folder that holds `upper`, the changes, and the
 * overlay's own `work` beside it.
 */

#include <stdbool.h>

/*
 * layer_settle - after the session's end: what it changed is kept, everything else goes.
 * Removes also what an overlay left without permissions; symbolic links are removed, not followed,
 * and other file systems are not entered. @discard: keeps nothing.
 * Return: true if upper_dir holds changes and is kept.
 */
bool layer_settle(const char *upper_dir, bool discard);
