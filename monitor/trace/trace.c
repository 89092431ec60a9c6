/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/trace/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/mount.h>

#include "monitor/trace/bpf_call.h"
#include "monitor/trace/internal.h"

#include "common/buf.h"
#include "common/cleanup.h"

DEFINE_CLEANUP(struct trace *, trace_close)

static bool is_ring_size(size_t bytes)
{
	return bytes >= (size_t)sysconf(_SC_PAGESIZE) && !(bytes & (bytes - 1)) &&
	       bytes <= (1u << 30);
}

int trace_open_with(trace_handler handler, void *ctx, const struct trace_room *room,
		    struct trace **ret, struct error *err)
{
	_cleanup_(trace_closep) struct trace *trace = xcalloc(1, sizeof(*trace));
	struct trace_control control = {.op = TRACE_CONTROL_LEVEL};
	struct trace_room given = *room;
	void *slots;
	int r;

	trace->handler = handler;
	trace->ctx = ctx;
	for (size_t i = 0; i < TRACE_MAX_LINKS; i++)
		trace->links[i] = -1;
	trace->flow_link = -1;
	if (!given.ring_bytes)
		given.ring_bytes = TRACE_RING_BYTES;
	if (!is_ring_size(given.ring_bytes))
		return error_set(err, EINVAL,
				 "a trace ring of %zu bytes: a power of two pages is needed",
				 given.ring_bytes);
	r = trace_load(trace, &given, err);
	if (r < 0)
		return r;
	slots = mmap(NULL, TRACE_SLOTS * sizeof(struct trace_slot), PROT_READ | PROT_WRITE,
		     MAP_SHARED, trace_map_fd(trace, TRACE_MAP_SLOTS), 0);
	if (slots == MAP_FAILED)
		return error_errno(err, errno, "mapping the trace's sessions");
	trace->slots = slots;
	r = ring_open(&trace->ring, trace_map_fd(trace, TRACE_MAP_RECORDS), given.ring_bytes);
	if (r < 0)
		return error_errno(err, r, "mapping the trace's ring buffer");
	r = trace_control(trace, &control);
	if (r < 0)
		return error_errno(err, r, "asking the tracing programs for our pid namespace");
	*ret = take_ptr(trace);
	return 0;
}

int trace_open(trace_handler handler, void *ctx, struct trace **ret, struct error *err)
{
	return trace_open_with(handler, ctx, &(struct trace_room){0}, ret, err);
}

struct trace *trace_close(struct trace *trace)
{
	if (!trace)
		return NULL;
	for (uint32_t slot = 0; slot < TRACE_SLOTS; slot++)
		trace_session_remove(trace, slot);
	trace_detach(trace);
	ring_close(&trace->ring);
	if (trace->slots)
		(void)munmap(trace->slots, TRACE_SLOTS * sizeof(struct trace_slot));
	if (trace->object)
		trace->object->unload(&trace->programs);
	free(trace);
	return NULL;
}

const char *trace_backend_name(const struct trace *trace)
{
	return trace->object->name;
}

bool trace_reads_directly(const struct trace *trace)
{
	return trace->object == &trace_object_tracepoint_direct ||
	       trace->object == &trace_object_lsm_direct;
}

bool trace_sees_returns(const struct trace *trace)
{
	return !trace->object->flows_apart;
}

uint64_t trace_skips(const struct trace *trace)
{
	uint64_t all = 0, skips;

	for (size_t i = 0; i < trace->programs.attach_count; i++)
		if (bpf_call_skips(trace->programs.attach_fds[i], &skips) == 0)
			all += skips;
	if (trace->object->flows_apart && bpf_call_skips(trace->programs.flow_fd, &skips) == 0)
		all += skips;
	return all;
}

void trace_note_skips(struct trace *trace)
{
	const uint64_t skips = trace_skips(trace), fresh = skips - trace->skips;

	trace->skips = skips;
	if (!fresh || !trace_sees_returns(trace))
		return;
	for (uint32_t slot = 0; slot < TRACE_SLOTS; slot++) {
		if (!trace->sessions[slot])
			continue;
		__atomic_fetch_add(&trace->slots[slot].emitted, fresh, __ATOMIC_SEQ_CST);
		__atomic_fetch_add(&trace->slots[slot].lost, fresh, __ATOMIC_SEQ_CST);
	}
}

int trace_map_fd(const struct trace *trace, enum trace_map map)
{
	return trace->programs.map_fds[map];
}

void trace_share_ring(const struct trace *trace)
{
	__atomic_store_n(trace->programs.ring_is_shared, trace->session_count > 1,
			 __ATOMIC_RELEASE);
}

int trace_control(const struct trace *trace, struct trace_control *control)
{
	int r = -ENOMEM;

	/* As bpf_call_map_set(): mostly it means "not yet". */
	for (int i = 0; r == -ENOMEM && i < BPF_CALL_RETRIES; i++) {
		r = bpf_call_run(trace->programs.control_fd, control, sizeof(*control));
		if (r >= 0)
			r = control->ret;
		if (r == -ENOMEM)
			(void)sched_yield();
	}
	return r;
}

/*
 * Attaching to a tracepoint that was detached from a moment ago waits for an RCU grace period:
 * 4-35 ms measured, just what repeated short runs meet. Taking a mount away has the kernel run an
 * expedited one, which is over in a fraction of that, and a grace period of either kind that has
 * passed since the detach is not waited for again. So a private copy of a mount, attached nowhere,
 * is made and dropped. Where this is not allowed, or does not help, attaching is merely slower.
 */
void trace_hurry_grace_period(void)
{
	const long fd =
		syscall(SYS_open_tree, AT_FDCWD, "/proc/self", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	if (fd >= 0)
		(void)close((int)fd);
}

int trace_attach(struct trace *trace, struct error *err)
{
	approval_drop_all(trace);
	groups_drop_all(trace);
	trace_hurry_grace_period();
	for (size_t i = 0; i < trace->programs.attach_count; i++) {
		trace->links[i] = bpf_call_attach(trace->programs.attach_fds[i]);
		if (trace->links[i] < 0) {
			const int r = trace->links[i];

			trace_detach(trace);
			return error_errno(err, r, "attaching the tracing programs");
		}
	}
	return 0;
}

void trace_detach(struct trace *trace)
{
	for (size_t i = 0; i < TRACE_MAX_LINKS; i++)
		close_fd(&trace->links[i]);
	close_fd(&trace->flow_link);
}
