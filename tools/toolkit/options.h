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

/* For parsers of options: keeps a text as long as the options are there. Return: it. */
char *option_own(struct session_options *options, char *text);
/* One more at the end of a list, which always ends in NULL. Borrows @word. */
void option_add_word(const char ***words, size_t *count, const char *word);
