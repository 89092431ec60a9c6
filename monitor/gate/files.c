/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/gate/files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include <utlist.h>

#include "common/cleanup.h"
#include "common/packet.h"
#include "monitor/gate/file_action.h"

/* An operation whose ground moves this often is given up with EAGAIN. */
#define MAX_TRIES 32u

struct files {
	struct files_config config;
	uv_poll_t poll;
	int hands_fd;
	bool lost;		  /* the hands are gone */
	struct file_call *active; /* with the hands; NULL: they are free */
	struct file_call *queue;
	struct file_call *deferred;  /* blocked, each in a process of its own */
	struct file_call *undecided; /* the hands hold nothing of these, and serve others */
};

static void drop_all(struct file_call **list)
{
	struct file_call *call;
	struct file_call *next;

	DL_FOREACH_SAFE (*list, call, next) {
		DL_DELETE(*list, call);
		(void)file_call_free(call);
	}
}

static void refuse(struct files *files, struct file_call *call, int errno_value)
{
	(void)notify_answer(files->config.notify, call->notify_id, errno_value);
	(void)file_call_free(call);
}

static void refuse_list(struct files *files, struct file_call **list)
{
	struct file_call *call;
	struct file_call *next;

	DL_FOREACH_SAFE (*list, call, next) {
		DL_DELETE(*list, call);
		refuse(files, call, EIO);
	}
}

/*
 * Without hands nothing is written any more. Their descriptor stays ours until the handle is
 * closed: uv_close() takes the number out of the loop's epoll set once more, whoever may have got
 * it since.
 */
static void lose_hands(struct files *files)
{
	if (files->lost)
		return;
	files->lost = true;
	(void)uv_poll_stop(&files->poll);
	if (files->active)
		refuse(files, take_ptr(files->active), EIO);
	refuse_list(files, &files->queue);
	refuse_list(files, &files->deferred);
	refuse_list(files, &files->undecided);
}

static int send_step(struct files *files, struct file_call *call, enum hands_step step)
{
	const bool walk = step == HANDS_WALK;
	struct packet packet = {
		.head = &call->request,
		.head_len = sizeof(call->request),
		.payload = walk ? call->payload.data : NULL,
		.payload_len = walk ? call->payload.len : 0,
	};

	call->request.id = call->notify_id;
	call->request.step = step;
	return packet_send(files->hands_fd, &packet, call->base_fd, walk ? call->base_count : 0);
}

static void start(struct files *files, struct file_call *call)
{
	files->active = call;
	if (send_step(files, call, HANDS_WALK) < 0)
		lose_hands(files);
}

static void start_next(struct files *files)
{
	while (!files->active && files->queue && !files->lost) {
		struct file_call *call = files->queue;

		DL_DELETE(files->queue, call);
		if (!notify_is_valid(files->config.notify, call->notify_id)) {
			(void)file_call_free(call);
			continue;
		}
		start(files, call);
	}
}

/* Was just seen to wait for its answer: only one that stood in the queue may be gone by now. */

void files_submit(struct files *files, struct file_call *call)
{
	if (files->lost) {
		refuse(files, call, EIO);
	} else if (!files->active && !files->queue) {
		start(files, call);
	} else {
		DL_APPEND(files->queue, call);
		start_next(files);
	}
}

void files_resume(struct files *files, uint64_t id)
{
	struct file_call *call;

	DL_SEARCH_SCALAR(files->undecided, call, notify_id, id);
	if (!call)
		return;
	DL_DELETE(files->undecided, call);
	DL_APPEND(files->queue, call);
	start_next(files);
}

static void give_fd(struct files *files, struct file_call *call, int file_fd)
{
	const bool close_on_exec = (call->request.flags & O_CLOEXEC) != 0;
	const int r = file_fd < 0 ? -EIO
				  : notify_add_fd(files->config.notify, call->notify_id, file_fd,
						  close_on_exec);

	if (r < 0)
		(void)notify_answer(files->config.notify, call->notify_id, -r);
	(void)file_call_free(call);
}

static void finish(struct files *files, struct file_call *call, const struct hands_reply *reply,
		   const struct msg_fds *fds)
{
	if (call->about)
		files->config.ops->carried_out(files->config.ctx, &call->about->action,
					       reply->error);
	if (reply->error)
		refuse(files, call, reply->error);
	else if (call->request.op == HANDS_OPEN)
		give_fd(files, call, fds->count ? fds->fd[0] : -1);
	else {
		(void)notify_done_for(files->config.notify, call->notify_id);
		(void)file_call_free(call);
	}
}

static void decide(struct files *files, struct file_call *call, const struct file_places *places)
{
	const struct files_config *config = &files->config;
	struct file_action *about = file_action_new(call, places, config);
	const int held_fds[] = {places->parent_fd[0], places->target_fd[0], places->parent_fd[1],
				places->target_fd[1]};
	const struct gate_request request = {.action = &about->action,
					     .id = call->notify_id,
					     .tid = call->tid,
					     .held_fds = held_fds,
					     .held = 4};
	struct gate_answer answer = {.errno_value = EPERM};

	config->ops->decide(config->ctx, &request, &answer);
	if (answer.later) {
		file_action_free(about);
		files->active = NULL;
		DL_APPEND(files->undecided, call);
		return;
	}
	if (answer.proceed && config->ops->carried_out)
		call->about = about;
	else
		file_action_free(about);
	if (answer.kill_execution ||
	    (answer.proceed && !notify_is_valid(config->notify, call->notify_id))) {
		/* Unanswered, a thread waits where only a signal can reach it; see gate.c. */
		files->active = NULL;
		(void)file_call_free(call);
	} else if (!answer.proceed) {
		files->active = NULL;
		refuse(files, call, answer.errno_value > 0 ? answer.errno_value : EPERM);
	} else if (send_step(files, call, HANDS_DO) < 0) {
		lose_hands(files);
	}
}

static void on_walked(struct files *files, const struct hands_reply *reply,
		      const struct msg_fds *fds)
{
	struct file_call *call = files->active;
	struct file_places places;

	if (!reply->error && file_places_take(call, reply, fds, &places) < 0) {
		lose_hands(files);
		return;
	}
	if (reply->error) {
		files->active = NULL;
		refuse(files, call, reply->error);
	} else if (file_is_missing(call, &places)) {
		files->active = NULL;
		refuse(files, call, ENOENT);
	} else {
		decide(files, call, &places);
	}
}

static void walk_again(struct files *files)
{
	struct file_call *call = files->active;

	if (++call->tries == MAX_TRIES) {
		files->active = NULL;
		refuse(files, call, EAGAIN);
	} else if (send_step(files, call, HANDS_WALK) < 0) {
		lose_hands(files);
	}
}

static void finish_deferred(struct files *files, const struct hands_reply *reply,
			    const struct msg_fds *fds)
{
	struct file_call *call;

	DL_SEARCH_SCALAR(files->deferred, call, notify_id, reply->id);
	if (!call)
		return;
	DL_DELETE(files->deferred, call);
	finish(files, call, reply, fds);
}

static void on_reply(struct files *files, const struct hands_reply *reply,
		     const struct msg_fds *fds)
{
	struct file_call *call = files->active;

	if (!call || call->notify_id != reply->id) {
		finish_deferred(files, reply, fds);
		return;
	}
	switch ((enum hands_step)reply->step) {
	case HANDS_WALKED:
		on_walked(files, reply, fds);
		break;
	case HANDS_AGAIN:
		walk_again(files);
		break;
	case HANDS_DEFERRED:
		files->active = NULL;
		DL_APPEND(files->deferred, call);
		break;
	case HANDS_DONE:
		files->active = NULL;
		finish(files, call, reply, fds);
		break;
	case HANDS_WALK:
	case HANDS_DO:
		lose_hands(files);
		break;
	}
	start_next(files);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct files *files = poll->data;
	struct hands_reply reply;
	struct packet packet = {.head = &reply, .head_len = sizeof(reply)};
	struct msg_fds fds;
	int r;

	if (status < 0 || !(events & UV_READABLE)) {
		lose_hands(files);
		return;
	}
	r = packet_recv(files->hands_fd, &packet, &fds);
	if (r == -EAGAIN)
		return;
	if (r != 0) {
		lose_hands(files);
		return;
	}
	on_reply(files, &reply, &fds);
	msg_fds_close(&fds);
}

static void on_close(uv_handle_t *handle)
{
	struct files *files = handle->data;

	drop_all(&files->queue);
	drop_all(&files->deferred);
	drop_all(&files->undecided);
	(void)file_call_free(files->active);
	close_fd(&files->hands_fd);
	files->config.closed(files->config.closed_ctx);
	free(files);
}

int files_start(const struct files_config *config, struct files **ret, struct error *err)
{
	struct files *files = xcalloc(1, sizeof(*files));
	int r;

	files->config = *config;
	files->hands_fd = config->hands_fd;
	files->poll.data = files;
	r = fcntl(files->hands_fd, F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
	if (r == 0)
		r = uv_poll_init(config->loop, &files->poll, files->hands_fd);
	if (r < 0) {
		close_fd(&files->hands_fd);
		free(files);
		return error_set(err, r, "watching the hands of an execution: %s", uv_strerror(r));
	}
	(void)uv_poll_start(&files->poll, UV_READABLE | UV_DISCONNECT, on_poll);
	*ret = files;
	return 0;
}

void files_stop(struct files *files)
{
	uv_close((uv_handle_t *)&files->poll, on_close);
}
