/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What a tool printed, kept within MAX_OUTPUT_BYTES however much it was: the first half and the
 * last half; what lies between is counted and dropped.
 */

#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"

struct tool_output {
	struct buf head;
	char *tail; /* ring of MAX_OUTPUT_BYTES / 2, NULL until it is needed; owned */
	size_t tail_at;
	uint64_t total;
};

void tool_output_init(struct tool_output *output);
void tool_output_done(struct tool_output *output);
void tool_output_put(struct tool_output *output, const char *bytes, size_t len);

/* Bytes that are not kept. */
uint64_t tool_output_dropped(const struct tool_output *output);

/* Appends all that is kept, as it came, with a line that tells of the gap. */
void tool_output_get(const struct tool_output *output, struct buf *to);

/*
 * text_put_utf8 - appends bytes as UTF-8 that any JSON reader takes: each byte that is no part of a
 * well-formed character, and each NUL, becomes U+FFFD. Return: how many were replaced.
 */
size_t text_put_utf8(struct buf *to, const char *bytes, size_t len);
