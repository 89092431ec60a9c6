/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Staying awake for a moment after bytes were moved. Small messages go back and forth through the
 * relay at a pace at which falling asleep and being woken, on another processor than who wakes, is
 * most of their time: in a virtual machine, tens of microseconds each time.
 *
 * So where bytes follow each other closely, the loop asks again at once instead of waiting, and
 * serves whatever is there, for up to AWAKE_NS after the last of them. Between two looks it yields,
 * so that a client or a server on the same processor has its turn. A yield that takes long says
 * that somebody else has work for this processor: it is left to them, and not asked for again for
 * AWAKE_REST_NS. With a server that is farther away than AWAKE_SOON_NS nobody stays awake.
 */

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#define AWAKE_NS      UINT64_C(50000)
#define AWAKE_SOON_NS UINT64_C(100000) /* bytes that follow each other closely; also a long yield \
					*/
#define AWAKE_REST_NS UINT64_C(20000000)
#define AWAKE_ENOUGH  2u /* so many that did: one question and its answer may be all there is */

struct awake {
	uv_idle_t idle;
	unsigned followed;	/* one after the other, at most AWAKE_ENOUGH */
	uint64_t moved_ns;	/* when last something was moved */
	uint64_t rests_till_ns; /* others need the processor */
};

void awake_init(struct awake *awake, uv_loop_t *loop);
/* Something was moved at @now_ns (CLOCK_MONOTONIC): stay for what follows, if that is likely. */
void awake_moved(struct awake *awake, uint64_t now_ns);
/* A yield lasted from @from_ns to @to_ns. Return: whether to stay on. */
bool awake_goes_on(struct awake *awake, uint64_t from_ns, uint64_t to_ns);
