/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The part of <argp.h> of glibc that the options of a run are parsed with, for the front alone,
 * whose C library has none. It says nothing and helps nobody: what is wrong, is no option that it
 * knows, or asks for help goes to the whole program (front.h), which tells.
 */

#include <stdbool.h>

typedef int error_t;

struct argp_state;
typedef error_t (*argp_parser_t)(int key, char *arg, struct argp_state *state);

struct argp_option {
	const char *name;
	int key;
	const char *arg;
	int flags;
	const char *doc;
	int group;
};

struct argp_child {
	const struct argp *argp;
	int flags;
	const char *header;
	int group;
};

struct argp {
	const struct argp_option *options;
	argp_parser_t parser;
	const char *args_doc;
	const char *doc;
	const struct argp_child *children;
};

struct argp_state {
	char **argv;
	int next;	     /* of the first argument that is no option's, at ARGP_KEY_ARGS */
	void *input;	     /* of the parser that is called */
	void **child_inputs; /* for it to set at ARGP_KEY_INIT */
};

#define ARGP_IN_ORDER 8 /* the only way here: options end where an argument begins */

#define ARGP_ERR_UNKNOWN  7 /* E2BIG, as in glibc */
#define ARGP_KEY_INIT	  0x1000003
#define ARGP_KEY_NO_ARGS  0x1000002
#define ARGP_KEY_SUCCESS  0x1000004
#define ARGP_KEY_ARGS	  0x1000006
#define ARGP_MAX_CHILDREN 4

/* One tree at a time. @ret_next: as in glibc, or NULL. */
error_t argp_parse(const struct argp *argp, int argc, char **argv, unsigned flags, int *ret_next,
		   void *input);

_Noreturn void argp_error(const struct argp_state *state, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
