/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Values of options, for their parsers: read, and kept. What takes an argp_state ends the program
 * with argp_error() for what is no such value; @option: the option's name, with its dashes.
 */

#include <argp.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/toolkit/agent_session.h"

/* Return: its index in the list, which ends in NULL; -1: it is none of them. */
int option_find(const char *text, const char *const *choices);
/* The same of one that must be; @known: as people say them. */
int option_choice(struct argp_state *state, const char *option, const char *text,
		  const char *const *choices, const char *known);
/* A number in that range. */
double option_number(struct argp_state *state, const char *option, const char *text, double least,
		     double most);
/* The same in thousandths. */
uint32_t option_milli(struct argp_state *state, const char *option, const char *text, double least,
		      double most);
/* Bytes, with K, M or G if need be; not 0. */
void option_size(struct argp_state *state, const char *option, const char *text, uint64_t *ret);

/* Keeps a text as long as the options are there. Return: it. */
char *option_own(struct session_options *options, char *text);
/* One more at the end of a list, which always ends in NULL. Borrows @word. */
void option_add_word(const char ***words, size_t *count, const char *word);
