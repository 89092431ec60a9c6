/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/supervisor_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/buf.h"
#include "monitor/observe.h"
#include "monitor/session_internal.h"

/*
 * The ring buffer is drained every few milliseconds and before every decision; nothing wakes the
 * supervisor per event (a wake-up costs more than the open(2) that it would report).
 */
#define DRAIN_PERIOD_MS 5
#define DRAINS_A_LOOK	20 /* at what the kernel skipped */

/* A leap second is no step, nor is what adjtime(3) does between two looks at the clock. */
#define CLOCK_STEP_NS INT64_C(2000000000)

uint64_t monotonic_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void on_trace_event(void *ctx, const struct trace_event *event)
{
	struct supervisor *supervisor = ctx;
	struct session *session;

	if (event->slot >= MAX_SESSIONS)
		return;
	session = supervisor->sessions[event->slot];
	if (session)
		observe_event(session, event);
}

void supervisor_drain(struct supervisor *supervisor)
{
	if (supervisor->trace)
		(void)trace_drain(supervisor->trace);
}

static int64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	(void)clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int64_t host_wall_clock(void)
{
	return clock_ns(CLOCK_REALTIME);
}

/* CLOCK_BOOTTIME, for a host that slept has not set its clock. */
static int64_t look_at_clock(struct supervisor *supervisor)
{
	const int64_t ahead_ns = supervisor->wall_clock() - clock_ns(CLOCK_BOOTTIME);
	const int64_t step_ns = ahead_ns - supervisor->wall_ahead_ns;

	supervisor->wall_ahead_ns = ahead_ns;
	return step_ns > -CLOCK_STEP_NS && step_ns < CLOCK_STEP_NS ? 0 : step_ns;
}

static void on_drain_timer(uv_timer_t *timer)
{
	struct supervisor *supervisor = timer->data;
	const int64_t step_ns = look_at_clock(supervisor);

	supervisor_drain(supervisor);
	if (supervisor->trace && ++supervisor->drains % DRAINS_A_LOOK == 0)
		trace_note_skips(supervisor->trace);
	for (uint32_t i = 0, left = supervisor->session_count; left && i < MAX_SESSIONS; i++) {
		struct session *session = supervisor->sessions[i];

		if (!session)
			continue;
		left--;
		if (step_ns)
			loss_of_clock(session, step_ns);
		session_tick(session);
	}
}

static void on_linger_over(uv_timer_t *timer)
{
	struct supervisor *supervisor = timer->data;

	trace_detach_idle(supervisor->trace);
}

static int require_trace(const struct supervisor *supervisor, struct error *err)
{
	return error_set(err, supervisor->no_trace.code,
			 "cannot trace: %s; --trace=auto runs without the trace and says so; "
			 "`cordon doctor` tells what is missing",
			 supervisor->no_trace.text);
}

int supervisor_new(const struct supervisor_config *config, struct supervisor **ret,
		   struct error *err)
{
	struct supervisor *supervisor = xcalloc(1, sizeof(*supervisor));
	int r = 0;

	supervisor->loop = config->loop;
	supervisor->linger_ms = config->linger_ms;
	supervisor->wall_clock = config->wall_clock ? config->wall_clock : host_wall_clock;
	supervisor->key_path = xstrdup(config->key_path);
	if (config->trace == TRACE_MODE_OFF)
		(void)error_set(&supervisor->no_trace, ENOTSUP, "turned off by --trace=off");
	else
		r = trace_open_with(on_trace_event, supervisor, &config->trace_room,
				    &supervisor->trace, &supervisor->no_trace);
	if (r < 0 && config->trace == TRACE_MODE_ON) {
		r = require_trace(supervisor, err);
		free(supervisor->key_path);
		free(supervisor);
		return r;
	}
	if (supervisor->trace)
		trace_set_linger(supervisor->trace, config->linger_ms > 0);
	(void)uv_timer_init(supervisor->loop, &supervisor->drain);
	(void)uv_timer_init(supervisor->loop, &supervisor->linger);
	supervisor->drain.data = supervisor;
	supervisor->linger.data = supervisor;
	supervisor->handles = 2;
	*ret = supervisor;
	return 0;
}

static void on_closed(uv_handle_t *handle)
{
	struct supervisor *supervisor = handle->data;

	if (--supervisor->handles)
		return;
	free(supervisor->key_path);
	free(supervisor);
}

void supervisor_free(struct supervisor *supervisor)
{
	if (!supervisor)
		return;
	supervisor->trace = trace_close(supervisor->trace);
	uv_close((uv_handle_t *)&supervisor->drain, on_closed);
	uv_close((uv_handle_t *)&supervisor->linger, on_closed);
}

bool supervisor_has_trace(const struct supervisor *supervisor, const char **ret_reason)
{
	*ret_reason = supervisor->no_trace.text;
	return supervisor->trace != NULL;
}

const char *supervisor_no_trace_reason(const struct supervisor *supervisor)
{
	return supervisor->trace ? "turned off by --trace=off" : supervisor->no_trace.text;
}

uint32_t supervisor_session_count(const struct supervisor *supervisor)
{
	return supervisor->session_count;
}

int supervisor_add(struct session *session, enum trace_mode mode, struct error *err)
{
	struct supervisor *supervisor = session->supervisor;
	uint32_t slot = 0;
	int r;

	if (mode == TRACE_MODE_ON && !supervisor->trace)
		return require_trace(supervisor, err);
	while (slot < MAX_SESSIONS && supervisor->sessions[slot])
		slot++;
	if (slot == MAX_SESSIONS)
		return error_set(err, EMFILE, "all %u sessions of this supervisor are in use",
				 MAX_SESSIONS);
	if (mode != TRACE_MODE_OFF && supervisor->trace) {
		(void)uv_timer_stop(&supervisor->linger);
		r = trace_session_add(supervisor->trace, slot, err);
		if (r < 0)
			return r;
		session->trace = supervisor->trace;
	}
	session->slot = slot;
	supervisor->sessions[slot] = session;
	if (supervisor->session_count++ == 0) {
		(void)look_at_clock(supervisor);
		(void)uv_timer_start(&supervisor->drain, on_drain_timer, DRAIN_PERIOD_MS,
				     DRAIN_PERIOD_MS);
	}
	return 0;
}

void supervisor_remove(struct session *session)
{
	struct supervisor *supervisor = session->supervisor;

	if (session->trace)
		trace_session_remove(session->trace, session->slot);
	supervisor->sessions[session->slot] = NULL;
	if (--supervisor->session_count > 0)
		return;
	(void)uv_timer_stop(&supervisor->drain);
	if (supervisor->trace && supervisor->linger_ms)
		(void)uv_timer_start(&supervisor->linger, on_linger_over, supervisor->linger_ms, 0);
}

uv_loop_t *supervisor_loop(const struct supervisor *supervisor)
{
	return supervisor->loop;
}
