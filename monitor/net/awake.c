/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/net/awake.h"

#include <sched.h>

void awake_init(struct awake *awake, uv_loop_t *loop)
{
	*awake = (struct awake){0};
	(void)uv_idle_init(loop, &awake->idle);
}

bool awake_goes_on(struct awake *awake, uint64_t from_ns, uint64_t to_ns)
{
	if (to_ns - from_ns > AWAKE_SOON_NS) {
		awake->rests_till_ns = to_ns + AWAKE_REST_NS;
		return false;
	}
	return to_ns < awake->moved_ns + AWAKE_NS;
}

/* libuv waits for nothing while a handle like this is active. */
static void on_idle(uv_idle_t *idle)
{
	struct awake *awake = (struct awake *)idle;
	const uint64_t from_ns = uv_hrtime();

	(void)sched_yield();
	if (!awake_goes_on(awake, from_ns, uv_hrtime()))
		(void)uv_idle_stop(idle);
}

void awake_moved(struct awake *awake, uint64_t now_ns)
{
	if (now_ns - awake->moved_ns > AWAKE_SOON_NS)
		awake->followed = 0;
	else if (awake->followed < AWAKE_ENOUGH)
		awake->followed++;
	awake->moved_ns = now_ns;
	if (awake->followed >= AWAKE_ENOUGH && now_ns >= awake->rests_till_ns)
		(void)uv_idle_start(&awake->idle, on_idle);
}
