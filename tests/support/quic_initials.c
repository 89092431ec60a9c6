/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quic_initials VERSION ID SNI PIECES - the Initial packets of a client that names SNI ("":
 * nobody), its ClientHello in so many pieces, each a datagram, one a line in hex. ID: 8 letters.
 */
#include <stdio.h>
#include <string.h>

#include "tests/support/number.h"
#include "tests/support/quic_seal.h"

int main(int argc, char **argv)
{
	_cleanup_buf_ struct buf hello = BUF_INIT(0);
	long pieces;

	if (argc != 5 || strlen(argv[2]) != 8)
		return 2;
	pieces = number(argv[4]);
	quic_client_hello(&hello, argv[3][0] ? argv[3] : NULL, 400);
	for (long i = 0; i < pieces; i++) {
		const size_t from = hello.len * (size_t)i / (size_t)pieces;
		const size_t to = hello.len * (size_t)(i + 1) / (size_t)pieces;
		_cleanup_buf_ struct buf frames = BUF_INIT(0);
		_cleanup_buf_ struct buf packet = BUF_INIT(0);
		const struct quic_sealing how = {.version = argv[1][0] == '2' ? 0x6b3343cf : 1,
						 .keys_of = argv[2],
						 .number = (uint32_t)i,
						 .number_bytes = 1,
						 .least = 1200};

		quic_crypto(&frames, &hello, from, to - from);
		quic_seal(&packet, &how, &frames);
		for (size_t at = 0; at < packet.len; at++)
			printf("%02x", (unsigned char)packet.data[at]);
		printf("\n");
	}
	return 0;
}
