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

/* Fixed descriptors of the launcher. */
#define LAUNCH_SPEC_FD	  3
#define LAUNCH_CONTROL_FD 4
/* May be there or not: a lock that keeper and init hold as long as they live. */
#define LAUNCH_LOCK_FD 5

void spec_encode(const struct spec *spec, struct buf *out);

/*
 * spec_decode - the opposite; not checked with spec_check() yet.
 * Errors: -EBADMSG. Owns: the caller frees with spec_done(); untouched on failure.
 */
int spec_decode(const char *bytes, size_t len, struct spec *ret, struct error *err);

/*
 * spec_to_memfd - encodes into a sealed memory file, to be the launcher's LAUNCH_SPEC_FD.
 * Return: the descriptor (O_CLOEXEC, owned by the caller), negative errno.
 */
int spec_to_memfd(const struct spec *spec, struct error *err);

/* Reads such a file. Errors: as spec_decode(), those of read(2), -EBADMSG when it is not sealed. */
int spec_from_fd(int spec_fd, struct spec *ret, struct error *err);
