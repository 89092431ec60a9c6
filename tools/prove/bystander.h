/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The process that another call or another session goes for, seen from outside.
 */

#include "tools/prove/outside.h"

/* Host pid of this arena's bystander; 0 if none comes. */
pid_t bystander_wait(const struct outside *o);
/* Gone, stopped, or with a signal on its way that makes it so. */
bool bystander_was_hit(pid_t pid);
