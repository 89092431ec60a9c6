/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What attempts share. They return errno values: 0 is a success, and that is bad news.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tools/prove/prove.h"

#define PATH_BYTES 512

/* errno of a call that returned @r; closes what it opened. */
static inline int closed(int r)
{
	if (r < 0)
		return errno;
	(void)close(r);
	return 0;
}

static inline int outcome(long r)
{
	return r < 0 ? errno : 0;
}

/* Prints what is in the file: if that is a secret, the runner sees it. */
int print_file(int folder_fd, const char *path);
/* Writes into an existing file. */
int overwrite(const char *path);
/* Creates a file and writes into it. */
int create(const char *path);

char *joined(char *ret, const char *folder, const char *name); /* PATH_BYTES */
/* A name in the folder that no other attempt uses. */
char *fresh_name(char *ret, const char *folder, const char *prefix);

/* Runs fn in a child. Return: its exit status, or 128 + signal. */
int in_other(int (*fn)(const void *arg), const void *arg);
