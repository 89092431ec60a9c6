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
 * Who makes one call after the other is waited for where we stand (wait_here()): by poll(2) on its
 * listener and on all that the loop watches. That is one system call instead of the loop's several,
 * and SYNC_WAKE_UP reaches it, of which epoll makes a wake-up like any other. The same holds for
 * the hands, whose bell is a listener too. Both are taken out of the loop for so long, so that the
 * loop's descriptor tells of everybody else: as soon as there is something for anybody, or a timer
 * is due, the loop goes on.
 *
 * What must not happen: RECV on a listener that hung up or was not seen readable since the last one
 * (it may block for ever; of a caller that was killed in between it says ENOENT), a wait for the
 * child, CONTINUE after a read that failed, one busy session starving others.
 *
 * The descriptor of an approved image pins its inode, whose address is its identity for the trace.
 * It is kept until the same thread is heard of again, in a ring of KEPT_FDS.
 */

#include "monitor/gate/gate.h"

#include <errno.h>
#include <poll.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "monitor/gate/decode.h"
#include "monitor/gate/files.h"
#include "monitor/gate/notify.h"

#include <utlist.h>

#define KEPT_FDS 64u
/*
 * Calls that follow each other this closely are waited for, starts of programs among them, for
 * which a wake-up by epoll would cost a change of processor. A wait ends at the supervisor's timer,
 * which has the same period.
 */
#define SOON_MS 5u

struct kept_fd {
	uint32_t tid;
	int fd; /* -1: empty */
};

/* A stopped call: what of its notification is needed to look at it again. */
struct stopped_call {
	uint64_t id;
	uint32_t tid;
	struct seccomp_data data;
	struct stopped_call *next, *prev;
};

struct gate {
	uv_poll_t poll;	     /* of the listener */
	uv_poll_t bell_poll; /* of the hands' bell */
	struct notify notify;
	uint64_t current;	      /* the call that is looked at */
	struct stopped_call *stopped; /* undecided */
	struct decode decode;
	struct files *files;	    /* owned; NULL: not gated */
	unsigned handles;	    /* open on the loop; the last one's close frees */
	const struct gate_ops *ops; /* borrowed */
	void *ctx;
	uint64_t count;
	bool answered;	      /* the call that was looked at last: another may follow at once */
	uint64_t answered_ms; /* when, by the loop's clock */
	bool stopping;
	unsigned kept_next; /* the oldest, overwritten next */
	unsigned kept_count;
	struct kept_fd kept[KEPT_FDS];
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

static void drop_kept(struct gate *gate, uint32_t tid)
{
	for (unsigned i = 0; gate->kept_count && i < KEPT_FDS; i++) {
		if (gate->kept[i].fd < 0 || gate->kept[i].tid != tid)
			continue;
		close_fd(&gate->kept[i].fd);
		gate->kept_count--;
	}
}

static void keep(struct gate *gate, uint32_t tid, int file_fd)
{
	struct kept_fd *slot = &gate->kept[gate->kept_next];

	gate->kept_next = (gate->kept_next + 1) % KEPT_FDS;
	gate->kept_count += slot->fd < 0;
	close_fd(&slot->fd);
	*slot = (struct kept_fd){tid, file_fd};
}

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
	drop_kept(gate, call->tid);
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
		keep(gate, call->tid, take_fd(&gate->decode.file_fd));
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

static bool serve_next(struct gate *gate)
{
	const struct seccomp_notif *request = gate->notify.request;
	const int r = notify_recv(&gate->notify);

	if (r != 0)
		return r == NOTIFY_GONE;
	gate->count++;
	return serve(gate, &(struct stopped_call){
				   .id = request->id, .tid = request->pid, .data = request->data});
}

static void gate_gone(struct gate *gate)
{
	(void)uv_poll_stop(&gate->poll);
	if (gate->ops->gone)
		gate->ops->gone(gate->ctx);
}

/* One call alone is not worth a wait: to take the listener out and in again costs two more. */
static bool is_worth_waiting(struct gate *gate)
{
	const uint64_t before_ms = gate->answered_ms;

	if (gate->stopping)
		return false;
	uv_update_time(gate->poll.loop);
	if (gate->files && files_are_busy(gate->files))
		return true;
	if (!gate->answered)
		return false;
	gate->answered_ms = uv_now(gate->poll.loop);
	return gate->answered_ms - before_ms < SOON_MS;
}

static void stop_poll(uv_poll_t *poll)
{
	if (uv_is_active((uv_handle_t *)poll))
		(void)uv_poll_stop(poll);
}

enum ready {
	READY_LISTENER = 1 << 0,
	READY_HANDS = 1 << 1
};

/* Return: what of ours is ready, enum ready; 0 also if somebody else waits for us. */
static unsigned wait_here(struct gate *gate)
{
	uv_loop_t *loop = gate->poll.loop;
	struct pollfd watched[3] = {
		{.fd = gate->notify.fd, .events = POLLIN},
		{.fd = gate->files ? files_bell_fd(gate->files) : -1, .events = POLLIN},
		{.fd = uv_backend_fd(loop), .events = POLLIN}};

	stop_poll(&gate->poll);
	if (gate->files)
		stop_poll(&gate->bell_poll);
	const int timeout_ms = uv_backend_timeout(loop);

	/* Of a hang-up the loop is to tell: POLLIN comes with it. */
	if (timeout_ms == 0 || poll(watched, 3, timeout_ms) <= 0 || watched[2].revents ||
	    ((watched[0].revents | watched[1].revents) & ~POLLIN))
		return 0;
	return (watched[0].revents ? READY_LISTENER : 0) | (watched[1].revents ? READY_HANDS : 0);
}

static void serve_hands(struct gate *gate)
{
	files_serve(gate->files);
	gate->answered = !files_are_busy(gate->files);
}

static void on_poll(uv_poll_t *poll, int status, int events);
static void on_bell(uv_poll_t *poll, int status, int events);

/* Return: false when the listener cannot be watched. */
static bool start_poll(uv_poll_t *poll, uv_poll_cb on_event)
{
	return uv_is_active((uv_handle_t *)poll) ||
	       uv_poll_start(poll, UV_READABLE | UV_DISCONNECT, on_event) == 0;
}

static void watch_again(struct gate *gate)
{
	if (gate->stopping)
		return;
	if (gate->files && files_bell_fd(gate->files) < 0)
		stop_poll(&gate->bell_poll);
	else if (gate->files && !start_poll(&gate->bell_poll, on_bell))
		files_lose(gate->files);
	if (!start_poll(&gate->poll, on_poll))
		gate_gone(gate);
}

/* As long as more is to be expected soon. */
static void stay(struct gate *gate)
{
	while (is_worth_waiting(gate)) {
		const unsigned ready = wait_here(gate);

		if (!ready)
			break;
		if (ready & READY_HANDS)
			serve_hands(gate);
		if ((ready & READY_LISTENER) && !gate->stopping && !serve_next(gate)) {
			gate_gone(gate);
			return;
		}
	}
	watch_again(gate);
}

/*
 * Of a listener, status < 0 is no error: a signal to us broke off the kernel's wait for its lock,
 * which a calling thread holds while it wakes us (seccomp_notify_poll() then says EPOLLERR). libuv
 * has stopped the handle.
 */
static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct gate *gate = poll->data;

	/* A hang-up comes with readable set too; RECV could block then. */
	if (status >= 0 && (events & UV_DISCONNECT)) {
		gate_gone(gate);
		return;
	}
	if (status >= 0 && (events & UV_READABLE) && !serve_next(gate)) {
		gate_gone(gate);
		return;
	}
	stay(gate);
}

static void on_bell(uv_poll_t *poll, int status, int events)
{
	struct gate *gate = poll->data;

	if (status >= 0 && (events & UV_DISCONNECT))
		files_lose(gate->files);
	else if (status >= 0 && (events & UV_READABLE))
		serve_hands(gate);
	stay(gate);
}

static void release(struct gate *gate)
{
	struct stopped_call *call;
	struct stopped_call *next;

	if (--gate->handles)
		return;
	for (unsigned i = 0; i < KEPT_FDS; i++)
		close_fd(&gate->kept[i].fd);
	DL_FOREACH_SAFE (gate->stopped, call, next) {
		DL_DELETE(gate->stopped, call);
		free(call);
	}
	(void)files_free(gate->files);
	decode_done(&gate->decode);
	notify_done(&gate->notify);
	free(gate);
}

static void on_close(uv_handle_t *handle)
{
	release(handle->data);
}

static int watch(struct gate *gate, uv_poll_t *poll, uv_loop_t *loop, int listener_fd)
{
	const int r = uv_poll_init(loop, poll, listener_fd);

	if (r < 0)
		return r;
	poll->data = gate;
	gate->handles++;
	return 0;
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

static int start(struct gate *gate, const struct gate_config *config, struct error *err)
{
	int r = watch(gate, &gate->poll, config->loop, config->listener_fd);

	if (r == 0 && gate->files)
		r = watch(gate, &gate->bell_poll, config->loop, config->bell_fd);
	if (r == 0 && !(start_poll(&gate->poll, on_poll) &&
			(!gate->files || start_poll(&gate->bell_poll, on_bell))))
		r = -EIO;
	return r < 0 ? error_set(err, r, "watching a seccomp listener: %s", uv_strerror(r)) : 0;
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
	for (unsigned i = 0; i < KEPT_FDS; i++)
		gate->kept[i].fd = -1;
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
		r = start(gate, config, err);
	if (r == 0) {
		*ret = gate;
	} else if (gate->handles) {
		gate_stop(gate);
	} else {
		gate->handles = 1;
		release(gate);
	}
	return r;
}

void gate_stop(struct gate *gate)
{
	if (!gate || gate->stopping)
		return;
	gate->stopping = true;
	if (gate->handles == 2)
		uv_close((uv_handle_t *)&gate->bell_poll, on_close);
	uv_close((uv_handle_t *)&gate->poll, on_close);
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
