/* SPDX-License-Identifier: Apache-2.0 */

/* In place of tools/cordon/run/run_here.c: what a run needs more for than its client. */

#include <stdlib.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "tools/cordon/run/run_internal.h"
#include "tools/cordon/run/run_signals.h"
#include "tools/front/front.h"

int run_here_begin(struct run *run, struct error *err)
{
	(void)err;
	if (run->hail < 0)
		front_become_whole();
	return 0;
}

/*
 * The server will not have it, or does not answer. It was told of nothing, or touched nothing: the
 * whole program begins anew, without asking it again.
 */
void run_watch_here(struct run *run)
{
	run_signals_stop(run->signals);
	close_fd(&run->control_fd);
	close_fd(&run->record_fd);
	(void)unlink(floor_plan(run->floor)->record_path); /* ours, and empty */
	floor_abandon(run->floor);
	if (run->unheard_signal)
		_exit(128 +
		      run->unheard_signal); /* as one that ends a session before its command */
	(void)setenv("CORDON_RESIDENT", "off", 1);
	front_become_whole();
}

int run_here_end(struct run *run)
{
	(void)run;
	return 0;
}

void run_here_settle(struct run *run)
{
	(void)run;
}

/* Nothing is left of it; what is wrong is told in the words of the whole program. */
void run_here_failed(struct run *run, const struct error *err)
{
	(void)run;
	(void)err;
	front_become_whole();
}
