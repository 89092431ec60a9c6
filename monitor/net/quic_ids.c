/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/net/quic_ids.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "monitor/net/quic_packet.h"

#define MAX_IDS 4096u
#define FIRST	16u
#define KEPT_MS 300000u /* longer than servers wait for the rest of a handshake */

struct quic_id {
	uint64_t began_ms;
	size_t len;
	uint8_t bytes[MAX_QUIC_ID];
};

void quic_ids_done(struct quic_ids *ids)
{
	free(ids->ids);
	*ids = (struct quic_ids){0};
}

static void forget_old(struct quic_ids *ids)
{
	size_t old = 0;

	while (old < ids->count && ids->now_ms - ids->ids[old].began_ms >= KEPT_MS)
		old++;
	if (!old)
		return;
	ids->count -= old;
	memmove(ids->ids, ids->ids + old, ids->count * sizeof(*ids->ids));
}

const char *quic_ids_begin(struct quic_ids *ids, const struct reader *id)
{
	struct quic_id *new;

	forget_old(ids);
	for (size_t i = 0; i < ids->count; i++)
		if (ids->ids[i].len == id->left && memcmp(ids->ids[i].bytes, id->at, id->left) == 0)
			return "a connection of that id began before";
	if (ids->count == MAX_IDS)
		return "too many connections began";
	if (ids->count == ids->room) {
		ids->room = ids->room ? 2 * ids->room : FIRST;
		ids->ids = xrealloc_array(ids->ids, ids->room, sizeof(*ids->ids));
	}
	new = &ids->ids[ids->count++];
	*new = (struct quic_id){.began_ms = ids->now_ms, .len = id->left};
	memcpy(new->bytes, id->at, id->left);
	return NULL;
}
