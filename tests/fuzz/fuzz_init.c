/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What a session's init takes from its socket: a datagram with descriptors, and of an EXEC its
 * strings. The first byte says how many descriptors come along, the rest is the datagram. No
 * descriptor may stay behind, and no string may reach beyond the message.
 */

#include "tests/support/fuzz.h"

#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "sandbox/exec_strings.h"

/* Above MAX_MESSAGE_FDS: what is too many must be closed, too. */
#define MOST_FDS 9

static struct exec_strings strings;

/* packet_send() would not send what is wrong. */
static bool put_datagram(int socket_fd, const uint8_t *data, size_t size, unsigned fd_count)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * MOST_FDS)];
	} control = {0};
	struct iovec iov = {.iov_len = size};
	struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};

	/* sendmsg(2) only reads what it points to. */
	memcpy(&iov.iov_base, &data, sizeof(data));
	if (fd_count) {
		struct cmsghdr *c;

		mh.msg_control = control.bytes;
		mh.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
		c = CMSG_FIRSTHDR(&mh);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
		for (unsigned i = 0; i < fd_count; i++)
			memcpy(CMSG_DATA(c) + i * sizeof(int), &socket_fd, sizeof(int));
	}
	return sendmsg(socket_fd, &mh, MSG_NOSIGNAL) >= 0;
}

static void expect_inside(const struct msg *m, const char *payload, const char *text)
{
	fuzz_expect(text >= payload && text < payload + m->payload_len);
	fuzz_expect(text + strlen(text) < payload + m->payload_len);
}

static void take(const struct msg *m, char *payload)
{
	if (exec_strings_take(m, payload, &strings) < 0)
		return;
	expect_inside(m, payload, strings.cwd);
	for (uint32_t i = 0; i < m->argc; i++)
		expect_inside(m, payload, strings.argv[i]);
	for (uint32_t i = 0; i < m->envc; i++)
		expect_inside(m, payload, strings.env[i]);
	fuzz_expect(m->argc >= 1 && !strings.argv[m->argc] && !strings.env[m->envc]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Of its exact size: a sanitizer sees the first byte too far. */
	_cleanup_free_ char *payload = xcalloc(MAX_MESSAGE_BYTES, 1);
	const struct fuzz_fds before = fuzz_free_fds();
	const unsigned fd_count = size ? data[0] % (MOST_FDS + 1) : 0;
	struct msg m = {0};
	struct msg_fds fds = MSG_FDS_NONE;
	int pair[2];
	int r;

	fuzz_expect(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
	if (size && put_datagram(pair[0], data + 1, size - 1, fd_count)) {
		r = msg_recv(pair[1], &m, payload, &fds);
		fuzz_expect(r == 0 || r == MSG_EOF || r == -EPROTO);
		fuzz_expect(r == 0 ? fds.count == fd_count : fds.count == 0);
		if (r == 0) {
			size_t at = 0;
			const char *text;

			fuzz_expect(m.payload_len == size - 1 - sizeof(m));
			while ((text = msg_next_string(&m, payload, &at)))
				expect_inside(&m, payload, text);
			take(&m, payload);
		}
		msg_fds_close(&fds);
	}
	(void)close(pair[0]);
	(void)close(pair[1]);
	fuzz_expect_free(&before);
	return 0;
}
