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
	int hands_fd;
	struct notify bell;
	uint64_t rung; /* the call in which they wait for a message, if they do */
	bool is_rung;
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

/* How it went, if it was allowed. */
static void tell(const struct files *files, struct file_call *call, int error)
{
	if (call->about && files->config.ops->carried_out)
		files->config.ops->carried_out(files->config.ctx, &call->about->action, error);
}

static void refuse(struct files *files, struct file_call *call, int errno_value)
{
	tell(files, call, errno_value);
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
 * Without hands nothing is written any more. The bell stays ours: it may be in the loop's epoll
 * set.
 */
void files_lose(struct files *files)
{
	if (files->lost)
		return;
	files->lost = true;
	if (files->active)
		refuse(files, take_ptr(files->active), EIO);
	refuse_list(files, &files->queue);
	refuse_list(files, &files->deferred);
	refuse_list(files, &files->undecided);
}

/*
 * If they wait, and there is a message. A signal may break off their call, answered or not: then
 * they ring anew, and what they have not replied to they have not received.
 */
static void tell_hands(struct files *files)
{
	if (!files->is_rung || !files->active)
		return;
	files->is_rung = false;
	(void)notify_answer(&files->bell, files->rung, 0);
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
	const int r =
		packet_send(files->hands_fd, &packet, call->base_fd, walk ? call->base_count : 0);

	/* A duplicate of ours would keep the connection open that comes of it. */
	if (walk && call->request.op == HANDS_CONNECT)
		file_call_release(call);
	if (r == 0)
		tell_hands(files);
	return r;
}

static void start(struct files *files, struct file_call *call)
{
	files->active = call;
	if (send_step(files, call, HANDS_WALK) < 0)
		files_lose(files);
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
	if (reply->error) {
		refuse(files, call, reply->error);
		return;
	}
	tell(files, call, 0);
	if (call->request.op == HANDS_OPEN) {
		give_fd(files, call, fds->count ? fds->fd[0] : -1);
	} else {
		(void)notify_done_for(files->config.notify, call->notify_id);
		(void)file_call_free(call);
	}
}

static void decide(struct files *files, struct file_call *call, const struct file_places *places)
{
	const struct files_config *config = &files->config;
	struct file_action *about;
	const int r = file_action_new(call, places, config, &about);

	if (r < 0) {
		files->active = NULL;
		refuse(files, call, -r);
		return;
	}

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
	if (call->request.op == HANDS_BIND)
		call->request.flags =
			file_action_is_near_host(about, config) ? HANDS_LAST : HANDS_AS_WRITTEN;
	/* No event tells how a bind went. */
	if (answer.proceed && call->request.op != HANDS_BIND)
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
		files_lose(files);
	}
}

static void on_walked(struct files *files, const struct hands_reply *reply,
		      const struct msg_fds *fds)
{
	struct file_call *call = files->active;
	struct file_places places;

	if (!reply->error && file_places_take(call, reply, fds, &places) < 0) {
		files_lose(files);
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

	file_action_free(call->about);
	call->about = NULL;
	if (++call->tries == MAX_TRIES) {
		files->active = NULL;
		refuse(files, call, EAGAIN);
	} else if (send_step(files, call, HANDS_WALK) < 0) {
		files_lose(files);
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
		files_lose(files);
		break;
	}
	start_next(files);
}

/* All that the hands have said so far. */
static void receive(struct files *files)
{
	int r = 0;

	while (r == 0 && !files->lost) {
		struct hands_reply reply;
		struct packet packet = {.head = &reply, .head_len = sizeof(reply)};
		struct msg_fds fds;

		r = packet_recv(files->hands_fd, &packet, &fds);
		if (r != 0)
			break;
		on_reply(files, &reply, &fds);
		msg_fds_close(&fds);
	}
	if (r != 0 && r != -EAGAIN)
		files_lose(files);
}

void files_serve(struct files *files)
{
	const struct seccomp_notif *request = files->bell.request;
	int r = notify_recv(&files->bell);

	if (r == 0 && (int)request->data.args[0] < 0) {
		r = notify_answer(&files->bell, request->id, EBADF);
	} else if (r == 0) {
		files->rung = request->id;
		files->is_rung = true;
	}
	if (r < 0) {
		files_lose(files);
		return;
	}
	receive(files);
	tell_hands(files);
}

int files_bell_fd(const struct files *files)
{
	return files->lost ? -1 : files->bell.fd;
}

bool files_are_busy(const struct files *files)
{
	return files->active;
}

struct files *files_free(struct files *files)
{
	if (!files)
		return NULL;
	drop_all(&files->queue);
	drop_all(&files->deferred);
	drop_all(&files->undecided);
	(void)file_call_free(files->active);
	close_fd(&files->hands_fd);
	notify_done(&files->bell);
	free(files);
	return NULL;
}

DEFINE_CLEANUP(struct files *, files_free)

int files_new(const struct files_config *config, struct files **ret, struct error *err)
{
	_cleanup_(files_freep) struct files *files = xcalloc(1, sizeof(*files));
	int r;

	files->config = *config;
	files->hands_fd = config->hands_fd;
	r = notify_init(&files->bell, config->bell_fd, true, err);
	if (r == 0 && fcntl(files->hands_fd, F_SETFL, O_NONBLOCK) < 0)
		r = error_errno(err, errno, "talking to the hands of an execution");
	if (r == 0)
		*ret = take_ptr(files);
	return r;
}
