/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the seccomp filter says, as data: one table for the generator that builds the filter and for
 * the tests that try each row. Each call of common/syscall_table.c is either refused or allowed
 * here; what that table does not know gets ENOSYS. Reasons per class: SECURITY.md.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whole calls. ENOSYS where libraries fall back to an older call, else EPERM. */
struct filter_denied {
	const char *name;
	int errno_value;
};

extern const struct filter_denied filter_denied[];
extern const size_t filter_denied_count;

/* Calls that are allowed, but for the arguments in filter_bits (filter_allowed.c). */
extern const char *const filter_allowed[];
extern const size_t filter_allowed_count;

/* (arg & mask) == value, or arg != value; mask 0 means no condition. */
struct filter_match {
	unsigned arg;
	uint64_t mask;
	uint64_t value;
	bool differs; /* with a mask of all bits */
};

/* Calls refused only with certain arguments: every condition must hold. */
struct filter_bits {
	const char *name;
	int errno_value; /* 0: is said to have been done */
	struct filter_match when[2];
};

extern const struct filter_bits filter_bits[];
extern const size_t filter_bits_count;
/* So many of them, the first, do not hold where the hands carry a call out: those see what a
   filter cannot. */
#define FILTER_BITS_OF_HANDS 4u

/* Calls that notify the supervisor in the gated variants. */
struct filter_gated {
	const char *name;
	int arg;	 /* only if this argument is not 0; -1: always */
	uint64_t bits;	 /* not 0: only if one of these bits of the argument is set, */
	uint64_t unless; /* and none of these */
	bool files;	 /* only where a rule of the session needs to decide on files */
};

extern const struct filter_gated filter_gated[];
extern const size_t filter_gated_count;

/* The same, only where every condition holds. */
struct filter_gated_when {
	const char *name;
	struct filter_match when[2];
};

extern const struct filter_gated_when filter_gated_when[];
extern const size_t filter_gated_when_count;

/* Refused besides where the gate decides on files. */
extern const struct filter_denied filter_files_denied[];
extern const size_t filter_files_denied_count;

/* The same for what isolation lite adds (filter_lite.c). */
extern const struct filter_denied filter_lite_denied[];
extern const size_t filter_lite_denied_count;
extern const struct filter_bits filter_lite_bits[];
extern const size_t filter_lite_bits_count;

/* Highest address family that is allowed; those below it that are not stand in filter_bits. */
#define FILTER_FAMILY_MAX 16u /* AF_NETLINK */
