/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What is protected, taken out of an event before its line is written: each text of it is shown to
 * whoever knows what that is. Pure.
 *
 * Left alone are the names that cordon and the policy give (a kind, a rule, a verdict, a label):
 * none of them comes from inside, and readers go by them. Of a tool's arguments, which are JSON in
 * a string, each text is shown as what it stands for, keys too, and then the whole.
 *
 * Of a member of the event MASK_LOOK_BYTES are looked at. What is behind them becomes MASK_UNSEEN:
 * so large an event keeps the first few KiB of its fields anyway.
 */

#include <stddef.h>

#include "common/buf.h"
#include "monitor/evidence/record.h"

#define MASK_LOOK_BYTES (128u << 10)
#define MASK_UNSEEN	"[redacted:unsearched]"

struct masker {
	record_redactor redact;
	void *ctx;		  /* borrowed */
	const unsigned char *key; /* RECORD_MASK_KEY_BYTES, borrowed */
};

/*
 * mask_line - @line: an object's text, which may lack its closing brace.
 * @out: gets the text with its marks; what it holds is of no use where there are none.
 * Return: how many marks were put.
 */
size_t mask_line(const struct masker *masker, const char *line, size_t len, struct buf *out);
