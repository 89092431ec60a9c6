/* SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/answers.h"

#include <stdlib.h>

#include "common/buf.h"
#include "tools/toolkit/approver/face.h"

#define WHO "the scenario"

struct answers {
	struct face face; /* first */
	uv_timer_t timer; /* an approver never answers from within being asked */
	const enum step_answer *current;
};

static void on_timer(uv_timer_t *timer)
{
	struct answers *a = timer->data;

	while (a->face.open_count && *a->current != ANSWER_NOBODY) {
		const bool agrees = *a->current == ANSWER_APPROVE;
		const struct reply reply = {.text = agrees ? "{\"verdict\":\"allow\"}"
							   : "{\"verdict\":\"deny\"}",
					    .by = WHO};

		face_reply(&a->face, a->face.open[0], &reply);
	}
	if (a->face.open_count)
		face_fail_all(&a->face, WHO, "nobody answers");
}

static int ask(struct approver *approver, const struct question *question)
{
	struct answers *a = (struct answers *)approver;
	const int r = face_note(&a->face, question->id);

	return r < 0 ? r : uv_timer_start(&a->timer, on_timer, 0, 0);
}

static void cancel(struct approver *approver, uint64_t id)
{
	face_forget((struct face *)approver, id);
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void close_answers(struct face *face)
{
	struct answers *a = (struct answers *)face;

	uv_close((uv_handle_t *)&a->timer, on_closed);
}

struct approver *answers_new(uv_loop_t *loop, const enum step_answer *current)
{
	static const struct approver_ops ops = {.ask = ask, .cancel = cancel};
	struct answers *a = xcalloc(1, sizeof(*a));

	a->face.approver.ops = &ops;
	a->face.close = close_answers;
	a->current = current;
	(void)uv_timer_init(loop, &a->timer);
	a->timer.data = a;
	return &a->face.approver;
}
