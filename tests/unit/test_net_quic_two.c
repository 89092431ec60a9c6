/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "tests/support/hello.h"
#include "tests/support/quic_two.h"
#include "tests/unit/quic_fixture.h"

/*
 * What a server would put together otherwise than the reader here does: packets that two keys open,
 * and connections that begin anew. Each attack is shown to say the other name to a server first:
 * to a reader that got only what the server would have taken.
 */

static const char again[] = "a connection of that id began before";

static void test_a_packet_for_two_keys(void **state)
{
	struct fixture *f = *state;
	_cleanup_buf_ struct buf packet = BUF_INIT(0);
	char known[QUIC_ID_TEXT];

	assert_true(quic_seal_two(&packet, "evil.example", known));
	/* To the server it is the first of a connection. */
	assert_int_equal(feed(f, packet.data, packet.len), QUIC_SAYS_HELLO);
	assert_string_equal(f->told.tls.sni, "evil.example");
	start_anew(f);
	f->how.keys_of = known;
	expect_hello(f, send_all(f), "h.example");
	expect_broken(f, feed(f, packet.data, packet.len),
		      "an Initial packet can be read in two ways");
}

/*
 * The evil hello is the first half of @second and the second half of @first, each of which names a
 * good host where the evil one has bytes that mean nothing.
 */
static void make_halves(struct buf *first, struct buf *second, struct buf *evil)
{
	_cleanup_buf_ struct buf good_last = BUF_INIT(0);
	_cleanup_buf_ struct buf evil_last = BUF_INIT(0);
	struct buf *to[] = {first, second, evil};
	char filling[300] = {0};

	/* Of the same length, an extension each. */
	hello_sni(&good_last, "h.example");
	hello_sni(&evil_last, "evil.test");
	for (unsigned i = 0; i < 3; i++) {
		const struct buf *last = i == 1 ? &good_last : &evil_last;
		_cleanup_buf_ struct buf extensions = BUF_INIT(0);
		_cleanup_buf_ struct buf body = BUF_INIT(0);

		if (i == 0) { /* what follows is within an extension of no meaning */
			hello_sni(&extensions, "h.example");
			hello_number(&extensions, 0x1a1a, 2);
			hello_number(&extensions, sizeof(filling) - good_last.len - 4 + last->len,
				     2);
			buf_put(&extensions, filling, sizeof(filling) - good_last.len - 4);
		} else {
			hello_extension(&extensions, 0x1a1a, filling, sizeof(filling) - 4);
		}
		buf_put(&extensions, last->data, last->len);
		hello_body(&body, &extensions);
		hello_number(to[i], 1, 1);
		hello_vector(to[i], body.data, body.len, 3);
	}
}

struct halves {
	struct buf first, second, evil;
	size_t at; /* of the second half */
};

static void say(struct fixture *f, const struct buf *hello, size_t at, size_t len)
{
	quic_crypto(&f->frames, hello, at, len);
}

static void set_up_halves(struct halves *h)
{
	*h = (struct halves){.first = BUF_INIT(0), .second = BUF_INIT(0), .evil = BUF_INIT(0)};
	make_halves(&h->first, &h->second, &h->evil);
	assert_int_equal(h->first.len, h->evil.len);
	assert_int_equal(h->second.len, h->evil.len);
	for (h->at = h->evil.len; h->first.data[h->at - 1] == h->evil.data[h->at - 1]; h->at--)
		;
	assert_memory_equal(h->second.data, h->evil.data, h->at);
	assert_memory_equal(h->first.data + h->at, h->evil.data + h->at, h->evil.len - h->at);
}

static void tear_down_halves(struct halves *h)
{
	buf_done(&h->first);
	buf_done(&h->second);
	buf_done(&h->evil);
}

/* What the server has: it lost the first half of the first, and the second of the second. */
static void expect_evil_at_the_server(struct fixture *f, const struct halves *h)
{
	enum quic_outcome outcome;

	say(f, &h->first, h->at, h->first.len - h->at);
	(void)send(f);
	say(f, &h->second, 0, h->at);
	outcome = send(f);
	assert_null(f->why);
	assert_int_equal(outcome, QUIC_SAYS_HELLO);
	assert_string_equal(f->told.tls.sni, "evil.test");
	start_anew(f);
	f->how.number = 0;
	say(f, &h->first, 0, h->first.len);
	assert_int_equal(send(f), QUIC_SAYS_HELLO);
	assert_string_equal(f->told.tls.sni, "h.example");
}

static void test_begun_anew_by_another_socket(void **state)
{
	struct fixture *f = *state;
	struct halves h;
	struct quic_hello *first = NULL;

	set_up_halves(&h);
	expect_evil_at_the_server(f, &h);
	first = f->quic;
	f->quic = quic_hello_new(&f->held, &f->ids);
	say(f, &h.second, 0, h.second.len);
	expect_broken(f, send(f), again);
	(void)quic_hello_free(first);
	tear_down_halves(&h);
}

static void test_begun_anew_when_forgotten(void **state)
{
	struct fixture *f = *state;
	struct halves h;
	char id[9];

	set_up_halves(&h);
	expect_evil_at_the_server(f, &h);
	f->how.keys_of = id;
	for (unsigned i = 0; i < 8; i++) {
		(void)snprintf(id, sizeof(id), "id-%05u", i);
		assert_int_equal(send_all(f), QUIC_SAYS_HELLO - (i > 0));
	}
	f->how.keys_of = ID;
	f->how.number = 1;
	say(f, &h.second, 0, h.second.len);
	expect_broken(f, send(f), again);
	tear_down_halves(&h);
}

/* A number far from the last one: it would be another packet's, if it were not the first. */
static void test_begun_anew_by_its_number(void **state)
{
	struct fixture *f = *state;
	struct halves h;

	set_up_halves(&h);
	expect_evil_at_the_server(f, &h);
	f->how.number = 1u << 20;
	f->how.number_bytes = 4;
	assert_int_equal((buf_puts(&f->frames, "\1"), send(f)), QUIC_SAYS_NOTHING);
	f->how.number = 1;
	f->how.number_bytes = 1;
	say(f, &h.second, 0, h.second.len);
	expect_broken(f, send(f), again);
	tear_down_halves(&h);
}

/* With the id that the server chose for the first, by which it would find that one. */
static void test_begun_with_the_servers_id(void **state)
{
	static const char answer[] = "\xc0\0\0\0\1\0\x08" OTHER_ID "\0\x40\x20"
				     "sealed with keys that are unknown";
	struct fixture *f = *state;

	expect_hello(f, send_all(f), "h.example");
	f->how.id = OTHER_ID;
	quic_hello_answered(f->quic, (const uint8_t *)answer, sizeof(answer) - 2);
	quic_hello_answered(f->quic, (const uint8_t *)answer, sizeof(answer) - 2);
	assert_int_equal(f->ids.count, 2);
	assert_int_equal(send_all(f), QUIC_SAYS_NOTHING); /* the first goes on */
	f->how.keys_of = OTHER_ID;
	expect_broken(f, send_all(f), again);
}

/* After a Retry its id begins a connection. */
static void test_a_retry_begins_one(void **state)
{
	static const char retry[] = "\xf0\0\0\0\1\0\x08" OTHER_ID "token and the tag of it";
	struct fixture *f = *state;

	expect_hello(f, send_all(f), "h.example");
	quic_hello_answered(f->quic, (const uint8_t *)retry, sizeof(retry) - 1);
	f->how.keys_of = OTHER_ID;
	assert_int_equal(send_all(f), QUIC_SAYS_NOTHING);
}

static void test_ids_are_forgotten(void **state)
{
	struct fixture *f = *state;
	char id[9];

	for (unsigned i = 0; i < 4096; i++) {
		const struct reader reader = {(const uint8_t *)id, 8, false};

		(void)snprintf(id, sizeof(id), "id-%05u", i);
		assert_null(quic_ids_begin(&f->ids, &reader));
	}
	expect_broken(f, send_all(f), "too many connections began");
	(void)quic_hello_free(f->quic);
	f->quic = quic_hello_new(&f->held, &f->ids);
	f->ids.now_ms = 300000;
	f->how.number = 0;
	expect_hello(f, send_all(f), "h.example");
	assert_int_equal(f->ids.count, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_packet_for_two_keys),     TEST(test_begun_anew_by_another_socket),
		TEST(test_begun_anew_when_forgotten), TEST(test_begun_anew_by_its_number),
		TEST(test_begun_with_the_servers_id), TEST(test_a_retry_begins_one),
		TEST(test_ids_are_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
