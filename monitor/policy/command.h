/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Which program a command line really is about: wrappers that only start another program are
 * peeled off (env, sudo, nice, timeout, nohup, xargs, busybox, ld.so, sh -c, ...).
 *
 * What the kernel executes is the truth, and nearly every program that a wrapper starts is an exec
 * of its own; this lets a rule speak of the whole line earlier, of shell text in a tool call, and
 * of what the loader and multi-call programs run without another exec.
 */

#include "monitor/action.h"

/*
 * The program's name without folders. Empty if there is none to tell. Borrows from the arguments.
 * @name: last component of the file that is executed, or empty. argv[0] is the caller's to choose:
 * where the file is a wrapper, it counts and not argv[0]. Only of a multi-call program (busybox)
 * argv[0] says what it will do.
 */
struct str command_of_argv(struct str name, const struct str_list *argv);

/* The same of the first simple command in shell text. */
struct str command_of_text(struct str text);
