/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Which connections of QUIC a session began, by the id of the first packet, of which the keys are
 * made. A server tells connections apart by that id, whatever socket a packet comes from, and keeps
 * what it got of a ClientHello: one that begins anew, by another socket or after it was forgotten
 * here, could complete there what was never seen whole here. So an id begins once. Pure.
 */

#include <stddef.h>
#include <stdint.h>

#include "monitor/net/reader.h"

struct quic_id;

struct quic_ids {
	struct quic_id *ids; /* owned, the oldest first */
	size_t count, room;
	uint64_t now_ms; /* the owner's clock */
};

void quic_ids_done(struct quic_ids *ids);
/* @id: MAX_QUIC_ID bytes at most. Return: NULL, or why it may not begin, static. */
const char *quic_ids_begin(struct quic_ids *ids, const struct reader *id);
