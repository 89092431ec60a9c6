/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The part of <uv.h> that a run which the resident supervisor watches needs, on poll(2), for the
 * front alone: a libuv for its C library is nowhere to be had, and the rest of it would be dead
 * weight in a program whose size is its price. The meaning is libuv's.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct uv_loop_s uv_loop_t;
typedef struct uv_handle_s uv_handle_t;
typedef struct uv_poll_s uv_poll_t;
typedef struct uv_timer_s uv_timer_t;
typedef struct uv_signal_s uv_signal_t;

typedef void (*uv_close_cb)(uv_handle_t *handle);
typedef void (*uv_poll_cb)(uv_poll_t *poll, int status, int events);
typedef void (*uv_timer_cb)(uv_timer_t *timer);
typedef void (*uv_signal_cb)(uv_signal_t *handle, int signum);

enum {
	UV_READABLE = 1
};

typedef enum {
	UV_POLL,
	UV_TIMER,
	UV_SIGNAL
} uv_handle_type;

enum uv_run_mode {
	UV_RUN_DEFAULT
};

struct uv_loop_s {
	uv_handle_t *handles;
	size_t polls; /* of them */
};

struct uv_handle_s {
	void *data; /* the owner's */
	uv_handle_type type;
	bool is_active, is_closing;
	uv_close_cb closed;
	uv_handle_t *next;
};

#define UV_HANDLE              \
	union {                \
		uv_handle_t h; \
		void *data;    \
	}

struct uv_poll_s {
	UV_HANDLE;
	int fd;
	uv_poll_cb cb;
};

struct uv_timer_s {
	UV_HANDLE;
	uint64_t due_ms;
	uv_timer_cb cb;
};

struct uv_signal_s {
	UV_HANDLE;
	int signum;
	uv_signal_cb cb;
};

int uv_loop_init(uv_loop_t *loop);
int uv_loop_close(uv_loop_t *loop);
/* Until no handle is active and none is about to be closed. */
int uv_run(uv_loop_t *loop, enum uv_run_mode mode);

/* Its callback is called by the loop. The handle may be freed there. */
void uv_close(uv_handle_t *handle, uv_close_cb closed);
int uv_is_active(const uv_handle_t *handle);

int uv_poll_init(uv_loop_t *loop, uv_poll_t *poll, int fd);
int uv_poll_start(uv_poll_t *poll, int events, uv_poll_cb cb);
int uv_poll_stop(uv_poll_t *poll);

int uv_timer_init(uv_loop_t *loop, uv_timer_t *timer);
int uv_timer_start(uv_timer_t *timer, uv_timer_cb cb, uint64_t timeout_ms, uint64_t repeat_ms);
int uv_timer_stop(uv_timer_t *timer);

/* One handle a signal. It is blocked but while the loop waits, and has its default action back once
 * the handle is stopped. */
int uv_signal_init(uv_loop_t *loop, uv_signal_t *handle);
int uv_signal_start(uv_signal_t *handle, uv_signal_cb cb, int signum);
int uv_signal_stop(uv_signal_t *handle);
