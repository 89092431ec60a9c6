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
#include "monitor/trace/layout.h"

#include <trace.lskel.h>

#include "common/buf.h"
#include "common/cleanup.h"

#define LOAD_TRIES 20
#define LOG_BYTES  (16u << 20)

DEFINE_CLEANUP(struct trace *, trace_close)

static int load_error(int code, const char *log, struct error *err)
{
	if (code == -EPERM)
		return error_set(
			err, code,
			"tracing needs root, or CAP_BPF and CAP_PERFMON in the first user namespace; "
			"--trace=auto runs without it, --trace=off does not try");
	/* The verifier's own refusals are EACCES and EINVAL, too large a program E2BIG. */
	if (code == -EACCES || code == -EINVAL || code == -E2BIG || code == -EOPNOTSUPP ||
	    code == -ENOENT || code == -ESRCH)
		return error_set(
			err, EOPNOTSUPP,
			"this kernel does not take the tracing programs (it needs 6.1 or newer with BTF)%s%.300s",
			log[0] ? ": " : "", log);
	return error_errno(err, code, "loading the tracing programs");
}

/* The line of a verifier's log that says why: the last one before the statistics. */
static const char *log_reason(char *log)
{
	char *end = strstr(log, "\nprocessed ");
	char *start;

	if (end)
		*end = '\0';
	else
		log[strcspn(log, "\n")] = '\0'; /* no program: the kernel said something else */
	start = strrchr(log, '\n');
	return start ? start + 1 : log;
}

static int load_programs(struct trace *trace, const struct trace_room *room, char *log,
			 size_t log_bytes, struct error *err)
{
	struct trace_layout *layout;
	uint64_t *key;
	int r;

	trace->programs = trace_bpf__open();
	if (!trace->programs)
		return error_errno(err, errno ? errno : ENOMEM, "preparing the tracing programs");
	/* Read-only for the programs; until they are loaded it is ours. */
	layout = without_const(&trace->programs->rodata->layout);
	r = layout_load(layout, err);
	if (r < 0)
		return r;
	r = approval_key_make(trace);
	if (r < 0)
		return error_errno(err, r, "making a random key");
	/* NOLINTNEXTLINE(performance-no-int-to-ptr) */
	key = (uint64_t *)(uintptr_t)trace->programs->rodata->approval_key;
	memcpy(key, trace->approval_key, sizeof(trace->approval_key));
	*(uint32_t *)without_const(&trace->programs->rodata->no_tags) = room->no_tags;
	*(uint32_t *)without_const(&trace->programs->rodata->ring_bytes) =
		(uint32_t)room->ring_bytes;
	trace->programs->maps.records.max_entries = (uint32_t)room->ring_bytes;
	if (log) {
		trace->programs->ctx.log_level = 1;
		trace->programs->ctx.log_buf = (uint64_t)(uintptr_t)log;
		trace->programs->ctx.log_size = (uint32_t)log_bytes;
	}
	errno = 0;
	r = trace_bpf__load(trace->programs);
	if (r < 0)
		return load_error(r == -1 && errno ? -errno : r, log ? log_reason(log) : "", err);
	return 0;
}

/* Once more, for the verifier's own words; a log costs time that a kernel which takes them saves.
 */
static int tell_why_refused(struct trace *trace, const struct trace_room *room, struct error *err)
{
	_cleanup_free_ char *log = xcalloc(1, LOG_BYTES);

	trace_bpf__destroy(take_ptr(trace->programs));
	return load_programs(trace, room, log, LOG_BYTES, err);
}

/*
 * The verifier gives up for a signal (EAGAIN); by the time that we hear of it its handler has run.
 * Only somebody who sends one after the other without a pause makes this fail.
 */
static int load_undisturbed(struct trace *trace, const struct trace_room *room, struct error *err)
{
	int r = -EAGAIN;

	for (int i = 0; r == -EAGAIN && i < LOAD_TRIES; i++) {
		trace_bpf__destroy(take_ptr(trace->programs));
		r = load_programs(trace, room, NULL, 0, err);
	}
	return r == -EOPNOTSUPP ? tell_why_refused(trace, room, err) : r;
}

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
	for (int i = 0; i < LINKS; i++)
		trace->links[i] = -1;
	if (!given.ring_bytes)
		given.ring_bytes = TRACE_RING_BYTES;
	if (!is_ring_size(given.ring_bytes))
		return error_set(err, EINVAL,
				 "a trace ring of %zu bytes: a power of two pages is needed",
				 given.ring_bytes);
	r = load_undisturbed(trace, &given, err);
	if (r < 0)
		return r;
	slots = mmap(NULL, TRACE_SLOTS * sizeof(struct trace_slot), PROT_READ | PROT_WRITE,
		     MAP_SHARED, trace->programs->maps.slots.map_fd, 0);
	if (slots == MAP_FAILED)
		return error_errno(err, errno, "mapping the trace's sessions");
	trace->slots = slots;
	r = ring_open(&trace->ring, trace->programs->maps.records.map_fd, given.ring_bytes);
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
	if (trace->programs)
		trace_bpf__destroy(trace->programs);
	free(trace);
	return NULL;
}

int trace_map_fd(const struct trace *trace, enum trace_map map)
{
	switch (map) {
	case TRACE_MAP_TAGS:
		return trace->programs->maps.tags.map_fd;
	case TRACE_MAP_COUNTERS:
		return trace->programs->maps.counters.map_fd;
	case TRACE_MAP_LABELS:
		return trace->programs->maps.labels.map_fd;
	case TRACE_MAP_APPROVALS:
		return trace->programs->maps.approvals.map_fd;
	}
	return -1;
}

void trace_share_ring(const struct trace *trace)
{
	__atomic_store_n(&trace->programs->bss->ring_is_shared, trace->session_count > 1,
			 __ATOMIC_RELEASE);
}

int trace_control(const struct trace *trace, struct trace_control *control)
{
	int r = -ENOMEM;

	/* As bpf_call_map_set(): mostly it means "not yet". */
	for (int i = 0; r == -ENOMEM && i < BPF_CALL_RETRIES; i++) {
		r = bpf_call_run(trace->programs->progs.control.prog_fd, control, sizeof(*control));
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
static void hurry_grace_period(void)
{
	const long fd =
		syscall(SYS_open_tree, AT_FDCWD, "/proc/self", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	if (fd >= 0)
		(void)close((int)fd);
}

int trace_attach(struct trace *trace, struct error *err)
{
	const int programs[LINKS] = {
		[LINK_FORK] = trace->programs->progs.on_fork.prog_fd,
		[LINK_EXEC] = trace->programs->progs.on_exec.prog_fd,
		[LINK_EXIT] = trace->programs->progs.on_exit.prog_fd,
		[LINK_SYS_EXIT] = trace->programs->progs.on_sys_exit.prog_fd,
		[LINK_SIGNAL] = trace->programs->progs.on_signal.prog_fd,
	};

	approval_drop_all(trace);
	hurry_grace_period();
	for (int i = 0; i < LINKS; i++) {
		trace->links[i] = bpf_call_attach(programs[i]);
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
	for (int i = 0; i < LINKS; i++)
		close_fd(&trace->links[i]);
}
