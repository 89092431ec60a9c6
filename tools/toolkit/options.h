/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The command-line options that every face with a session shares, as an argp child parser.
 */

#include <argp.h>

#include "tools/toolkit/agent_session.h"

/* input: a struct session_options *. Owned arrays are freed with session_options_done(). */
extern const struct argp session_argp;

void session_options_done(struct session_options *options);
