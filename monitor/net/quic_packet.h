/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Tells QUIC from other datagrams, by the long header that each of its connections begins with
 * (RFC 8999 5.1). What is said there is encrypted, with keys that anybody can compute (RFC 9001
 * 5.2); it is not read. The header proves nothing: who likes puts it before anything. Pure.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of a version in use, or of one that exists to be refused. Its length and kind do not count. */
bool quic_is_long(const uint8_t *bytes, size_t len);
