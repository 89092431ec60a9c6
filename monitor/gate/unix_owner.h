/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Whose a UNIX socket is that a path leads to. A path crosses network namespaces; the kernel's list
 * of sockets does not: it has those that were made in the namespace of whoever asks. Source:
 * sock_diag(7), UNIX sockets.
 */

#include <stdbool.h>
#include <sys/stat.h>

/*
 * unix_is_inside - true if a socket of the session is bound to that file.
 * @diag_fd: a NETLINK_SOCK_DIAG socket, non-blocking, made in the session's network; -1: no.
 * False as well for what cannot be found out: after MAX_UNIX_SOCKETS, or when the kernel does not
 * tell.
 */
bool unix_is_inside(int diag_fd, const struct stat *file);
