/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Which files were there before the session: those that it was not seen to make. Fed with what it
 * does, in that order; pure but for a key that nobody else knows, so that no two paths can be found
 * that count as one.
 *
 * What is kept is where the two meet: a path that the session made in a folder that was there, and
 * one that was there and was moved. All else is as the folder it is in, so that a tree that is
 * unpacked or cloned takes one entry. What is noted of a folder moves along with it.
 *
 * Paths are taken as they are written, "." and ".." worked out: of a file that is named through a
 * link to its folder it is not known that the session made it, and it counts as older. An exchange
 * of two names (renameat2(2)) is taken for a rename of the first.
 */

#include <stdbool.h>

#include "monitor/action.h"

#define MAX_PAST 32768u /* paths kept; with more, nothing is known any more */

struct past;

struct past *past_new(void);
struct past *past_free(struct past *past);

/* Something was not seen. */
void past_lose(struct past *past);

/*
 * Fills before_session of a file.change, and of a file.open that writes, and target_before_session
 * of what gives a file another name; before it is noted.
 */
void past_fill(struct past *past, struct action *action);
/* A file.open or file.change that happened. */
void past_note(struct past *past, const struct action *action);
