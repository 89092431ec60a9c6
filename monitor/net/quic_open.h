/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Opens the Initial packets of a client, with keys that its connection id and a constant make (RFC
 * 9001 5, RFC 9369 3.3): who is on the way reads them, and changes them, like plain text. Pure.
 */

#include <stdbool.h>

#include "monitor/net/quic_packet.h"

/* What a packet that was opened holds. */
struct quic_opened {
	const uint8_t *frames; /* within the room */
	size_t len;
	uint64_t number;
};

/*
 * quic_open - @id: that of the connection's first packet, which the keys are of. @next: the number
 * that a packet is to have next; its own is written shorter. @room: @packet->len bytes.
 * Return: false if it is not sealed with these keys.
 */
bool quic_open(const struct quic_packet *packet, const struct reader *id, uint64_t next,
	       uint8_t *room, struct quic_opened *ret);
