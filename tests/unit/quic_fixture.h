/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* ClientHellos in QUIC packets, fed to the reader in pieces. */

#include "tests/support/test.h"

#include <string.h>

#include "common/cleanup.h"
#include "monitor/net/quic_hello.h"
#include "tests/support/quic_seal.h"

#define ID	   "\x83\x94\xc8\xf0\x3e\x51\x57\x08"
#define OTHER_ID   "other-id"
#define UNREADABLE "an Initial packet cannot be read"

struct fixture {
	size_t held;
	struct quic_ids ids;
	struct quic_hello *quic;
	struct quic_told told;
	const char *why;
	struct buf hello, frames, packet;
	struct quic_sealing how;
};

static inline int set_up(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	f->quic = quic_hello_new(&f->held, &f->ids);
	f->how = (struct quic_sealing){
		.version = 1, .keys_of = ID, .number_bytes = 1, .least = 1200};
	quic_client_hello(&f->hello, "h.example", 900);
	*state = f;
	return 0;
}

static inline int tear_down(void **state)
{
	struct fixture *f = *state;

	(void)quic_hello_free(f->quic);
	quic_ids_done(&f->ids);
	assert_int_equal(f->held, 0);
	buf_done(&f->hello);
	buf_done(&f->frames);
	buf_done(&f->packet);
	free(f);
	return 0;
}

/* As in another session. */
static inline void start_anew(struct fixture *f)
{
	(void)quic_hello_free(f->quic);
	quic_ids_done(&f->ids);
	f->quic = quic_hello_new(&f->held, &f->ids);
}

static inline enum quic_outcome feed(struct fixture *f, const void *bytes, size_t len)
{
	return quic_hello_feed(f->quic, bytes, len, &f->told, &f->why);
}

/* The frames that were made, as one datagram. */
static inline enum quic_outcome send(struct fixture *f)
{
	enum quic_outcome ret;

	quic_seal(&f->packet, &f->how, &f->frames);
	f->how.number++;
	ret = feed(f, f->packet.data, f->packet.len);
	buf_clear(&f->packet);
	buf_clear(&f->frames);
	return ret;
}

static inline enum quic_outcome send_part(struct fixture *f, size_t at, size_t len)
{
	quic_crypto(&f->frames, &f->hello, at, len);
	return send(f);
}

static inline enum quic_outcome send_all(struct fixture *f)
{
	return send_part(f, 0, f->hello.len);
}

static inline void expect_hello(struct fixture *f, enum quic_outcome outcome, const char *sni)
{
	assert_null(f->why);
	assert_int_equal(outcome, QUIC_SAYS_HELLO);
	assert_string_equal(f->told.tls.sni, sni);
	assert_int_equal(f->told.len, f->hello.len);
	assert_memory_equal(f->told.message, f->hello.data, f->hello.len);
	assert_false(quic_hello_is_half(f->quic));
}

static inline void expect_half(struct fixture *f, enum quic_outcome outcome)
{
	assert_int_equal(outcome, QUIC_SAYS_NOTHING);
	assert_true(quic_hello_is_half(f->quic));
}

static inline void expect_broken(struct fixture *f, enum quic_outcome outcome, const char *why)
{
	assert_int_equal(outcome, QUIC_IS_BROKEN);
	assert_string_equal(f->why, why);
}

#define TEST(_fn) cmocka_unit_test_setup_teardown(_fn, set_up, tear_down)
