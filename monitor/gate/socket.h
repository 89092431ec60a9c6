/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What a descriptor is, as rules read it. The owner of the descriptors may exchange them whenever
 * he likes: what is told here is what was there when it was asked for.
 */

#include <stdbool.h>

#include "monitor/gate/target.h"

/* A number that getsockopt(2) tells of a socket. Errors: as the call itself would give. */
int socket_ask(int socket_fd, int what, int *ret);

/*
 * socket_protocol - *ret is "tcp", "udp" or "other", static.
 * @inet: the call has an address that is for IPv4 or IPv6. Any other socket refuses that, and of
 * those which the filter lets a session make none has these protocols: no need to ask for its
 * domain, which would be one system call more for each connect.
 */
int socket_protocol(int socket_fd, bool inet, const char **ret);

/*
 * stream_kind - what is behind a descriptor of the target: "file", "pipe", "terminal", "device",
 * "tcp", "udp", "unix", "other"; "" for a number that is closed. Static.
 */
const char *stream_kind(struct target *target, int number);
