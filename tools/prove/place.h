/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Starts the probe in one of these places, and takes what it prints.
 */

#include "common/buf.h"
#include "tools/prove/outside.h"

enum place {
	PLACE_SESSION, /* `cordon run` with its defaults */
	PLACE_UNRULED, /* the same without the rules that the row asks for, or its limit of the disk
			*/
	PLACE_SENT, /* the same with a pipe's like as standard input, through which comes what the
		       row hands in */
	PLACE_HOST,
	PLACE_BARE
};

struct places {
	const char *cordon;  /* path of the command */
	const char *program; /* of this one */
	bool trace;	     /* the host has it; else --trace=auto */
};

/*
 * place_run - @argv is what follows the program's name, NULL-terminated.
 * Return: the status as a shell has it, negative errno. Owns: the caller frees *output.
 */
int place_run(const struct places *p, enum place place, struct outside *o, unsigned flags,
	      const char *const *argv, struct buf *output);

/* CORDON_TRACE_BACKEND=... as the caller has it: of each session that is attacked. NULL: not set.
 */
char *place_backend(void);

/* From here on SIGINT, SIGTERM and SIGHUP end what runs, and then the suite, with all cleaned up.
 */
void place_take_signals(void);
bool place_interrupted(void);
