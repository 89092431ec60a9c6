/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * release_socket - closes a duplicate of somebody else's socket, and sets it to -1; -1 is nothing.
 *
 * If they were killed meanwhile it is the last one, and of a connection with SO_LINGER its close(2)
 * waits for as long as they chose: whoever runs inside could so stop us. A connection loses that
 * option here; what was sent goes on its way all the same. A reset at the close (a linger of 0)
 * stays one, and a socket without a connection keeps all it has. Nobody of a session sets it in
 * between: the gate does, in this thread (monitor/gate/decode_linger.c). Who handed in from outside
 * a socket that had it could; so the close of one that had it is broken off by SIGALRM, for which
 * there must be no other use. Of any other that would be most of what a connection costs here.
 */
void release_socket(int *socket_fd);

/* The same of one that keeps the option, always under the alarm. */
void release_socket_as_is(int *socket_fd);
