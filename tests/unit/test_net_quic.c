/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/limits.h"
#include "monitor/net/aes_gcm.h"
#include "monitor/net/quic_hello.h"
#include "monitor/net/quic_packet.h"
#include "tests/support/quic_seal.h"

#define ID	   "\x83\x94\xc8\xf0\x3e\x51\x57\x08"
#define OTHER_ID   "other-id"
#define UNREADABLE "an Initial packet cannot be read"

struct fixture {
	size_t held;
	struct quic_hello *quic;
	struct quic_told told;
	const char *why;
	struct buf hello, frames, packet;
	struct quic_sealing how;
};

static int set_up(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	f->quic = quic_hello_new(&f->held);
	f->how = (struct quic_sealing){
		.version = 1, .keys_of = ID, .number_bytes = 1, .least = 1200};
	quic_client_hello(&f->hello, "h.example", 900);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	(void)quic_hello_free(f->quic);
	assert_int_equal(f->held, 0);
	buf_done(&f->hello);
	buf_done(&f->frames);
	buf_done(&f->packet);
	free(f);
	return 0;
}

static enum quic_outcome feed(struct fixture *f, const void *bytes, size_t len)
{
	return quic_hello_feed(f->quic, bytes, len, &f->told, &f->why);
}

/* The frames that were made, as one datagram. */
static enum quic_outcome send(struct fixture *f)
{
	enum quic_outcome ret;

	quic_seal(&f->packet, &f->how, &f->frames);
	f->how.number++;
	ret = feed(f, f->packet.data, f->packet.len);
	buf_clear(&f->packet);
	buf_clear(&f->frames);
	return ret;
}

static enum quic_outcome send_part(struct fixture *f, size_t at, size_t len)
{
	quic_crypto(&f->frames, &f->hello, at, len);
	return send(f);
}

static enum quic_outcome send_all(struct fixture *f)
{
	return send_part(f, 0, f->hello.len);
}

static void expect_hello(struct fixture *f, enum quic_outcome outcome, const char *sni)
{
	assert_null(f->why);
	assert_int_equal(outcome, QUIC_SAYS_HELLO);
	assert_string_equal(f->told.tls.sni, sni);
	assert_int_equal(f->told.len, f->hello.len);
	assert_memory_equal(f->told.message, f->hello.data, f->hello.len);
	assert_false(quic_hello_is_half(f->quic));
}

static void expect_half(struct fixture *f, enum quic_outcome outcome)
{
	assert_int_equal(outcome, QUIC_SAYS_NOTHING);
	assert_true(quic_hello_is_half(f->quic));
}

static void expect_broken(struct fixture *f, enum quic_outcome outcome, const char *why)
{
	assert_int_equal(outcome, QUIC_IS_BROKEN);
	assert_string_equal(f->why, why);
}

/* ---- what others have published ---- */

/* FIPS 197, C.1. */
static void test_aes(void **state)
{
	static const uint8_t expected[16] = {0x69, 0xc4, 0xe0, 0xd8, 0x6a, 0x7b, 0x04, 0x30,
					     0xd8, 0xcd, 0xb7, 0x80, 0x70, 0xb4, 0xc5, 0x5a};
	uint8_t key[16];
	uint8_t block[16];
	struct aes128 aes;

	(void)state;
	for (unsigned i = 0; i < 16; i++) {
		key[i] = (uint8_t)i;
		block[i] = (uint8_t)(i << 4 | i);
	}
	aes128_init(&aes, key);
	aes128_encrypt(&aes, block, block);
	assert_memory_equal(block, expected, 16);
}

static void expect_vector(struct fixture *f, const char *name)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", QUIC_CORPUS, name);
	_cleanup_close_ int vector_fd = open(path, O_RDONLY | O_CLOEXEC);
	char packet[1200];
	enum quic_outcome outcome;

	assert_int_equal(read(vector_fd, packet, sizeof(packet)), sizeof(packet));
	outcome = feed(f, packet, sizeof(packet));
	assert_null(f->why);
	assert_int_equal(outcome, QUIC_SAYS_HELLO);
	assert_string_equal(f->told.tls.sni, "example.com");
	assert_string_equal(f->told.tls.alpn[0], "alpn");
	assert_int_equal(f->told.len, 241);
	/* All of it is held to the seal. */
	for (size_t at = 5; at < sizeof(packet); at += at < 50 ? 1 : 13) {
		struct quic_hello *other = quic_hello_new(&f->held);
		struct quic_told told;
		const char *why;

		packet[at] ^= 1;
		assert_int_not_equal(quic_hello_feed(other, (const uint8_t *)packet, sizeof(packet),
						     &told, &why),
				     QUIC_SAYS_HELLO);
		packet[at] ^= 1;
		(void)quic_hello_free(other);
	}
}

/* RFC 9001, A.2, and RFC 9369, A.2. */
static void test_vectors(void **state)
{
	struct fixture *f = *state;

	expect_vector(f, "rfc9001_a2");
	f->quic = quic_hello_free(f->quic);
	f->quic = quic_hello_new(&f->held);
	expect_vector(f, "rfc9369_a2");
}

/* ---- pieces ---- */

static void test_one_packet(void **state)
{
	struct fixture *f = *state;

	expect_hello(f, send_all(f), "h.example");
	assert_string_equal(f->told.tls.alpn[0], "h3");
	assert_int_equal(send_all(f), QUIC_SAYS_NOTHING); /* once more */
}

static void test_pieces_in_any_order(void **state)
{
	struct fixture *f = *state;
	const size_t third = f->hello.len / 3;

	expect_half(f, send_part(f, 2 * third, f->hello.len - 2 * third));
	expect_half(f, send_part(f, 0, third));
	expect_half(f, send_part(f, third / 2, third));
	expect_hello(f, send_part(f, third, third), "h.example");
}

/* As browsers do: many small frames in one packet, with PING and PADDING between them. */
static void test_many_frames(void **state)
{
	struct fixture *f = *state;

	for (size_t at = f->hello.len; at > 0;) {
		const size_t len = at < 100 ? at : 100;

		at -= len;
		quic_crypto(&f->frames, &f->hello, at, len);
		buf_put(&f->frames, "\1\0\0", 3);
	}
	buf_put(&f->frames, "\2\5\0\1\0\0\1", 7); /* ACK of two ranges */
	expect_hello(f, send(f), "h.example");
}

static void test_nothing_but_padding_is_half(void **state)
{
	struct fixture *f = *state;

	expect_half(f, send(f));
	expect_hello(f, send_all(f), "h.example");
}

static void test_packets_in_one_datagram(void **state)
{
	struct fixture *f = *state;

	f->how.least = 0;
	quic_crypto(&f->frames, &f->hello, 0, 500);
	quic_seal(&f->packet, &f->how, &f->frames);
	buf_put(&f->packet, "\xd0\0\0\0\1\x08" ID "\0\2ab", 18); /* of 0-RTT */
	buf_clear(&f->frames);
	f->how.number = 1;
	quic_crypto(&f->frames, &f->hello, 500, f->hello.len - 500);
	quic_seal(&f->packet, &f->how, &f->frames);
	expect_hello(f, feed(f, f->packet.data, f->packet.len), "h.example");
}

static void test_said_twice_and_differs(void **state)
{
	struct fixture *f = *state;

	expect_half(f, send_part(f, 10, 500));
	f->hello.data[509] ^= 1;
	expect_broken(f, send_all(f), "what the ClientHello says is said twice and differs");
}

/* The server may not have got the first one. */
static void test_another_hello_behind_the_first(void **state)
{
	struct fixture *f = *state;

	expect_hello(f, send_all(f), "h.example");
	buf_clear(&f->hello);
	quic_client_hello(&f->hello, "i.example", 900);
	expect_broken(f, send_all(f), "what the ClientHello says is said twice and differs");
}

/* After a HelloRetryRequest. */
static void test_a_second_hello(void **state)
{
	struct fixture *f = *state;
	struct buf both = BUF_INIT(0);
	const size_t first = f->hello.len;

	expect_hello(f, send_all(f), "h.example");
	buf_put(&both, f->hello.data, first);
	buf_clear(&f->hello);
	quic_client_hello(&f->hello, "other.example", 0);
	buf_put(&both, f->hello.data, f->hello.len);
	quic_crypto(&f->frames, &both, first, 20);
	expect_half(f, send(f));
	quic_crypto(&f->frames, &both, first + 20, both.len - first - 20);
	expect_hello(f, send(f), "other.example");
	buf_done(&both);
}

/* ---- connections ---- */

static void test_the_server_has_answered(void **state)
{
	struct fixture *f = *state;

	expect_hello(f, send_all(f), "h.example");
	f->how.id = OTHER_ID;
	f->how.number = 254;
	for (unsigned i = 0; i < 5; i++) { /* of the last of which only the end is said */
		buf_puts(&f->frames, "\1");
		assert_int_equal(send(f), QUIC_SAYS_NOTHING);
	}
	f->how.keys_of = "unknown!";
	f->how.id = OTHER_ID;
	expect_broken(f, send_all(f), UNREADABLE);
}

static void test_retry(void **state)
{
	struct fixture *f = *state;

	expect_hello(f, send_all(f), "h.example");
	f->how.keys_of = OTHER_ID;
	f->how.token = "token";
	assert_int_equal(send_all(f), QUIC_SAYS_NOTHING); /* the same hello */
	f->how.keys_of = "third-id";
	buf_clear(&f->hello);
	quic_client_hello(&f->hello, "third.example", 0);
	expect_hello(f, send_all(f), "third.example");
}

static void test_another_version_of_the_same_connection(void **state)
{
	struct fixture *f = *state;

	expect_hello(f, send_all(f), "h.example");
	f->how.version = QUIC_VERSION_2;
	f->how.id = OTHER_ID;
	assert_int_equal(send_all(f), QUIC_SAYS_NOTHING);
}

static void test_one_of_two_is_half(void **state)
{
	struct fixture *f = *state;

	expect_half(f, send_part(f, 0, 100));
	f->how.keys_of = OTHER_ID;
	assert_int_equal(send_all(f), QUIC_SAYS_HELLO);
	assert_true(quic_hello_is_half(f->quic));
}

static void test_many_connections(void **state)
{
	struct fixture *f = *state;
	char id[9];

	f->how.keys_of = id;
	for (unsigned i = 0; i < 50; i++) {
		char name[16];

		(void)snprintf(id, sizeof(id), "id-%05u", i);
		(void)snprintf(name, sizeof(name), "h%u.example", i);
		buf_clear(&f->hello);
		quic_client_hello(&f->hello, name, 900);
		expect_hello(f, send_all(f), name);
	}
	for (unsigned i = 0; i < 8; i++) {
		(void)snprintf(id, sizeof(id), "half%04u", i);
		expect_half(f, send_part(f, 0, 10));
	}
	(void)snprintf(id, sizeof(id), "too-many");
	expect_broken(f, send_part(f, 0, 10), "too many connections begin");
}

/* ---- what is broken ---- */

static void test_not_sealed(void **state)
{
	struct fixture *f = *state;

	quic_crypto(&f->frames, &f->hello, 0, f->hello.len);
	quic_seal(&f->packet, &f->how, &f->frames);
	f->packet.data[f->packet.len - 1] ^= 1;
	expect_broken(f, feed(f, f->packet.data, f->packet.len), UNREADABLE);
}

static void test_lengths(void **state)
{
	struct fixture *f = *state;

	quic_crypto(&f->frames, &f->hello, 0, f->hello.len);
	quic_seal(&f->packet, &f->how, &f->frames);
	expect_broken(f, feed(f, f->packet.data, f->packet.len - 1),
		      "a packet of it is of a draft, or not whole");
	f->how.least = 2049;
	buf_clear(&f->packet);
	quic_seal(&f->packet, &f->how, &f->frames);
	expect_broken(f, feed(f, f->packet.data, f->packet.len), "an Initial packet is too long");
}

static void expect_bad_frames(struct fixture *f, const char *bytes, size_t len, const char *why)
{
	f->quic = quic_hello_free(f->quic);
	f->quic = quic_hello_new(&f->held);
	buf_put(&f->frames, bytes, len);
	f->how.least = 0;
	expect_broken(f, send(f), why);
}

static void test_frames(void **state)
{
	static const char malformed[] = "the frames of the packet are malformed";
	struct fixture *f = *state;

	expect_bad_frames(f, "\1\1\1\x08", 4, malformed); /* STREAM */
	expect_bad_frames(f, "\1\6\0\x20", 4, malformed); /* CRYPTO beyond its end */
	expect_bad_frames(f, "\1\2\0\0\xff", 5, malformed);
	expect_bad_frames(f, "\1\1\x1c\0", 4, malformed);
	expect_bad_frames(f, "\1\6\0\1\2", 5, "what it begins with is no ClientHello");
	expect_bad_frames(f, "\6\0\4\1\xff\0\0", 7, "the ClientHello is too long");
	expect_bad_frames(f, "\6\x80\2\0\0\1x", 7, "the ClientHello is too long");
	expect_bad_frames(f, "\6\xff\xff\xff\xff\xff\xff\xff\xff\1x", 11,
			  "the ClientHello is too long");
	expect_bad_frames(f, "\6\0\4\1\0\0\0", 7, "the ClientHello is malformed");
}

static void test_too_much_is_held(void **state)
{
	struct fixture *f = *state;
	const size_t others = MAX_NET_HELD_BYTES;

	f->held += others;
	f->how.least = 0;
	expect_broken(f, send_all(f), "too much of a ClientHello is held");
	f->held -= others;
}

/* ---- what is no Initial packet ---- */

static void test_others(void **state)
{
	struct fixture *f = *state;
	char packet[1200] = "\xc0\x1a\x2a\x3a\x4a\x08" ID "\0"; /* asks which versions there are */

	assert_int_equal(feed(f, packet, sizeof(packet)), QUIC_SAYS_NOTHING);
	assert_int_equal(feed(f, "\x40short", 6), QUIC_SAYS_NOTHING);
	assert_int_equal(feed(f, "", 0), QUIC_SAYS_NOTHING);
	assert_false(quic_hello_is_half(f->quic));
	packet[1] = '\xff'; /* draft 29 */
	packet[2] = packet[3] = '\0';
	packet[4] = '\x1d';
	expect_broken(f, feed(f, packet, sizeof(packet)),
		      "a packet of it is of a draft, or not whole");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_aes),
		TEST(test_vectors),
		TEST(test_one_packet),
		TEST(test_pieces_in_any_order),
		TEST(test_many_frames),
		TEST(test_nothing_but_padding_is_half),
		TEST(test_packets_in_one_datagram),
		TEST(test_said_twice_and_differs),
		TEST(test_another_hello_behind_the_first),
		TEST(test_a_second_hello),
		TEST(test_the_server_has_answered),
		TEST(test_retry),
		TEST(test_another_version_of_the_same_connection),
		TEST(test_one_of_two_is_half),
		TEST(test_many_connections),
		TEST(test_not_sealed),
		TEST(test_lengths),
		TEST(test_frames),
		TEST(test_too_much_is_held),
		TEST(test_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
