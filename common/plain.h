/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Text from inside a sandbox for a person's terminal: all that could steer it (controls, bytes that
 * are no UTF-8), turns the direction of text or is not to be seen there is written as escapes.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"

/* Is it such a character? Of those from U+0080 on. */
bool plain_is_tricky(uint32_t c);
/* Appends at most max_bytes of the text, with an ellipsis where it was cut. */
void buf_put_plain(struct buf *b, const char *text, size_t max_bytes);
