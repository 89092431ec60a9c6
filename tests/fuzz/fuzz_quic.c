/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What a program says over QUIC, in any bytes. The first one chooses: datagrams as they are, a
 * length of two bytes before each; or frames, which are sealed into a packet of the connection that
 * the second one chooses, so that what is behind the seal is reached.
 */

#include <string.h>

#include "monitor/net/quic_hello.h"
#include "monitor/net/quic_packet.h"
#include "tests/support/fuzz.h"
#include "tests/support/quic_seal.h"

static enum quic_outcome feed(struct quic_hello *quic, const void *bytes, size_t len)
{
	struct quic_told told = {0};
	const char *why = NULL;
	enum quic_outcome outcome;

	fuzz_expect(!quic_is_long(bytes, len) || (len > 6 && *(const uint8_t *)bytes & 0x80));
	outcome = quic_hello_feed(quic, bytes, len, &told, &why);
	fuzz_expect((outcome == QUIC_IS_BROKEN) == (why != NULL));
	if (outcome == QUIC_SAYS_HELLO) {
		fuzz_expect(memchr(told.tls.sni, 0, sizeof(told.tls.sni)));
		fuzz_expect(told.len > 4 && told.message[0] == 1);
		fuzz_expect(told.len <= MAX_TLS_HELLO);
	}
	return outcome;
}

static enum quic_outcome seal_and_feed(struct quic_hello *quic, const uint8_t *bytes, size_t len,
				       unsigned turn)
{
	static const char *const ids[] = {"first-id", "otherone"};
	_cleanup_buf_ struct buf frames = BUF_INIT(0);
	_cleanup_buf_ struct buf packet = BUF_INIT(0);
	const struct quic_sealing how = {.version = bytes[0] & 2 ? QUIC_VERSION_2 : 1,
					 .keys_of = ids[bytes[0] & 1],
					 .number = turn,
					 .number_bytes = 1 + (bytes[0] >> 2 & 3)};

	buf_put(&frames, bytes + 1, len - 1);
	quic_seal(&packet, &how, &frames);
	return feed(quic, packet.data, packet.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t held = 0;
	struct quic_ids ids = {0};
	struct quic_hello *quic = quic_hello_new(&held, &ids);
	const bool seals = size && data[0] & 1;
	enum quic_outcome outcome = QUIC_SAYS_NOTHING;
	unsigned turn = 0;

	if (size)
		(void)feed(quic, data, 0);
	for (size_t at = 1; at + 2 <= size && outcome != QUIC_IS_BROKEN;) {
		size_t len = (size_t)data[at] << 8 | data[at + 1];

		at += 2;
		len = len > size - at ? size - at : len;
		if (!seals)
			outcome = feed(quic, data + at, len);
		else if (len)
			outcome = seal_and_feed(quic, data + at, len, turn++);
		at += len;
	}
	(void)quic_hello_is_half(quic);
	(void)quic_hello_free(quic);
	quic_ids_done(&ids);
	fuzz_expect(held == 0);
	return 0;
}
