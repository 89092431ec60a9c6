/* SPDX-License-Identifier: Apache-2.0 */

/*
 * An SSH server up to its banner: who connects says with what program, and is hung up on once its
 * key exchange begins. What it would have sent is encrypted to a key that it cannot know.
 * RFC 4253 4.2.
 */

#include <string.h>

#include "common/cleanup.h"
#include "monitor/net/decoy/visit.h"

#define MAX_BANNER 255u

static void begin(struct visit *visit)
{
	static const char banner[] = "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n";

	visit_say(visit, banner, sizeof(banner) - 1);
}

static void tell(struct visit *visit, const char *bytes, size_t len)
{
	struct decoy_request told = {.service = "ssh", .host = "", .method = "", .detail = ""};
	_cleanup_free_ char *banner = xstrndup(bytes, strnlen(bytes, len));
	struct evidence evidence;

	banner[strcspn(banner, "\r\n")] = '\0';
	told.path = banner;
	evidence_begin(&evidence, &visit->decoy->store);
	evidence_tell(&evidence, &told);
	visit_tell(visit, &told);
	evidence_done(&evidence);
}

static size_t take(struct visit *visit, const char *bytes, size_t len)
{
	const char *newline = memchr(bytes, '\n', len);
	const size_t line = newline ? (size_t)(newline - bytes) + 1 : 0;

	if (!visit->talk && !line && len < MAX_BANNER)
		return 0;
	if (!visit->talk) {
		tell(visit, bytes, line && line < MAX_BANNER ? line : MAX_BANNER);
		visit->talk = visit; /* told */
		return line ? line : len;
	}
	visit_close(visit);
	return len;
}

const struct protocol ssh_protocol = {
	.name = "ssh", .secured_name = "ssh", .begin = begin, .take = take};
