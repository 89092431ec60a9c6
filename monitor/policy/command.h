/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Which program a command line really is about: wrappers that only start another program are
 * peeled off (env, sudo, nice, timeout, nohup, xargs, busybox, sh -c, ...).
 *
 * What the kernel executes is the truth, and every program a wrapper starts is an exec of its own;
 * this only lets a rule speak of the whole line earlier, and of shell text in a tool call.
 */

#include "monitor/action.h"

/* The program's name without folders. Empty if there is none to tell. Borrows from the argument. */
struct str command_of_argv(const struct str_list *argv);

/* The same of the first simple command in shell text. */
struct str command_of_text(struct str text);
