/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Policy files while they are loaded: their text (files.c) and the errors in it (source.c). Every
 * error text is "file:line:column: reason", then the line and a mark under the place.
 */

#include <stdbool.h>
#include <stddef.h>

#include "common/error.h"
#include "common/json.h"
#include "monitor/policy/signature.h"

/* A file being loaded; owns all. */
struct source {
	char *name;
	char *text;
	size_t len;
	struct json *doc;
	const struct policy_key *signer; /* borrowed from the keys; NULL: nobody was asked for */
};

struct sources {
	struct source *items;
	size_t count;
	bool has_examples_checked;	/* without what the command line adds to them, which may say
					   of an example's host that it is trusted */
	const char *checked_hash;	/* borrowed, NULL: see policy_load_with() */
	const struct policy_keys *keys; /* borrowed; NULL: files need no signature */
};

/*
 * sources_add_path, sources_add_text - one file, every *.json of a folder, one text; parsed.
 * Errors: -EPERM for what somebody else than root or the caller can write (trusted.h); -ENOENT,
 * -E2BIG, -EINVAL; for a path those of signature_check().
 */
int sources_add_path(struct sources *sources, const char *path, struct error *err);
int sources_add_text(struct sources *sources, const char *name, const char *text, size_t len,
		     struct error *err);
/* By file name, so that the order of arguments and of a folder's entries does not matter. */
void sources_sort(struct sources *sources);
/* Hex digest over the names and contents, 64 digits and the NUL. */
void sources_hash(const struct sources *sources, char ret[65]);
void sources_done(struct sources *sources);
/* From texts to a policy, with all that policy_load() checks; sorts @sources, which stay the
 * caller's. */
struct policy;
int policy_build(struct sources *sources, struct policy **ret, struct error *err);

const char *base_of(const char *path);

/* Text to document. */
int source_parse(struct source *source, struct error *err);

/* An error at a byte, or at what a path as json_locate() takes it names; they return -code. */
int source_error_at(const struct source *source, struct error *err, int code, size_t offset,
		    const char *reason);
int source_error(const struct source *source, struct error *err, int code, const char *path,
		 const char *format, ...) __attribute__((format(printf, 5, 6)));
/* Turns the "path: reason" of json_decode() into such an error. */
int source_located(const struct source *source, struct error *err);
