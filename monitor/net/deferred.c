/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/net/deferred.h"

#include <utlist.h>

void deferred_init(struct deferred *deferred, uv_loop_t *loop)
{
	*deferred = (struct deferred){0};
	(void)uv_check_init(loop, &deferred->check);
	(void)uv_prepare_init(loop, &deferred->prepare);
	deferred->check.data = deferred->prepare.data = deferred;
}

/* Those that are put in meanwhile are run, too. */
static void run_all(struct deferred *deferred)
{
	while (deferred->tasks) {
		struct deferred_task *task = deferred->tasks;

		deferred_drop(deferred, task);
		task->run(task->ctx);
	}
}

static void on_check(uv_check_t *check)
{
	run_all(check->data);
}

static void on_prepare(uv_prepare_t *prepare)
{
	run_all(prepare->data);
}

void deferred_add(struct deferred *deferred, struct deferred_task *task)
{
	if (task->is_due)
		return;
	task->is_due = true;
	DL_APPEND(deferred->tasks, task);
	(void)uv_check_start(&deferred->check, on_check);
	(void)uv_prepare_start(&deferred->prepare, on_prepare);
}

void deferred_drop(struct deferred *deferred, struct deferred_task *task)
{
	if (!task->is_due)
		return;
	task->is_due = false;
	DL_DELETE(deferred->tasks, task);
	if (deferred->tasks)
		return;
	(void)uv_check_stop(&deferred->check);
	(void)uv_prepare_stop(&deferred->prepare);
}

void deferred_close(struct deferred *deferred, void *data, uv_close_cb closed)
{
	deferred->check.data = deferred->prepare.data = data;
	uv_close((uv_handle_t *)&deferred->check, closed);
	uv_close((uv_handle_t *)&deferred->prepare, closed);
}
