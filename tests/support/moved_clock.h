/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What a test of the relay stands in for when it is linked with --wrap: clock_gettime(),
 * uv_hrtime() and uv_now(), which are ahead by what the test says, and upstream_address_refusal(),
 * since loopback, where nothing is dialled, stands for outside.
 */

#include <stdint.h>

/* Time that has passed besides the real one. */
extern uint64_t passed_ns;
/* CLOCK_MONOTONIC without it. */
uint64_t real_ns(void);
