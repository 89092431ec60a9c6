/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The ClientHello that a program says over QUIC (RFC 9001 4): which server name and protocols it
 * names, read from the Initial packets that carry it, in as many pieces and in whatever order the
 * program likes. Pure.
 *
 * What a server could read otherwise than this does is broken: a packet that no keys open, of which
 * the keys of a server's answer may be the reason, or an attempt, or that two open; a connection
 * that began before; bytes that are said twice and differ; frames that do not belong there.
 */

#include <stddef.h>
#include <stdint.h>

#include "monitor/net/quic_ids.h"
#include "monitor/net/tls_hello.h"

#define QUIC_MESSAGE_HEADER 4u /* of a handshake message: its type and length */

struct quic_hello; /* all that one flow of datagrams says */

/*
 * @held: the count of bytes that all hold together (MAX_NET_HELD_BYTES). @ids: of all of a session.
 * Both are borrowed.
 */
struct quic_hello *quic_hello_new(size_t *held, struct quic_ids *ids);
struct quic_hello *quic_hello_free(struct quic_hello *hello);

enum quic_outcome {
	QUIC_SAYS_NOTHING, /* that is whole and new */
	QUIC_SAYS_HELLO,   /* *ret */
	QUIC_IS_BROKEN	   /* *ret_why, static */
};

struct quic_told {
	struct tls_hello tls;
	const uint8_t *message; /* as it was said; borrowed until the next datagram */
	size_t len;
};

/* One datagram more. After QUIC_IS_BROKEN: none. */
enum quic_outcome quic_hello_feed(struct quic_hello *hello, const uint8_t *bytes, size_t len,
				  struct quic_told *ret, const char **ret_why);
/*
 * What the server sent: by the id that it chose it finds a connection from then on, so that nobody
 * may begin one with it. (After a Retry its id begins one.)
 */
void quic_hello_answered(struct quic_hello *hello, const uint8_t *bytes, size_t len);
/* The rest of what began is to come: until then nothing of it may be sent. */
bool quic_hello_is_half(const struct quic_hello *hello);
