/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cordon/run/run_signals.h"

#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>

#include "common/buf.h"

static const struct {
	int number;
	bool asks_to_end;
} watched[] = {
	{SIGINT, true},	  {SIGTERM, true},  {SIGHUP, true},   {SIGQUIT, true},
	{SIGUSR1, false}, {SIGUSR2, false}, {SIGTSTP, false},
};

#define WATCHED (sizeof(watched) / sizeof(watched[0]))

struct run_signals {
	const struct run_signals_ops *ops;
	void *ctx;
	uv_signal_t handles[WATCHED];
	unsigned open;
	bool was_asked_to_end;
};

static void on_signal(uv_signal_t *handle, int signum);

/* The default action stops us; the call returns when somebody has continued us. */
static void stop_ourselves(struct run_signals *signals, uv_signal_t *handle)
{
	signals->ops->suspend(signals->ctx);
	(void)uv_signal_stop(handle);
	(void)raise(SIGTSTP);
	(void)uv_signal_start(handle, on_signal, SIGTSTP);
	signals->ops->resume(signals->ctx);
}

static void on_signal(uv_signal_t *handle, int signum)
{
	struct run_signals *signals = handle->data;
	bool asks_to_end = false;

	if (signum == SIGTSTP) {
		stop_ourselves(signals, handle);
		return;
	}
	for (size_t i = 0; i < WATCHED; i++)
		asks_to_end |= watched[i].number == signum && watched[i].asks_to_end;
	if (asks_to_end && signals->was_asked_to_end)
		signals->ops->end(signals->ctx, signum);
	else
		signals->ops->pass(signals->ctx, signum);
	signals->was_asked_to_end |= asks_to_end;
}

static bool is_ignored(int signum)
{
	struct sigaction now;

	return sigaction(signum, NULL, &now) == 0 && now.sa_handler == SIG_IGN;
}

struct run_signals *run_signals_start(uv_loop_t *loop, const struct run_signals_ops *ops, void *ctx)
{
	struct run_signals *signals = xcalloc(1, sizeof(*signals));

	signals->ops = ops;
	signals->ctx = ctx;
	signals->open = WATCHED;
	for (size_t i = 0; i < WATCHED; i++) {
		(void)uv_signal_init(loop, &signals->handles[i]);
		signals->handles[i].data = signals;
		if (!is_ignored(watched[i].number))
			(void)uv_signal_start(&signals->handles[i], on_signal, watched[i].number);
	}
	return signals;
}

static void on_closed(uv_handle_t *handle)
{
	struct run_signals *signals = handle->data;

	if (--signals->open == 0)
		free(signals);
}

void run_signals_stop(struct run_signals *signals)
{
	for (size_t i = 0; signals && i < WATCHED; i++)
		uv_close((uv_handle_t *)&signals->handles[i], on_closed);
}
