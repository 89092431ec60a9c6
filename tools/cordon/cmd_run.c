/* SPDX-License-Identifier: Apache-2.0 */
#include <argp.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>

#include "common/buf.h"
#include "common/log.h"
#include "tools/cordon/commands.h"
#include "tools/cordon/run/run.h"
#include "tools/cordon/standard_fds.h"
#include "tools/toolkit/options.h"

static int print_spec(const struct session_options *options)
{
	_cleanup_buf_ struct buf out = BUF_INIT(0);
	struct error err;
	struct spec spec;

	if (plan_dry_spec(options, &spec, &err) < 0) {
		log_error("%s", err.text);
		return EXIT_CORDON;
	}
	plan_tell_workspace(options);
	spec_to_json(&spec, &out);
	spec_done(&spec);
	(void)puts(out.data);
	return 0;
}

int cmd_run(int argc, char **argv)
{
	struct run_options options = {0};
	int exit_status;

	argp_err_exit_status = EXIT_CORDON;
	hold_standard_fds(O_RDWR);
	/* Somebody who does not read our messages any more is no reason to leave the record cut. */
	(void)signal(SIGPIPE, SIG_IGN);
	if (run_options_parse(argc, argv, &options) != 0)
		return EXIT_CORDON;
	exit_status = options.dry_run ? print_spec(&options.session) : run_command(&options);
	session_options_done(&options.session);
	return exit_status;
}
