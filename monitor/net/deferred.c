/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/net/deferred.h"

#include <utlist.h>

void deferred_init(struct deferred *deferred, uv_loop_t *loop)
{
	*deferred = (struct deferred){0};
	(void)uv_check_init(loop, &deferred->check);
}

/* Those that are put in meanwhile are run, too. */
static void on_check(uv_check_t *check)
{
	struct deferred *deferred = (struct deferred *)check;

	while (deferred->tasks) {
		struct deferred_task *task = deferred->tasks;

		deferred_drop(deferred, task);
		task->run(task->ctx);
	}
}

void deferred_add(struct deferred *deferred, struct deferred_task *task)
{
	if (task->is_due)
		return;
	task->is_due = true;
	DL_APPEND(deferred->tasks, task);
	(void)uv_check_start(&deferred->check, on_check);
}

void deferred_drop(struct deferred *deferred, struct deferred_task *task)
{
	if (!task->is_due)
		return;
	task->is_due = false;
	DL_DELETE(deferred->tasks, task);
	if (!deferred->tasks)
		(void)uv_check_stop(&deferred->check);
}
