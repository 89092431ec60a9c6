/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Objects of the host that have a number for a name, and no place in a folder that is bound or not:
 * System V's, a POSIX queue, a terminal. They are made for the rows that are after them.
 */

#include "tools/prove/outside.h"

/* Below both: what they are called, by the arena's port. */
int objects_key(const struct arena *arena);
/* "/cordon-prove-PORT" */
void objects_queue_name(const struct arena *arena, char ret[32]);
/* In the folder bound; it holds the terminal's path. */
#define OBJECTS_TERMINAL "terminal"

/* Return: 0, negative errno. They hold the secret; outside_close() has objects_remove() called. */
int objects_make(struct outside *o);
/* Was something typed into the terminal, or written there? */
bool objects_terminal_was_reached(const struct outside *o);
void objects_remove(struct outside *o);
