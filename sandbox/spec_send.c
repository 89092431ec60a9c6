/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "common/cleanup.h"
#include "common/packet.h"
#include "sandbox/spec_wire.h"

int spec_send(int socket_fd, const struct spec *spec, int lock_fd, struct error *err)
{
	_cleanup_close_ int spec_fd = spec_to_memfd(spec, err);
	const int fds[2] = {spec_fd, lock_fd};
	char note = 's';
	const struct packet packet = {.head = &note, .head_len = sizeof(note)};
	int r;

	if (spec_fd < 0)
		return spec_fd;
	r = packet_send(socket_fd, &packet, fds, lock_fd < 0 ? 1 : 2);
	return r < 0 ? error_errno(err, r, "hand the launcher its spec") : 0;
}

int spec_receive(int socket_fd, struct spec *ret, int *ret_lock_fd, struct error *err)
{
	struct msg_fds fds = MSG_FDS_NONE;
	char note;
	struct packet packet = {.head = &note, .head_len = sizeof(note)};
	int r = packet_recv(socket_fd, &packet, &fds);

	if (r == MSG_EOF)
		return error_set(err, EPIPE, "no spec came");
	if (r < 0)
		return error_errno(err, r, "receive the spec");
	r = spec_from_fd(fds.fd[0], ret, err);
	if (r == 0)
		*ret_lock_fd = take_fd(&fds.fd[1]);
	msg_fds_close(&fds);
	return r;
}
