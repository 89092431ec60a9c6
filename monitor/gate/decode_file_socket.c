/* SPDX-License-Identifier: Apache-2.0 */

/* Sockets that the hands connect or bind, as decode_net() has judged or read them. */

#include "monitor/gate/decode_file.h"

#include <fcntl.h>

#include "common/cleanup.h"
#include "monitor/gate/file_action.h"

int decode_connect(struct decode *d, const struct connection *to)
{
	struct file_call *call = d->file = file_call_new();
	int r = 0;

	call->request.op = HANDS_CONNECT;
	call->about = to->about;
	if (to->path) {
		call->request.paths = 1;
		call->request.walk[0] = HANDS_FOLLOW;
		buf_puts(&call->payload, to->path);
		buf_putc(&call->payload, '\0');
		if (to->path[0] != '/')
			r = decode_file_base(d, AT_FDCWD, HANDS_FOLLOW);
		call->base_fd[call->base_count++] = take_fd(to->file_fd);
		r = r < 0 ? r : target_self(&d->target, false);
		call->request.pid = d->target.self.pid;
		call->request.tid = d->target.self.tid;
	} else {
		call->request.value_len = to->len;
		buf_put(&call->payload, to->bytes, to->len);
	}
	call->base_fd[call->base_count++] = take_fd(to->socket_fd);
	if (r < 0 && call->about)
		decode_answered(d, &call->about->action, -r);
	return decode_file_keep(d, r);
}

int decode_bind(struct decode *d, const char *path, int *socket_fd)
{
	struct file_call *call = d->file = file_call_new();
	int r = 0;

	call->request.op = HANDS_BIND;
	call->request.paths = 1;
	buf_puts(&call->payload, path);
	buf_putc(&call->payload, '\0');
	if (path[0] != '/')
		r = decode_file_base(d, AT_FDCWD, 0);
	if (r == 0)
		call->base_fd[call->base_count++] = take_fd(socket_fd);
	return decode_file_finish(d, r);
}
