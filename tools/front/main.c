/* SPDX-License-Identifier: Apache-2.0 */

/*
 * That a program begins is a seventh of a run, of which the shorter part is ours: a dynamic loader
 * maps and relocates libraries, and its C library asks the processor about its caches. Here, there
 * is neither. All that is said to the user is said by the whole program, but how a command ended.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/error.h"
#include "common/log.h"
#include "tools/cordon/run/run.h"
#include "tools/cordon/run/run_internal.h"
#include "tools/cordon/standard_fds.h"
#include "tools/front/front.h"
#include "tools/toolkit/paths.h"

static char **arguments;

void front_become_whole(void)
{
	struct error err;
	char *program;

	if (paths_whole(&program, &err) == 0) {
		(void)execv(program, arguments);
		(void)error_errno(&err, errno, "start %s", program);
	}
	log_error("%s", err.text);
	_exit(EXIT_CORDON);
}

/* What a run needs more for than its options, its floor and a server. */
static bool is_plain(const struct run_options *options)
{
	const struct session_options *session = &options->session;

	/* Who names a server is given one, or told why not, without a detour. */
	return !options->dry_run && options->resident && !options->is_resident_named &&
	       session->record_sync == RECORD_SYNC_NEVER && !session->spec_path &&
	       !session->approver && !session->learns && session->net.mode == NET_NONE &&
	       !run_wants_tty();
}

int main(int argc, char **argv)
{
	struct run_options options = {0};

	arguments = argv;
	if (argc < 2 || strcmp(argv[1], "run") != 0)
		front_become_whole();
	(void)signal(SIGXFSZ, SIG_IGN);
	(void)signal(SIGPIPE, SIG_IGN);
	hold_standard_fds(O_RDWR);
	if (run_options_parse(argc - 1, argv + 1, &options) != 0 || !is_plain(&options))
		front_become_whole();
	return run_command(&options);
}
