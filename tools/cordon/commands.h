/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The subcommands of cordon. Each parses its own arguments (argv[0] is "cordon NAME") and returns
 * the exit status of the process; main.c holds the table.
 */

int cmd_run(int argc, char **argv);
int cmd_mcp(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_log(int argc, char **argv);
int cmd_scenario(int argc, char **argv);
int cmd_policy(int argc, char **argv);
int cmd_serve(int argc, char **argv);
