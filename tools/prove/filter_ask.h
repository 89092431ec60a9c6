/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Asks the running kernel what the product's filter says to a system call, without carrying any
 * out: the filter's own bytes are loaded in a child with each of its answers turned into a trap
 * that tells which answer it was. So the filter's refusal cannot be mistaken for the kernel's.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum filter_verdict {
	FILTER_SILENT, /* nothing came back */
	FILTER_ALLOWS,
	FILTER_ERRNO,
	FILTER_NOTIFIES,
	FILTER_KILLS
};

struct filter_question {
	unsigned nr;
	uint64_t args[6];
	enum filter_verdict verdict; /* the answer */
	int errno_value;	     /* with FILTER_ERRNO */
};

/* Fills the answers. @gated: the variant for the gate. Return: 0 or a negative errno. */
int filter_ask(bool gated, struct filter_question *questions, size_t count);
