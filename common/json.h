/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * JSON, read strictly. Only common/json.c and common/json_gate.c know cJSON.
 *
 * cJSON by itself accepts duplicate keys, bad UTF-8, raw control bytes, "007" and cuts strings at
 * \u0000; a monitor that reads a message differently from the program it guards can be bypassed.
 * json_parse() therefore runs the byte gate first (RFC 8259 grammar, UTF-8, depth, duplicate keys,
 * \u0000, lone surrogates, numbers that overflow a double) and only then builds the tree.
 * Messages that are forwarded are forwarded as the bytes that came, never printed anew.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/json_scan.h" /* json_locate() and other uses of the text itself */

struct json; /* a node of a parsed document; the root owns all */

enum json_type {
	JSON_NULL,
	JSON_BOOL,
	JSON_NUMBER,
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT
};

/*
 * The byte gate alone. Errors: -EINVAL with "line:column: reason" (columns count characters),
 * -E2BIG over MAX_JSON_BYTES or MAX_JSON_NODES.
 */
int json_check(const char *text, size_t len, struct error *err);

/*
 * json_parse - gate, then tree.
 * @name: what the error text calls the document (a file name).
 * Owns: the caller frees *ret with json_free(). Errors: as json_check(), as "name:line:column:
 * reason".
 */
int json_parse(const char *name, const char *text, size_t len, struct json **ret,
	       struct error *err);

/* Reads a whole file of at most MAX_JSON_BYTES; the text is the caller's and NUL-terminated. */
int json_read_file(const char *path, char **ret_text, size_t *ret_len, struct error *err);

/* json_read_file() and json_parse(). */
int json_parse_file(const char *path, struct json **ret, struct error *err);

void json_free(struct json *doc);

static inline void json_freep(struct json **doc)
{
	json_free(*doc);
}

/*
 * json_member_raw - the exact bytes of a member of the top-level object of checked text; how a
 * 64-bit id is kept that a double cannot hold. Return: 0, -ENOENT, -EINVAL if not an object.
 */
int json_member_raw(const char *text, size_t len, const char *key, const char **ret_at,
		    size_t *ret_len);

enum json_type json_type(const struct json *node);
const char *json_type_name(enum json_type type);
/* Object member by exact key, NULL if absent or if node is no object. */
const struct json *json_get(const struct json *object, const char *key);
size_t json_length(const struct json *node);
const struct json *json_first(const struct json *node); /* of an array or object */
const struct json *json_next(const struct json *node);
const char *json_key(const struct json *node);	  /* of an object's member; else "" */
const char *json_string(const struct json *node); /* NULL unless a string */
/* The string that an object's member is; NULL if it has none. */
const char *json_get_string(const struct json *object, const char *key);
bool json_bool(const struct json *node);     /* false unless true */
double json_number(const struct json *node); /* 0 unless a number */
/* Exact integer in [min, max]; -ERANGE, -EINVAL (not an integer that a double holds exactly). */
int json_i64(const struct json *node, int64_t min, int64_t max, int64_t *ret);
/* The node printed compactly; owned by the caller. */
char *json_print(const struct json *node);

/*
 * Table-driven decoding of an object: unknown, missing and mistyped members are errors that name
 * the path ("$.rules[3].when: expected string, found number"). Each offset is set, to NULL for what
 * is not there; on failure the target is untouched.
 */
struct json_field {
	const char *name;
	enum json_type type;
	bool required;
	/* Where the node pointer goes: an offset of a `const struct json *` in the target struct.
	 */
	size_t offset;
};

int json_decode(const struct json *object, const char *path, const struct json_field *fields,
		size_t count, void *target, struct error *err);
