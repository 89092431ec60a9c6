/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What a fuzz target needs. A target is one function over arbitrary bytes; what must hold of every
 * input is said with fuzz_expect(), which ends the process so that the fuzzer keeps the input.
 */

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define fuzz_expect(_condition)                                                                 \
	do {                                                                                    \
		if (!(_condition)) {                                                            \
			(void)fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, \
				      #_condition);                                             \
			abort();                                                                \
		}                                                                               \
	} while (0)
