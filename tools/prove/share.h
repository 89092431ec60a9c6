/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the kernel counts by user: the attempt takes what it can get and says so, somebody outside
 * tries to take a little of the same, and then the attempt gives it back.
 */

#include "common/buf.h"
#include "tools/prove/outside.h"

/* What the caller may have of it at most, and so a control take of the host. */
void share_lower(void);
/* Looks each time that the output says that all is taken, and answers. */
void share_look(struct outside *o, const struct buf *output);

/* For attempts: holds what it has until somebody has looked. Return: 0, ATTEMPT_BROKEN. */
int share_hold(void);
