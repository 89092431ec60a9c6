/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The user's terminal, where the command has none of its own: one of its streams was redirected,
 * and it is handed the others as they are. What it is handed keeps to one direction, so that
 * nothing that is typed is read from its output.
 */

#include "common/error.h"

/* Before anything is started. Return: 0, negative errno: a stream cannot be kept to its direction.
 */
int handed_terminal_take(struct error *err);
/* When the command is over: the modes that the terminal had, unless it may be somebody else's. */
void handed_terminal_give_back(void);
