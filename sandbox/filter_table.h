/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* How the tables of filter_rules.c and filter_lite.c write a condition (struct filter_match). */

#include <stdint.h>

#define LOW32 0xffffffffull /* the kernel cuts int arguments: what is above must not matter */
#define IS(_arg, _value)                       \
	{                                      \
		(_arg), LOW32, (_value), false \
	}
#define NOT_ZERO(_arg)                      \
	{                                   \
		(_arg), UINT64_MAX, 0, true \
	}
