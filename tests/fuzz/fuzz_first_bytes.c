/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What a program says first, in any bytes: no division of them changes what is read of it, and of
 * what names a host that host is a name that is searched for, with nothing else in it.
 */

#include <string.h>

#include "monitor/net/names.h"
#include "tests/support/first_bytes.h"

#define MOST_INPUT (80u << 10) /* more than a head may have */

static void expect_terminated(const char *text, size_t size)
{
	fuzz_expect(memchr(text, 0, size));
}

/* What it says agrees with that name and with no other. */
static void check_name(const struct first_seen *seen, const char *said, int32_t port)
{
	char canonical[MAX_NAME_BYTES + 1];
	struct first_target target = {.name = canonical};
	const char *why;

	if (!names_canonical(said, strlen(said), canonical))
		return;
	target.endpoint.port = port > 0 ? (uint16_t)port : 80;
	fuzz_expect(names_agree(seen, &target, &why));
	canonical[0] = canonical[0] == 'a' ? 'b' : 'a';
	fuzz_expect(!names_agree(seen, &target, &why) && why);
}

static void check_head(const struct first_seen *seen)
{
	expect_terminated(seen->tls.sni, sizeof(seen->tls.sni));
	expect_terminated(seen->http.host, sizeof(seen->http.host));
	expect_terminated(seen->http.path, sizeof(seen->http.path));
	expect_terminated(seen->ssh_software, sizeof(seen->ssh_software));
	fuzz_expect(!seen->broken);
	fuzz_expect(seen->tls.alpn_count <= MAX_ALPN && seen->tls.alpn_bytes <= MAX_ALPN_BYTES);
	fuzz_expect(!seen->tls.alpn_bytes || !seen->tls.alpn[seen->tls.alpn_bytes - 1]);
	fuzz_expect(seen->http.body_bytes >= HTTP_CHUNKED);
	if (strcmp(seen->protocol, "tls") == 0)
		check_name(seen, seen->tls.sni, -1);
	else if (strcmp(seen->protocol, "http") == 0)
		check_name(seen, seen->http.host, seen->http.port);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct first_bytes *fb;
	enum first_outcome outcome = FIRST_MORE;
	size_t taken;

	if (size > MOST_INPUT)
		return 0;
	first_transcript_expect_same(data, size);
	fb = first_bytes_new();
	for (size_t at = 0; at < size && outcome != FIRST_BROKEN; at += taken) {
		outcome = first_bytes_feed(fb, data + at, size - at, &taken);
		if (outcome == FIRST_HEAD)
			check_head(first_bytes_seen(fb));
	}
	(void)first_bytes_free(fb);
	return 0;
}
