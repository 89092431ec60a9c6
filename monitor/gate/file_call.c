/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/gate/file_call.h"

#include <stdlib.h>

#include "common/cleanup.h"
#include "common/release.h"
#include "monitor/gate/file_action.h"

struct file_call *file_call_new(void)
{
	struct file_call *call = xcalloc(1, sizeof(*call));

	call->payload = (struct buf)BUF_INIT(HANDS_MAX_BYTES);
	for (size_t i = 0; i < 3; i++)
		call->base_fd[i] = -1;
	return call;
}

void file_call_release(struct file_call *call)
{
	/* Who asked to be connected may have been already, and be gone by now. */
	if (call->request.op == HANDS_CONNECT && call->base_count)
		release_socket(&call->base_fd[--call->base_count]);
	for (size_t i = 0; i < 3; i++)
		close_fd(&call->base_fd[i]);
	call->base_count = 0;
}

struct file_call *file_call_free(struct file_call *call)
{
	if (!call)
		return NULL;
	file_call_release(call);
	file_action_free(call->about);
	buf_done(&call->payload);
	free(call->exe);
	free(call);
	return NULL;
}
