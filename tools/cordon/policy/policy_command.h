/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The subcommands of `cordon policy`. Each parses its own arguments (argv[0] is "cordon policy
 * NAME") and returns the exit status; cmd_policy.c holds the table.
 */

enum policy_status {
	POLICY_STATUS_OK = 0,
	POLICY_STATUS_FAILED = 1,
	POLICY_STATUS_USAGE = 2, /* also an expression that is none */
};

int policy_eval(int argc, char **argv);
