/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Finding things in JSON text without a tree: for exact bytes and for places in error messages.
 * All of it expects text that json_check() let pass; on other text it finds nothing or the wrong
 * thing, but stays inside the bytes.
 */

#include <stddef.h>

#include "common/buf.h"

/* Line and column, both from 1, of a byte offset. Columns count characters, a tab as one. */
void json_position(const char *text, size_t len, size_t offset, unsigned *ret_line,
		   unsigned *ret_column);

/*
 * json_locate - where a value stands in its text.
 * @path: as json_decode() writes it: "$", "$.rules[3].when"; a key with other characters than
 *        letters, digits, '_' and '-' as "$[\"odd key\"]", with JSON's escapes.
 * Return: 0 with the offset of the value's first byte (of a string: its quote), -ENOENT if nothing
 * is there, -EINVAL for a path that is none.
 */
int json_locate(const char *text, size_t len, const char *path, size_t *ret_offset);

/*
 * json_string_offset - where byte `index` of a string's value stands in the text, escapes counted.
 * @value: offset of the string's opening quote. Return: an offset not behind the closing quote.
 */
size_t json_string_offset(const char *text, size_t len, size_t value, size_t index);

/* Appends what the inside of a string (without its quotes) stands for. */
void json_unescape(const char *at, size_t len, struct buf *out);
