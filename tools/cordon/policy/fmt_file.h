/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Files of `cordon policy fmt`: which there are, what is in them, and putting another in place. */

#include <stdio.h>
#include <sys/stat.h>

#include "common/buf.h"
#include "common/error.h"

/* A file itself, or the *.json and *.cases of a folder, sorted. Owns all. */
struct fmt_names {
	char **paths;
	size_t count;
};

int fmt_names_find(const char *path, struct fmt_names *ret, struct error *err);
void fmt_names_done(struct fmt_names *names);

/* Owns all. */
struct fmt_file {
	int fd;
	char *path; /* symbolic links resolved */
	struct stat st;
	struct buf text;
};

/* Free with fmt_file_done(), also after an error. */
int fmt_file_read(const char *path, struct fmt_file *ret, struct error *err);
/*
 * fmt_file_replace - puts a file with this text in its place, in one step, with its mode, owner and
 * extended attributes. Errors: -EPERM if it cannot have these; -ESTALE if the file was changed
 * since it was read; -EMLINK if it has other names, which would go on being the old text.
 */
int fmt_file_replace(const struct fmt_file *file, const struct buf *text, struct error *err);
void fmt_file_done(struct fmt_file *file);

/* Up to MAX_JSON_BYTES. */
int fmt_read(FILE *from, const char *name, struct buf *ret, struct error *err);
