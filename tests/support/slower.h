/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdlib.h>

/*
 * Tests repeat what may go wrong only sometimes, as often as a real machine does in seconds. In an
 * emulator that takes minutes: CORDON_TEST_SLOWER says by how much to lower rounds and to raise
 * limits of time there.
 */
static inline unsigned slower(void)
{
	const char *given = getenv("CORDON_TEST_SLOWER"); /* NOLINT(concurrency-mt-unsafe) */
	const unsigned long by = given ? strtoul(given, NULL, 10) : 1;

	return by >= 1 && by <= 100 ? (unsigned)by : 1;
}

static inline unsigned rounds(unsigned usual)
{
	return usual / slower() ? usual / slower() : 1;
}
