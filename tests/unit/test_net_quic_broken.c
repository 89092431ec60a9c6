/* SPDX-License-Identifier: Apache-2.0 */
#include "common/limits.h"
#include "tests/unit/quic_fixture.h"

/* QUIC packets that are broken, and datagrams that are none. */

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
	start_anew(f);
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

/* What is no Initial packet. */
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_not_sealed),	     TEST(test_lengths), TEST(test_frames),
		TEST(test_too_much_is_held), TEST(test_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
