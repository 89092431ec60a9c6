/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/moved_clock.h"

#include <time.h>

#include <uv.h>

#include "monitor/net/upstream_address.h"

#define NS_PER_S  UINT64_C(1000000000)
#define NS_PER_MS UINT64_C(1000000)

uint64_t passed_ns;

int __real_clock_gettime(clockid_t clock, struct timespec *ret);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ret);
uint64_t __wrap_uv_hrtime(void);
uint64_t __wrap_uv_now(const uv_loop_t *loop);
const char *__wrap_upstream_address_refusal(const uint8_t address[16],
					    const struct upstream_rules *rules);

int __wrap_clock_gettime(clockid_t clock, struct timespec *ret)
{
	const int r = __real_clock_gettime(clock, ret);
	const uint64_t ns = (uint64_t)ret->tv_nsec + passed_ns;

	ret->tv_sec += (time_t)(ns / NS_PER_S);
	ret->tv_nsec = (long)(ns % NS_PER_S);
	return r;
}

uint64_t real_ns(void)
{
	struct timespec now;

	(void)__real_clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

/* libuv's own clock may be a library's, which no linker replaces. */
uint64_t __wrap_uv_hrtime(void)
{
	return real_ns() + passed_ns;
}

uint64_t __wrap_uv_now(const uv_loop_t *loop)
{
	(void)loop;
	return __wrap_uv_hrtime() / NS_PER_MS;
}

const char *__wrap_upstream_address_refusal(const uint8_t address[16],
					    const struct upstream_rules *rules)
{
	(void)address;
	(void)rules;
	return NULL;
}
