/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/fuzz/relay_world.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "common/cleanup.h"
#include "tests/support/fuzz.h"

const char *const heads[HEADS] = {
	"\1", "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99999999\r\n\r\n", "GET",
	"\x16\3\1"};

static uint8_t byte_of(const char *head, uint64_t at)
{
	const size_t len = strlen(head);

	return at < len ? (uint8_t)head[at] : (uint8_t)(at * 31 + (at >> 8) + len);
}

void say(struct pair *pair, struct side *side, const char *head, size_t len)
{
	static uint8_t bytes[SAY_BYTES];
	ssize_t n;

	if (!side->is_there || side->shut)
		return;
	for (size_t i = 0; i < len; i++)
		bytes[i] = byte_of(head, side->said + i);
	n = send(side->fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	fuzz_expect(n >= 0 || errno == EAGAIN || pair->may_break);
	side->said += n > 0 ? (uint64_t)n : 0;
}

/* Return: whether something came. */
static bool hear(struct pair *pair, struct side *side, const struct side *other, const char *head,
		 size_t len)
{
	static uint8_t bytes[SAY_BYTES];
	ssize_t n;

	if (!side->is_there || side->hears_end)
		return false;
	n = recv(side->fd, bytes, len, MSG_DONTWAIT);
	fuzz_expect(n >= 0 || errno == EAGAIN || pair->may_break);
	if (n == 0) {
		fuzz_expect(pair->may_break || (other->shut && side->heard == other->said));
		side->hears_end = true;
	}
	for (ssize_t i = 0; i < n; i++)
		fuzz_expect(bytes[i] == byte_of(head, side->heard + (uint64_t)i));
	side->heard += n > 0 ? (uint64_t)n : 0;
	fuzz_expect(side->heard <= other->said);
	return n >= 0;
}

bool program_hears(struct pair *pair, size_t len)
{
	return hear(pair, &pair->program, &pair->upstream, "", len);
}

bool upstream_hears(struct pair *pair, size_t len)
{
	return hear(pair, &pair->upstream, &pair->program, pair->head, len);
}

void say_all(struct side *side)
{
	if (side->is_there && !side->shut)
		side->shut = shutdown(side->fd, SHUT_WR) == 0;
}

void leave(struct pair *pair, struct side *side, bool reset)
{
	const struct linger at_once = {.l_onoff = 1};

	if (side->fd < 0)
		return;
	if (reset)
		(void)setsockopt(side->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close_fd(&side->fd);
	side->is_there = false;
	pair->may_break = true;
	pair->waits &= side != &pair->program;
}
