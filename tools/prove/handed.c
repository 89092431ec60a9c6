/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/prove/handed.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/packet.h"

/* clang-format off */
const char handed_policy[] =
	"{\"policy\":\"escape-handed\",\"version\":1,\"on_loss\":\"log\",\"rules\":["
	"{\"id\":\"escape.nowhere\",\"category\":\"test\",\"severity\":\"low\","
	"\"on\":[\"net.connect\"],\"when\":\"action.path == '/nowhere'\",\"verdict\":\"deny\","
	"\"because\":\"The arena forbids it.\",\"refs\":[],"
	"\"match\":[{\"action\":{\"kind\":\"net.connect\",\"path\":\"/nowhere\"}}],"
	"\"not_match\":[{\"action\":{\"kind\":\"net.connect\",\"path\":\"/there\"}}]}]}";

/* clang-format on */

/* What a server hands to whom it starts: the accepted end of a connection. */
static int accepted(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr *name = (struct sockaddr *)&at;
	socklen_t len = sizeof(at);
	_cleanup_close_ int server_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const int client_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0); /* stays open */

	if (server_fd < 0 || bind(server_fd, name, len) < 0 || listen(server_fd, 1) < 0 ||
	    getsockname(server_fd, name, &len) < 0 || connect(client_fd, name, len) < 0)
		return -1;
	return accept4(server_fd, NULL, NULL, SOCK_CLOEXEC);
}

static int open_kind(unsigned flags)
{
	if (flags & ROW_HANDED_TCP)
		return accepted();
	if (flags & ROW_HANDED_UDP)
		return socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return socket(AF_UNIX,
		      (flags & ROW_HANDED_DATAGRAM ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
}

/* Return: the other end of a socket in which it waits. */
static int send_it(int handed_fd)
{
	char byte = 'x';
	const struct packet packet = {.head = &byte, .head_len = 1};
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -1;
	return packet_send(pair[0], &packet, &handed_fd, 1) == 0 ? pair[1] : -1;
}

int handed_open(unsigned flags, bool sent)
{
	const int handed_fd = flags & ROW_HANDED ? open_kind(flags) : -1;

	return handed_fd >= 0 && sent ? send_it(handed_fd) : handed_fd;
}

const char *handed_refusal(unsigned flags)
{
	if (flags & ROW_STDIN_FOLDER)
		return "standard input is a folder";
	if (flags & (ROW_HANDED_TCP | ROW_HANDED_UDP))
		return "standard input is a network socket of the host";
	if (flags & ROW_HANDED_DATAGRAM)
		return "standard input is a UNIX datagram socket";
	return flags & ROW_HANDED_NO_PEER ? "standard input is a UNIX socket without a peer" : NULL;
}
