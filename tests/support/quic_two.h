/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * An Initial packet that the keys of two connections open, to different frames: GCM's tag does not
 * commit to its key, so that one block of the ciphertext can be chosen for both tags to be the
 * same.
 */

#include "common/buf.h"

#define QUIC_ID_TEXT 9u /* an id of 8 characters */

/*
 * quic_seal_two - what a server reads that does not know @known: a ClientHello that names @sni, of
 * a connection that begins; who knows @known and had its packet number 0: that it is closed.
 * Return: false if none was found.
 */
bool quic_seal_two(struct buf *to, const char *sni, char known[QUIC_ID_TEXT]);
