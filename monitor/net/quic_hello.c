/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A socket may have several connections with a server, one after the other or at one time. Each
 * packet is tried with the keys of those that are known, since the id in its header changes once
 * the server has answered, while the keys do not; then as the first of a new one, as a repeated
 * attempt with another version or after a Retry is, too. Of a connection all is kept that it said
 * until now: a server that lost the first packet must not find another name in the second.
 */

#include "monitor/net/quic_hello.h"

#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "monitor/net/quic_open.h"
#include "monitor/net/quic_said.h"

#define MAX_CONNECTIONS 8u
#define MAX_INITIAL	2048u /* more than clients make; to open one takes time */

enum frame {
	FRAME_PADDING = 0,
	FRAME_PING = 1,
	FRAME_ACK = 2,
	FRAME_ACK_ECN = 3,
	FRAME_CRYPTO = 6,
	FRAME_CLOSE = 0x1c,
};

struct quic_connection {
	uint8_t id[MAX_QUIC_ID]; /* of its first packet */
	size_t id_len;
	uint64_t next_number;
	struct quic_said said;
	uint64_t turn; /* of its latest packet */
};

struct quic_hello {
	struct quic_connection connections[MAX_CONNECTIONS];
	unsigned count;
	unsigned unanswered; /* by an id of the server's */
	uint64_t turns;
	size_t *held;
	struct quic_ids *ids;
	const char *why; /* it is broken; static */
};

struct quic_hello *quic_hello_new(size_t *held, struct quic_ids *ids)
{
	struct quic_hello *hello = xcalloc(1, sizeof(*hello));

	hello->held = held;
	hello->ids = ids;
	return hello;
}

struct quic_hello *quic_hello_free(struct quic_hello *hello)
{
	if (!hello)
		return NULL;
	for (unsigned i = 0; i < hello->count; i++)
		quic_said_done(&hello->connections[i].said);
	free(hello);
	return NULL;
}

/* ---- what was said ---- */

/* Is this what another connection of this flow began with? */
static bool was_told(const struct quic_hello *hello, const struct quic_connection *connection,
		     const struct reader *message)
{
	for (unsigned i = 0; i < hello->count; i++) {
		const struct quic_connection *other = &hello->connections[i];

		if (other != connection && other->said.taken >= message->left &&
		    memcmp(other->said.bytes, message->at, message->left) == 0)
			return true;
	}
	return false;
}

static enum quic_outcome parse_next(struct quic_hello *hello, struct quic_connection *connection,
				    struct quic_told *ret)
{
	struct reader message;

	hello->why = quic_said_next(&connection->said, &message);
	if (!hello->why && !message.left)
		return QUIC_SAYS_NOTHING;
	if (!hello->why)
		hello->why = tls_hello_parse(message.at + QUIC_MESSAGE_HEADER,
					     message.left - QUIC_MESSAGE_HEADER, &ret->tls);
	if (hello->why)
		return QUIC_IS_BROKEN;
	ret->message = message.at;
	ret->len = message.left;
	return was_told(hello, connection, &message) ? QUIC_SAYS_NOTHING : QUIC_SAYS_HELLO;
}

/* ---- packets ---- */

static bool skip_ack(struct reader *frames, bool has_ecn)
{
	uint64_t ranges;

	(void)quic_number(frames); /* the largest */
	(void)quic_number(frames); /* the delay */
	ranges = quic_number(frames);
	(void)quic_number(frames); /* the first */
	for (; ranges && !frames->ended; ranges--) {
		(void)quic_number(frames);
		(void)quic_number(frames);
	}
	for (unsigned i = 0; i < 3 && has_ecn; i++)
		(void)quic_number(frames);
	return !frames->ended;
}

static struct reader take_vector(struct reader *from)
{
	const uint64_t len = quic_number(from);

	return reader_take(from, len > from->left ? from->left + 1 : (size_t)len);
}

static bool read_crypto(struct quic_hello *hello, struct quic_connection *connection,
			struct reader *frames)
{
	const uint64_t at = quic_number(frames);
	const struct reader what = take_vector(frames);

	if (!frames->ended)
		hello->why = quic_said_put(&connection->said, at, &what);
	return !frames->ended && !hello->why;
}

static bool skip_close(struct reader *frames)
{
	(void)quic_number(frames); /* the error */
	(void)quic_number(frames); /* the frame that it is about */
	(void)take_vector(frames);
	return !frames->ended;
}

/* RFC 9000 12.5: those that an Initial packet may hold. */
static bool read_frames(struct quic_hello *hello, struct quic_connection *connection,
			struct reader frames)
{
	bool is_good = frames.left;

	while (is_good && frames.left) {
		const uint32_t type = reader_number(&frames, 1);

		switch (type) {
		case FRAME_PADDING:
		case FRAME_PING:
			break;
		case FRAME_ACK:
		case FRAME_ACK_ECN:
			is_good = skip_ack(&frames, type == FRAME_ACK_ECN);
			break;
		case FRAME_CRYPTO:
			is_good = read_crypto(hello, connection, &frames);
			break;
		case FRAME_CLOSE:
			is_good = skip_close(&frames);
			break;
		default:
			is_good = false;
			break;
		}
	}
	if (!is_good && !hello->why)
		hello->why = "the frames of the packet are malformed";
	return is_good;
}

/* Of those that have said their hello the one that was silent the longest; or NULL. */
static struct quic_connection *find_oldest(struct quic_hello *hello)
{
	struct quic_connection *oldest = NULL;

	for (unsigned i = 0; i < hello->count; i++) {
		struct quic_connection *one = &hello->connections[i];

		if (!quic_said_is_half(&one->said) && (!oldest || one->turn < oldest->turn))
			oldest = one;
	}
	return oldest;
}

static struct quic_connection *add(struct quic_hello *hello, const struct reader *id)
{
	struct quic_connection *connection;

	if (hello->count < MAX_CONNECTIONS)
		connection = &hello->connections[hello->count++];
	else
		connection = find_oldest(hello);
	if (!connection)
		return NULL;
	quic_said_done(&connection->said);
	*connection = (struct quic_connection){.said.held = hello->held};
	memcpy(connection->id, id->at, id->left);
	connection->id_len = id->left;
	return connection;
}

/* A new one, of which nobody has seen a part. */
static struct quic_connection *begin(struct quic_hello *hello, const struct reader *id)
{
	struct quic_connection *connection;

	hello->why = quic_ids_begin(hello->ids, id);
	if (hello->why)
		return NULL;
	connection = add(hello, id);
	if (connection)
		hello->unanswered++;
	else
		hello->why = "too many connections begin";
	return connection;
}

static bool has_id(const struct quic_connection *connection, const struct reader *id)
{
	return connection->id_len == id->left && memcmp(connection->id, id->at, id->left) == 0;
}

/*
 * Return: the connection that the packet is of, opened; or NULL, and why it is broken. The seal
 * does not commit to its key: a packet can be made that two of them open, to different frames, and
 * which of the two a server has is not known. So all are tried.
 * @rooms: two of @packet->len bytes.
 */
static struct quic_connection *open_packet(struct quic_hello *hello,
					   const struct quic_packet *packet, uint8_t *rooms,
					   struct quic_opened *ret)
{
	struct quic_connection *connection = NULL;
	struct quic_opened opened = {0};
	unsigned readings = 0;
	bool is_first;

	for (unsigned i = 0; i < hello->count && readings < 2; i++) {
		struct quic_connection *one = &hello->connections[i];
		const struct reader id = {one->id, one->id_len, false};

		if (!quic_open(packet, &id, one->next_number, rooms + readings * packet->len,
			       &opened))
			continue;
		connection = one;
		*ret = opened;
		readings++;
	}
	is_first = readings < 2 && !(connection && has_id(connection, &packet->id)) &&
		   quic_open(packet, &packet->id, 0, rooms + readings * packet->len, &opened);
	if (readings + is_first != 1) {
		hello->why = readings ? "an Initial packet can be read in two ways"
				      : "an Initial packet cannot be read";
		return NULL;
	}
	if (is_first) {
		*ret = opened;
		connection = begin(hello, &packet->id);
	}
	if (connection) {
		connection->turn = ++hello->turns;
		if (ret->number >= connection->next_number)
			connection->next_number = ret->number + 1;
	}
	return connection;
}

static enum quic_outcome read_initial(struct quic_hello *hello, const struct quic_packet *packet,
				      struct quic_told *ret)
{
	_cleanup_free_ uint8_t *rooms = xcalloc(2, packet->len);
	struct quic_connection *connection;
	struct quic_opened opened = {0};

	connection = open_packet(hello, packet, rooms, &opened);
	if (!connection ||
	    !read_frames(hello, connection, (struct reader){opened.frames, opened.len, false}))
		return QUIC_IS_BROKEN;
	return parse_next(hello, connection, ret);
}

/* Return: QUIC_SAYS_NOTHING: to go on with the next packet. */
static enum quic_outcome read_packet(struct quic_hello *hello, struct reader *datagram,
				     bool is_too_long, struct quic_told *ret)
{
	struct quic_packet packet;

	switch (quic_packet_take(datagram, &packet)) {
	case QUIC_NONE: /* what is only known to who was answered, or fills it up */
		(void)reader_take(datagram, datagram->left);
		return QUIC_SAYS_NOTHING;
	case QUIC_NEGOTIATES:
	case QUIC_LATER:
		return QUIC_SAYS_NOTHING;
	case QUIC_UNREADABLE:
		hello->why = "a packet of it is of a draft, or not whole";
		return QUIC_IS_BROKEN;
	case QUIC_INITIAL:
		break;
	}
	if (!is_too_long)
		return read_initial(hello, &packet, ret);
	hello->why = "an Initial packet is too long";
	return QUIC_IS_BROKEN;
}

/* Several packets may share a datagram (RFC 9000 12.2). */
static enum quic_outcome read_all(struct quic_hello *hello, const uint8_t *bytes, size_t len,
				  struct quic_told *ret)
{
	struct reader datagram = {bytes, len, false};
	enum quic_outcome said = QUIC_SAYS_NOTHING;
	struct quic_told told;

	while (datagram.left && said != QUIC_IS_BROKEN) {
		const enum quic_outcome outcome =
			read_packet(hello, &datagram, len > MAX_INITIAL, &told);

		if (outcome == QUIC_SAYS_HELLO && said == QUIC_SAYS_HELLO) {
			hello->why = "a datagram has two ClientHellos";
			return QUIC_IS_BROKEN;
		}
		if (outcome == QUIC_SAYS_HELLO)
			*ret = told;
		if (outcome != QUIC_SAYS_NOTHING)
			said = outcome;
	}
	return said;
}

enum quic_outcome quic_hello_feed(struct quic_hello *hello, const uint8_t *bytes, size_t len,
				  struct quic_told *ret, const char **ret_why)
{
	const enum quic_outcome outcome = read_all(hello, bytes, len, ret);

	*ret_why = hello->why;
	return outcome;
}

/* One id for each that began: a server that made up more would leave no room for others. */
void quic_hello_answered(struct quic_hello *hello, const uint8_t *bytes, size_t len)
{
	struct reader datagram = {bytes, len, false};
	struct quic_packet packet;

	if (hello->unanswered && quic_packet_take(&datagram, &packet) == QUIC_INITIAL &&
	    !quic_ids_begin(hello->ids, &packet.sender))
		hello->unanswered--;
}

bool quic_hello_is_half(const struct quic_hello *hello)
{
	for (unsigned i = 0; i < hello->count; i++)
		if (quic_said_is_half(&hello->connections[i].said))
			return true;
	return false;
}
