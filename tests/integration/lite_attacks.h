/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What test_lite.py tries inside a session of isolation lite, and outside as the control:
 *
 *	lite_attacks ATTEMPT [ARGUMENT...]	prints "ok", or the name of the errno
 *
 * Each attempt is one way over one wall. Static, so that any view will do.
 */

struct lite_attempt {
	const char *name;
	int args;
	long (*run)(char **args); /* negative with errno set, or not */
};

/* Each ends with an empty row; those on sockets are beside main(). */
extern const struct lite_attempt file_attempts[], process_attempts[];
