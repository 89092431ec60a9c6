/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * --mode=learn of a session: it refuses nothing, and when its record is closed, what its policies
 * would have refused is proposed as a change of them, for somebody to read (learn.h).
 */

#include "common/error.h"
#include "tools/toolkit/plan.h"

struct learn_session {
	const struct session_options *options; /* borrowed */
	int file_fd;			       /* -1: none yet, or nothing is learned */
};

/* Looks at the policies, and opens the file of --learn-to before anything runs that could put
 * something else there. */
int learn_session_start(const struct session_options *options, struct learn_session *ret,
			struct error *err);
/* Writes it, and tells where; a failure as well. Nothing to be done in other modes. Return: 0 or a
 * negative errno. */
int learn_session_end(struct learn_session *learn, const char *record);
