/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Theory of operation
 *
 * The loop watches the listener, and the hands' bell where files are gated.
 *
 * Who makes one call after the other is waited for where we stand (wait_here()): by poll(2) on its
 * listener and on all that the loop watches. That is one system call instead of the loop's several,
 * and SYNC_WAKE_UP reaches it, of which epoll makes a wake-up like any other. The same holds for
 * the hands, whose bell is a listener too. Both are taken out of the loop for so long, so that the
 * loop's descriptor tells of everybody else: as soon as there is something for anybody, or a timer
 * is due, the loop goes on.
 */

#include "monitor/gate/gate_internal.h"

#include <errno.h>
#include <poll.h>

/*
 * Calls that follow each other this closely are waited for, starts of programs among them, for
 * which a wake-up by epoll would cost a change of processor. A wait ends at the supervisor's timer,
 * which has the same period.
 */
#define SOON_MS 5u

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
		if ((ready & READY_LISTENER) && !gate->stopping && !gate_serve_next(gate)) {
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
	if (status >= 0 && (events & UV_READABLE) && !gate_serve_next(gate)) {
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

static int watch(struct gate *gate, uv_poll_t *poll, uv_loop_t *loop, int listener_fd)
{
	const int r = uv_poll_init(loop, poll, listener_fd);

	if (r < 0)
		return r;
	poll->data = gate;
	gate->handles++;
	return 0;
}

int gate_watch(struct gate *gate, const struct gate_config *config, struct error *err)
{
	int r = watch(gate, &gate->poll, config->loop, config->listener_fd);

	if (r == 0 && gate->files)
		r = watch(gate, &gate->bell_poll, config->loop, config->bell_fd);
	if (r == 0 && !(start_poll(&gate->poll, on_poll) &&
			(!gate->files || start_poll(&gate->bell_poll, on_bell))))
		r = -EIO;
	return r < 0 ? error_set(err, r, "watching a seccomp listener: %s", uv_strerror(r)) : 0;
}

static void on_close(uv_handle_t *handle)
{
	struct gate *gate = handle->data;

	if (--gate->handles == 0)
		gate_free(gate);
}

void gate_unwatch(struct gate *gate)
{
	if (gate->handles == 2)
		uv_close((uv_handle_t *)&gate->bell_poll, on_close);
	uv_close((uv_handle_t *)&gate->poll, on_close);
}
