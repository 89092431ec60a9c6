/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/net/quic_packet.h"

uint64_t quic_number(struct reader *from)
{
	const uint32_t first = reader_number(from, 1);
	const unsigned more = (1u << (first >> 6)) - 1;
	uint64_t number = first & 0x3f;

	for (unsigned i = 0; i < more; i++)
		number = number << 8 | reader_number(from, 1);
	return number;
}

static bool is_draft(uint32_t version)
{
	return (version & 0xffffff00) == 0xff000000;
}

/* RFC 9000 15: to be negotiated. */
static bool is_reserved(uint32_t version)
{
	return (version & 0x0f0f0f0f) == 0x0a0a0a0a;
}

static bool is_read(uint32_t version)
{
	return version == QUIC_VERSION_1 || version == QUIC_VERSION_2;
}

/* What all versions have. The fixed bit may be anything: RFC 9287. */
static bool take_ids(struct reader *from, struct quic_packet *ret)
{
	const uint32_t first = reader_number(from, 1);

	ret->version = reader_number(from, 4);
	ret->id = reader_vector(from, 1);
	ret->sender = reader_vector(from, 1);
	return !from->ended && first & 0x80 && ret->id.left <= MAX_QUIC_ID &&
	       ret->sender.left <= MAX_QUIC_ID &&
	       (is_read(ret->version) || is_draft(ret->version) || is_reserved(ret->version));
}

bool quic_is_long(const uint8_t *bytes, size_t len)
{
	struct reader from = {bytes, len, false};
	struct quic_packet packet;

	return take_ids(&from, &packet);
}

/* By number, as version 1 has them; version 2 counts from one on. */
enum type {
	TYPE_INITIAL,
	TYPE_RETRY = 3
};

static unsigned type_of(const struct quic_packet *packet)
{
	const unsigned type = packet->bytes[0] >> 4 & 3;

	return packet->version == QUIC_VERSION_2 ? (type + 3) % 4 : type;
}

enum quic_kind quic_packet_take(struct reader *datagram, struct quic_packet *ret)
{
	struct reader from = *datagram;
	unsigned type;
	uint64_t len;

	ret->bytes = from.at;
	if (!take_ids(&from, ret))
		return QUIC_NONE;
	if (is_reserved(ret->version)) {
		(void)reader_take(datagram, datagram->left);
		return QUIC_NEGOTIATES;
	}
	if (is_draft(ret->version))
		return QUIC_UNREADABLE;
	type = type_of(ret);
	if (type == TYPE_RETRY) { /* only servers say it; it fills the datagram */
		(void)reader_take(datagram, datagram->left);
		return QUIC_LATER;
	}
	if (type == TYPE_INITIAL) {
		len = quic_number(&from); /* of the token */
		(void)reader_take(&from, len > from.left ? from.left + 1 : (size_t)len);
	}
	len = quic_number(&from);
	ret->number_at = (size_t)(from.at - ret->bytes);
	if (from.ended || len > from.left)
		return QUIC_UNREADABLE;
	ret->len = ret->number_at + (size_t)len;
	(void)reader_take(datagram, ret->len);
	return type == TYPE_INITIAL ? QUIC_INITIAL : QUIC_LATER;
}
