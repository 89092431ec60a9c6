/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>

#include "monitor/net/aes_gcm.h"
#include "monitor/net/quic_packet.h"
#include "tests/unit/quic_fixture.h"

/* What QUIC packets say: published vectors, hellos in pieces, several connections. */

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
	assert_string_equal(f->told.tls.alpn, "alpn");
	assert_int_equal(f->told.len, 241);
	/* All of it is held to the seal. */
	for (size_t at = 5; at < sizeof(packet); at += at < 50 ? 1 : 13) {
		struct quic_ids ids = {0};
		struct quic_hello *other = quic_hello_new(&f->held, &ids);
		struct quic_told told;
		const char *why;

		packet[at] ^= 1;
		assert_int_not_equal(quic_hello_feed(other, (const uint8_t *)packet, sizeof(packet),
						     &told, &why),
				     QUIC_SAYS_HELLO);
		packet[at] ^= 1;
		(void)quic_hello_free(other);
		quic_ids_done(&ids);
	}
}

/* RFC 9001, A.2, and RFC 9369, A.2. */
static void test_vectors(void **state)
{
	struct fixture *f = *state;

	expect_vector(f, "rfc9001_a2");
	start_anew(f);
	expect_vector(f, "rfc9369_a2");
}

/* ---- pieces ---- */

static void test_one_packet(void **state)
{
	struct fixture *f = *state;

	expect_hello(f, send_all(f), "h.example");
	assert_string_equal(f->told.tls.alpn, "h3");
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
