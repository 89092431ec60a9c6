/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Parts of the source of a manual page. */

#include "common/buf.h"

/* The text between this heading, a line, and the next one; the caller frees. Fails without it. */
char *man_section(const char *whole, const char *heading);
/* Appends the lines that begin with one of the marks @start, not indented: one item each. */
void man_items(const char *text, const char *start, struct buf *out);
