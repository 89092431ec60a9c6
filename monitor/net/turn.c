/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/net/turn.h"

#include <utlist.h>

void turn_init(struct turn *turn, uv_loop_t *loop)
{
	*turn = (struct turn){0};
	(void)uv_check_init(loop, &turn->check);
}

/* Those that are put in meanwhile are run, too. */
static void on_check(uv_check_t *check)
{
	struct turn *turn = (struct turn *)check;

	while (turn->tasks) {
		struct turn_task *task = turn->tasks;

		turn_drop(turn, task);
		task->run(task->ctx);
	}
}

void turn_add(struct turn *turn, struct turn_task *task)
{
	if (task->is_due)
		return;
	task->is_due = true;
	DL_APPEND(turn->tasks, task);
	(void)uv_check_start(&turn->check, on_check);
}

void turn_drop(struct turn *turn, struct turn_task *task)
{
	if (!task->is_due)
		return;
	task->is_due = false;
	DL_DELETE(turn->tasks, task);
	if (!turn->tasks)
		(void)uv_check_stop(&turn->check);
}
