/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/front/uv.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <time.h>

#include "common/buf.h"
#include "common/cleanup.h"

static volatile sig_atomic_t has_come[_NSIG];

static void note(int signum)
{
	has_come[signum] = 1;
}

static uint64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- handles ---- */

static int init(uv_loop_t *loop, uv_handle_t *handle, uv_handle_type type)
{
	*handle = (uv_handle_t){.type = type, .next = loop->handles};
	loop->handles = handle;
	return 0;
}

int uv_loop_init(uv_loop_t *loop)
{
	*loop = (uv_loop_t){0};
	return 0;
}

int uv_loop_close(uv_loop_t *loop)
{
	return loop->handles ? -EBUSY : 0;
}

int uv_is_active(const uv_handle_t *handle)
{
	return handle->is_active;
}

void uv_close(uv_handle_t *handle, uv_close_cb closed)
{
	if (handle->type == UV_SIGNAL)
		(void)uv_signal_stop((uv_signal_t *)handle);
	handle->is_active = false;
	handle->is_closing = true;
	handle->closed = closed;
}

int uv_poll_init(uv_loop_t *loop, uv_poll_t *poll, int fd)
{
	poll->fd = fd;
	loop->polls++;
	return init(loop, &poll->h, UV_POLL);
}

int uv_poll_start(uv_poll_t *poll, int events, uv_poll_cb cb)
{
	(void)events;
	poll->cb = cb;
	poll->h.is_active = true;
	return 0;
}

int uv_poll_stop(uv_poll_t *poll)
{
	poll->h.is_active = false;
	return 0;
}

int uv_timer_init(uv_loop_t *loop, uv_timer_t *timer)
{
	return init(loop, &timer->h, UV_TIMER);
}

int uv_timer_start(uv_timer_t *timer, uv_timer_cb cb, uint64_t timeout_ms, uint64_t repeat_ms)
{
	if (repeat_ms)
		return -ENOTSUP;
	timer->cb = cb;
	timer->due_ms = now_ms() + timeout_ms;
	timer->h.is_active = true;
	return 0;
}

int uv_timer_stop(uv_timer_t *timer)
{
	timer->h.is_active = false;
	return 0;
}

int uv_signal_init(uv_loop_t *loop, uv_signal_t *handle)
{
	return init(loop, &handle->h, UV_SIGNAL);
}

static int set_action(int signum, void (*handler)(int))
{
	const struct sigaction action = {.sa_handler = handler};

	return sigaction(signum, &action, NULL) < 0 ? -errno : 0;
}

static int mask(int signum, int how)
{
	sigset_t one;

	(void)sigemptyset(&one);
	(void)sigaddset(&one, signum);
	return sigprocmask(how, &one, NULL) < 0 ? -errno : 0;
}

int uv_signal_start(uv_signal_t *handle, uv_signal_cb cb, int signum)
{
	handle->cb = cb;
	handle->signum = signum;
	handle->h.is_active = true;
	has_come[signum] = 0;
	(void)mask(signum, SIG_BLOCK);
	return set_action(signum, note);
}

int uv_signal_stop(uv_signal_t *handle)
{
	if (!handle->h.is_active)
		return 0;
	handle->h.is_active = false;
	/* In this order: one that has come is over with, and does not end us now. */
	(void)mask(handle->signum, SIG_UNBLOCK);
	return set_action(handle->signum, SIG_DFL);
}

/* ---- the loop ---- */

/* Return: whether there was one. Its callback may close others. */
static bool drop_closed(uv_loop_t *loop)
{
	for (uv_handle_t **at = &loop->handles; *at; at = &(*at)->next) {
		uv_handle_t *handle = *at;

		if (!handle->is_closing)
			continue;
		*at = handle->next;
		loop->polls -= handle->type == UV_POLL;
		handle->closed(handle);
		return true;
	}
	return false;
}

/*
 * What is waited for. @fds, @polls: with room for all of the loop.
 * Return: how many descriptors; -1: nothing is left to wait for.
 */
static int gather(const uv_loop_t *loop, struct pollfd *fds, uv_poll_t **polls, sigset_t *blocked,
		  uint64_t *ret_due_ms)
{
	bool is_any = false;
	int count = 0;

	*ret_due_ms = UINT64_MAX;
	for (uv_handle_t *handle = loop->handles; handle; handle = handle->next) {
		if (!handle->is_active)
			continue;
		is_any = true;
		if (handle->type == UV_TIMER && ((uv_timer_t *)handle)->due_ms < *ret_due_ms)
			*ret_due_ms = ((uv_timer_t *)handle)->due_ms;
		if (handle->type == UV_SIGNAL)
			(void)sigdelset(blocked, ((uv_signal_t *)handle)->signum);
		if (handle->type != UV_POLL)
			continue;
		polls[count] = (uv_poll_t *)handle;
		fds[count] = (struct pollfd){.fd = polls[count]->fd, .events = POLLIN};
		count++;
	}
	return is_any ? count : -1;
}

static void run_timers_and_signals(uv_loop_t *loop, uint64_t time_ms)
{
	for (uv_handle_t *handle = loop->handles; handle; handle = handle->next) {
		uv_timer_t *timer = (uv_timer_t *)handle;
		uv_signal_t *signal = (uv_signal_t *)handle;

		if (!handle->is_active)
			continue;
		if (handle->type == UV_TIMER && timer->due_ms <= time_ms) {
			handle->is_active = false;
			timer->cb(timer);
		} else if (handle->type == UV_SIGNAL && has_come[signal->signum]) {
			has_come[signal->signum] = 0;
			signal->cb(signal, signal->signum);
		}
	}
}

static bool turn(uv_loop_t *loop)
{
	_cleanup_free_ struct pollfd *fds = NULL;
	_cleanup_free_ uv_poll_t **polls = NULL;
	struct timespec left = {0};
	uint64_t due_ms;
	uint64_t time_ms;
	sigset_t blocked;
	int count;
	int ready;

	while (drop_closed(loop))
		;
	(void)sigprocmask(SIG_BLOCK, NULL, &blocked);
	fds = xcalloc(loop->polls + 1, sizeof(*fds));
	polls = xcalloc(loop->polls + 1, sizeof(uv_poll_t *));
	count = gather(loop, fds, polls, &blocked, &due_ms);
	if (count < 0)
		return false;
	time_ms = due_ms == UINT64_MAX ? 0 : now_ms();
	if (due_ms > time_ms) {
		left.tv_sec = (time_t)((due_ms - time_ms) / 1000);
		left.tv_nsec = (long)((due_ms - time_ms) % 1000) * 1000000;
	}
	ready = ppoll(fds, (nfds_t)count, due_ms == UINT64_MAX ? NULL : &left, &blocked);
	/* No handle is freed before the next turn, but one may have been stopped. */
	for (int i = 0; ready > 0 && i < count; i++) {
		if (fds[i].revents && polls[i]->h.is_active)
			polls[i]->cb(polls[i], 0, UV_READABLE);
	}
	run_timers_and_signals(loop, due_ms == UINT64_MAX ? 0 : now_ms());
	return true;
}

int uv_run(uv_loop_t *loop, enum uv_run_mode mode)
{
	(void)mode;
	while (turn(loop))
		;
	return 0;
}
