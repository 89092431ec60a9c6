/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/net/quic_said.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/limits.h"
#include "monitor/net/quic_hello.h"

#define MAX_SAID    ((size_t)2 * MAX_TLS_HELLO)
#define FIRST_BYTES 1024u

enum {
	MESSAGE_CLIENT_HELLO = 1
};

static const char too_long[] = "the ClientHello is too long";

static size_t cost_of(size_t room)
{
	return room * (1 + sizeof(bool));
}

void quic_said_done(struct quic_said *said)
{
	if (said->held)
		*said->held -= cost_of(said->room);
	free(said->bytes);
	free(said->is_there);
	*said = (struct quic_said){.held = said->held};
}

static const char *make_room(struct quic_said *said, size_t end)
{
	size_t room = said->room ? said->room : FIRST_BYTES;

	if (end <= said->room)
		return NULL;
	while (room < end)
		room *= 2;
	if (*said->held + cost_of(room - said->room) > MAX_NET_HELD_BYTES)
		return "too much of a ClientHello is held";
	*said->held += cost_of(room - said->room);
	said->bytes = xrealloc_array(said->bytes, room, 1);
	said->is_there = xrealloc_array(said->is_there, room, sizeof(bool));
	memset(said->is_there + said->room, 0, (room - said->room) * sizeof(bool));
	said->room = room;
	return NULL;
}

const char *quic_said_put(struct quic_said *said, uint64_t at, const struct reader *what)
{
	const char *why;

	if (at > MAX_SAID || what->left > MAX_SAID - at)
		return too_long;
	why = make_room(said, (size_t)at + what->left);
	if (why)
		return why;
	for (size_t i = 0; i < what->left; i++) {
		if (said->is_there[at + i] && said->bytes[at + i] != what->at[i])
			return "what the ClientHello says is said twice and differs";
		said->bytes[at + i] = what->at[i];
		said->is_there[at + i] = true;
	}
	while (said->whole < said->room && said->is_there[said->whole])
		said->whole++;
	return NULL;
}

const char *quic_said_next(struct quic_said *said, struct reader *ret)
{
	struct reader message;
	struct reader from;
	uint32_t len;

	*ret = (struct reader){0};
	if (said->whole == said->taken)
		return NULL;
	from = message =
		(struct reader){said->bytes + said->taken, said->whole - said->taken, false};
	if (reader_number(&from, 1) != MESSAGE_CLIENT_HELLO)
		return "what it begins with is no ClientHello";
	len = reader_number(&from, QUIC_MESSAGE_HEADER - 1);
	if (!from.ended && len > MAX_TLS_HELLO - QUIC_MESSAGE_HEADER)
		return too_long;
	if (from.ended || len > from.left)
		return NULL;
	*ret = reader_take(&message, QUIC_MESSAGE_HEADER + len);
	said->taken += ret->left;
	return NULL;
}

bool quic_said_is_half(const struct quic_said *said)
{
	return !said->taken || said->whole > said->taken;
}
