/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Theory of operation
 *
 * A thread under the filter makes a gated call; the kernel stops it and makes the listener
 * readable. Per notification:
 *
 *	RECV -> turn to /proc/TID, read arguments -> ID_VALID -> resolve -> owner decides -> SEND
 *
 * One ID_VALID after the last read covers all reads before it: a call that is pending now has been
 * pending since RECV, so the thread id was not used anew in between. Where nothing but the answer
 * rests on what was read, as of an exec of what is not there, SEND says so itself: of a call that
 * is not pending it is ENOENT. Where a socket is looked at, the thread's pidfd that was kept says
 * it by giving the socket away: while its task is there, its number is nobody else's. Such a call
 * may have been broken off meanwhile, as any may be right after ID_VALID; what was read is its
 * process's own all the same. From there on the target is reached through descriptors that are
 * bound to its task.
 *
 * An allowed call is answered with CONTINUE: the kernel then reads the arguments again, and another
 * thread may have changed them meanwhile (seccomp_unotify(2), NOTES). The gate's "yes" is therefore
 * no boundary by itself, and nothing relies on it being one:
 *	- exec: the trace compares what the kernel really loaded, program, arguments and
 *	  environment, with the struct exec_image handed to the owner, and kills before the new
 *	  image's first instruction if they differ;
 *	- connect, send, bind, listen: the session's network namespace has no way out, so a changed
 *	  address reaches nothing that the floor does not already allow; a bind to a path is carried
 *	  out where files are gated, and Landlock then has the kernel make no socket for others;
 *	- a path leads out of that namespace: where a folder of the host may hold sockets, no
 *	  connect is answered with CONTINUE, whatever it is judged to be, and the filter lets the
 *	  session have no UNIX socket that sends without a connection.
 * A "no" is final: the kernel never looks at the arguments of a refused call.
 *
 * File operations are never answered with CONTINUE: their paths would be read again. They are
 * decoded here and carried out by the hands (files.c), and only what was judged is touched.
 *
 * What must not happen: RECV on a listener that hung up or was not seen readable since the last one
 * (it may block for ever; of a caller that was killed in between it says ENOENT), a wait for the
 * child, CONTINUE after a read that failed, one busy session starving others.
 */

#include "monitor/gate/gate_internal.h"

#include <errno.h>

#include "common/cleanup.h"

#include <utlist.h>

/* A stopped call: what of its notification is needed to look at it again. */
struct stopped_call {
	uint64_t id;
	uint32_t tid;
	struct seccomp_data data;
	struct stopped_call *next, *prev;
};

static void submit(struct gate *gate, struct file_call *call)
{
	call->notify_id = gate->current;
	if (gate->files) {
		files_submit(gate->files, call);
		return;
	}
	(void)notify_answer(&gate->notify, call->notify_id, ENOSYS);
	(void)file_call_free(call);
}

static bool gate_is_valid(void *ctx)
{
	const struct gate *gate = ctx;

	return notify_is_valid(&gate->notify, gate->current);
}

static void gate_decide(void *ctx, const struct gate_request *request, struct gate_answer *ret)
{
	struct gate *gate = ctx;
	struct gate_request full = *request;

	full.id = gate->current;
	gate->ops->decide(gate->ctx, &full, ret);
}

static void gate_carried_out(void *ctx, const struct action *action, int error)
{
	const struct gate *gate = ctx;

	if (gate->ops->carried_out)
		gate->ops->carried_out(gate->ctx, action, error);
}

static const struct decode_ops decode_ops = {
	.is_valid = gate_is_valid, .decide = gate_decide, .carried_out = gate_carried_out};

static void stop(struct gate *gate, const struct stopped_call *call)
{
	struct stopped_call *copy = xcalloc(1, sizeof(*copy));

	*copy = *call;
	DL_APPEND(gate->stopped, copy);
}

/* Looks at one call. Return: false when the listener is of no use any more. */
static bool serve(struct gate *gate, const struct stopped_call *call)
{
	struct gate_answer answer;
	int r;

	gate->current = call->id;
	gate->answered = false;
	kept_fds_drop(&gate->kept, call->tid);
	/* pid 0: the thread is in no pid namespace that we can see, so nothing of it can be read.
	 */
	if (!call->tid)
		answer = (struct gate_answer){.errno_value = EPERM};
	else if (decode_call(&gate->decode, call->tid, &call->data, &answer) == DECODE_GONE)
		return true;
	if (gate->decode.file) {
		submit(gate, take_ptr(gate->decode.file));
		return true;
	}
	if (answer.proceed && gate->decode.file_fd >= 0)
		kept_fds_add(&gate->kept, call->tid, take_fd(&gate->decode.file_fd));
	else
		close_fd(&gate->decode.file_fd);
	if (answer.later) {
		stop(gate, call);
		return true;
	}
	/*
	 * The kill goes through the session's init; an errno would be there first, and the program
	 * would run on in between. Unanswered, the thread waits where only a signal can reach it.
	 */
	if (answer.kill_execution)
		return true;
	r = answer.done ? notify_done_for(&gate->notify, call->id)
			: notify_answer(&gate->notify, call->id,
					answer.proceed ? 0 : answer.errno_value);
	gate->answered = !answer.leads_on;
	if (r != 0 && answer.proceed && gate->ops->unanswered)
		gate->ops->unanswered(gate->ctx, call->tid);
	return r >= 0;
}

bool gate_serve_next(struct gate *gate)
{
	const struct seccomp_notif *request = gate->notify.request;
	const int r = notify_recv(&gate->notify);

	if (r != 0)
		return r == NOTIFY_GONE;
	gate->count++;
	return serve(gate, &(struct stopped_call){
				   .id = request->id, .tid = request->pid, .data = request->data});
}

void gate_gone(struct gate *gate)
{
	(void)uv_poll_stop(&gate->poll);
	if (gate->ops->gone)
		gate->ops->gone(gate->ctx);
}

void gate_free(struct gate *gate)
{
	struct stopped_call *call;
	struct stopped_call *next;

	DL_FOREACH_SAFE (gate->stopped, call, next) {
		DL_DELETE(gate->stopped, call);
		free(call);
	}
	kept_fds_done(&gate->kept);
	(void)files_free(gate->files);
	decode_done(&gate->decode);
	notify_done(&gate->notify);
	free(gate);
}

/* What was taken over with the hands is closed whatever comes before them. */
static int start_files(struct gate *gate, const struct gate_config *config, struct error *err)
{
	const struct files_config files = {
		.hands_fd = config->hands_fd,
		.bell_fd = config->bell_fd,
		.notify = &gate->notify,
		.target = &gate->decode.target,
		.exec_id = config->exec_id,
		.owners = config->owners,
		.host_bound = config->host_bound,
		.ops = config->ops,
		.ctx = config->ctx,
	};

	return config->hands_fd ? files_new(&files, &gate->files, err) : 0;
}

int gate_start(const struct gate_config *config, struct gate **ret, struct error *err)
{
	struct gate *gate = xcalloc(1, sizeof(*gate));
	int r = start_files(gate, config, err);
	const int listens = notify_init(&gate->notify, config->listener_fd, true, err);

	if (r == 0)
		r = listens;
	gate->ops = config->ops;
	gate->ctx = config->ctx;
	kept_fds_init(&gate->kept);
	decode_init(&gate->decode);
	gate->decode.exec_id = config->exec_id;
	gate->decode.owners = config->owners;
	gate->decode.host_bound = config->host_bound;
	gate->decode.carries_binds = gate->files && config->carries_binds;
	gate->decode.carries_connects = gate->files && config->carries_connects;
	gate->decode.diag_fd = config->diag_fd ? config->diag_fd : -1;
	gate->decode.may_take = config->ops->may_take;
	gate->decode.take_ctx = config->ctx;
	gate->decode.ops = &decode_ops;
	gate->decode.ctx = gate;
	if (r == 0)
		r = gate_watch(gate, config, err);
	if (r == 0) {
		*ret = gate;
	} else if (gate->handles) {
		gate_stop(gate);
	} else {
		gate_free(gate);
	}
	return r;
}

void gate_stop(struct gate *gate)
{
	if (!gate || gate->stopping)
		return;
	gate->stopping = true;
	gate_unwatch(gate);
}

uint64_t gate_count(const struct gate *gate)
{
	return gate->count;
}

bool gate_is_waiting(const struct gate *gate, uint64_t id)
{
	return !gate->stopping && notify_is_valid(&gate->notify, id);
}

void gate_resume(struct gate *gate, uint64_t id)
{
	struct stopped_call *call;
	bool good;

	if (gate->stopping)
		return;
	DL_SEARCH_SCALAR(gate->stopped, call, id, id);
	if (!call) {
		if (gate->files)
			files_resume(gate->files, id);
		return;
	}
	DL_DELETE(gate->stopped, call);
	good = serve(gate, call);
	free(call);
	if (!good)
		gate_gone(gate);
}
