/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A spec as bytes, for the launcher. Little-endian, one value after the other in the order of the
 * table in spec_wire.c; a string is its length (u32, all ones for NULL) and its bytes without NUL.
 * Decoding takes exactly the bytes of one spec: nothing missing, nothing after it.
 */

#include <stddef.h>

#include "common/buf.h"
#include "common/error.h"
#include "sandbox/spec.h"

#define SPEC_WIRE_MAX (4u << 20) /* bytes */

/* Fixed descriptors of the launcher; the first is one end of a socket pair (SOCK_SEQPACKET). */
#define LAUNCH_SPEC_FD	  3
#define LAUNCH_CONTROL_FD 4

void spec_encode(const struct spec *spec, struct buf *out);

/*
 * spec_decode - the opposite; not checked with spec_check() yet.
 * Errors: -EBADMSG. Owns: the caller frees with spec_done(); untouched on failure.
 */
int spec_decode(const char *bytes, size_t len, struct spec *ret, struct error *err);

/*
 * spec_send - hands a launcher that has been started what it waits for.
 * @socket_fd: the other end of its LAUNCH_SPEC_FD.
 * @lock_fd: a lock that keeper and init are to hold as long as they live, or -1.
 * Errors: those of packet_send() and spec_to_memfd(); -EPIPE when it has ended.
 */
int spec_send(int socket_fd, const struct spec *spec, int lock_fd, struct error *err);

/*
 * spec_receive - blocks for that. Owns: *ret as spec_decode(), *ret_lock_fd is O_CLOEXEC or -1;
 * both untouched on failure.
 * Return: 0, -EPIPE when nothing will come, or an error of spec_from_fd().
 */
int spec_receive(int socket_fd, struct spec *ret, int *ret_lock_fd, struct error *err);

/*
 * spec_to_memfd - encodes into a sealed memory file.
 * Return: the descriptor (O_CLOEXEC, owned by the caller), negative errno.
 */
int spec_to_memfd(const struct spec *spec, struct error *err);

/* Reads such a file. Errors: as spec_decode(), those of read(2), -EBADMSG when it is not sealed. */
int spec_from_fd(int spec_fd, struct spec *ret, struct error *err);
