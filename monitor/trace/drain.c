/* SPDX-License-Identifier: Apache-2.0 */
/* From records in the ring to events: paths are put together here, from what the kernel sent. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "monitor/trace/internal.h"
#include "monitor/trace/trace.h"

#include "common/buf.h"

_Static_assert((int)TRACE_RECORD_EXEC == (int)TRACE_EXEC, "same numbers");
_Static_assert((int)TRACE_RECORD_CHANGE == (int)TRACE_CHANGE, "same numbers");
_Static_assert((int)TRACE_RECORD_EXEC_MISMATCH == (int)TRACE_EXEC_MISMATCH, "same numbers");

/* Appends bytes to a path that has room for every text a record can hold. */
static size_t append(char *out, size_t at, size_t room, const char *bytes, size_t len)
{
	if (len > room - 1 - at)
		len = room - 1 - at;
	memcpy(out + at, bytes, len);
	out[at + len] = '\0';
	return at + len;
}

/* Names come leaf first, each NUL-ended; a path starts at the root. */
static size_t names_to_path(const char *names, size_t len, uint32_t flags, char *out, size_t room)
{
	size_t at = 0, end = len;

	out[0] = '\0';
	if (flags & TRACE_PLACE_CUT)
		at = append(out, at, room, "...", 3);
	while (end > 0) {
		size_t start = end - 1;

		while (start > 0 && names[start - 1] != '\0')
			start--;
		if (at > 0 || (flags & TRACE_PLACE_ROOTED))
			at = append(out, at, room, "/", 1);
		at = append(out, at, room, names + start, end - 1 - start);
		end = start;
	}
	if (at == 0 && (flags & TRACE_PLACE_ROOTED))
		at = append(out, at, room, "/", 1);
	return at;
}

/*
 * One place as a path. What the caller gave comes after the folder it is relative to; lexical, with
 * nothing resolved. Return: bytes of text that the place takes.
 */
static size_t place_to_path(const struct trace_place *place, const char *text, size_t left,
			    char *out, size_t room)
{
	const size_t given = place->given_bytes;
	const size_t names = place->names_bytes;
	size_t at;

	out[0] = '\0';
	if (given + names > left)
		return left;
	if (given > 1 && text[0] == '/') {
		(void)append(out, 0, room, text, strnlen(text, given - 1));
		return given + names;
	}
	at = names_to_path(text + given, names, place->flags, out, room);
	if (given > 1) {
		if (at > 0 && out[at - 1] != '/')
			at = append(out, at, room, "/", 1);
		(void)append(out, at, room, text, strnlen(text, given - 1));
	}
	return given + names;
}

static void record_to_event(struct trace *trace, const struct trace_record *r, const char *text,
			    size_t left, struct trace_event *event)
{
	const size_t used =
		place_to_path(&r->place[0], text, left, trace->path, sizeof(trace->path));

	(void)place_to_path(&r->place[1], text + used, left - used, trace->target,
			    sizeof(trace->target));
	*event = (struct trace_event){
		.kind = (enum trace_event_kind)r->kind,
		.time_ns = r->time_ns,
		.slot = r->slot,
		.exec_id = r->exec_id,
		.pid = r->pid,
		.tid = r->tid,
		.parent_pid = r->parent_pid,
		.result = r->result,
		.syscall = r->syscall,
		.flags = r->open_flags,
		.dev = makedev(r->device >> 20, r->device & 0xfffff),
		.inode = r->inode,
		.labels = r->labels,
		.path = trace->path,
		.target = trace->target,
		.claimed = r->place[0].given_bytes > 0 || r->place[1].given_bytes > 0,
		.comm = r->comm,
		.family = r->family,
		.port = ntohs(r->port),
	};
	memcpy(event->address, r->address, sizeof(event->address));
}

/* Its share of the ring is free again; nobody else writes this. */
static void session_takes(const struct trace *trace, uint32_t slot, size_t bytes)
{
	uint32_t *taken = &trace->slots[slot].taken;

	__atomic_store_n(taken, *taken + (uint32_t)bytes, __ATOMIC_RELAXED);
}

int trace_drain(struct trace *trace)
{
	const void *bytes;
	size_t len;
	int handled = 0;

	if (trace->draining)
		return 0; /* called from the handler */
	trace->draining = true;
	/*
	 * What was there when we came, no more: processes that make events faster than we read them
	 * would keep us here, and every decision waiting.
	 */
	const unsigned long end = ring_written(&trace->ring);

	while (ring_is_before(&trace->ring, end) && (bytes = ring_next(&trace->ring, &len))) {
		const struct trace_record *record = bytes;
		struct trace_session *session;
		struct trace_event event;

		/* A record of a session that was removed in the meantime interests nobody. */
		session = len >= sizeof(*record) ? trace_session(trace, record->slot) : NULL;
		if (session && session->generation == record->generation) {
			session->consumed++;
			session_takes(trace, record->slot, len);
			handled++;
			record_to_event(trace, record, (const char *)(record + 1),
					len - sizeof(*record), &event);
			trace->handler(trace->ctx, &event);
		}
		ring_consume(&trace->ring);
	}
	trace->draining = false;
	return handled;
}
