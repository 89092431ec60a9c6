/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The user's terminal on one side, a pty of the session on the other. The session never gets the
 * user's own terminal: what it writes to its pty cannot be typed into the shell that started it
 * (TIOCSTI, CVE-2017-5226).
 */

#include <stdbool.h>

#include <uv.h>

struct terminal;

/* Takes over @master_fd; puts the user's terminal (stdin) in raw mode until terminal_stop(). */
struct terminal *terminal_start(uv_loop_t *loop, int master_fd);
/* Gives the user's terminal back for as long as we are stopped. NULL is fine for both. */
void terminal_suspend(struct terminal *terminal);
void terminal_resume(struct terminal *terminal);
/* Until it is called with false, nothing is read from the user's terminal or shown there. */
void terminal_hold(struct terminal *terminal, bool hold);
/* Passes on what the session still has to say, and gives the terminal back. NULL is fine. */
void terminal_stop(struct terminal *terminal);
