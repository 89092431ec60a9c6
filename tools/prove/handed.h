/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Rows whose session is started with what no call begins with: a folder, or a socket of the host.
 * It is refused, so the wall behind it, sandbox/exec_stdio.c, is seen by its word alone. The
 * control is the same session, whose standard input is a UNIX socket with a peer, as it may be:
 * through that the runner sends the very socket, and what a session could do with one is done.
 */

#include <stdbool.h>

#include "tools/prove/prove.h"

#define ROW_HANDED (ROW_HANDED_TCP | ROW_HANDED_UDP | ROW_HANDED_DATAGRAM | ROW_HANDED_NO_PEER)

/* Has a rule on connections, of which none is made: what stands behind it does so alone. */
extern const char handed_policy[];

/* Return: what is to be standard input, or with @sent a socket through which that comes; -1. */
int handed_open(unsigned flags, bool sent);
/* What is said of it. Return: NULL if such a row has nothing that is refused. */
const char *handed_refusal(unsigned flags);
