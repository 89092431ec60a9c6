/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a record of the kernel's programs to an event: paths are put together here, from what the
 * kernel sent. Pure; of the bytes nothing is taken for granted.
 */
#include <arpa/inet.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "monitor/trace/internal.h"
#include "monitor/trace/trace.h"

_Static_assert((int)TRACE_RECORD_EXEC == (int)TRACE_EXEC, "same numbers");
_Static_assert((int)TRACE_RECORD_CHANGE == (int)TRACE_CHANGE, "same numbers");
_Static_assert((int)TRACE_RECORD_EXEC_MISMATCH == (int)TRACE_EXEC_MISMATCH, "same numbers");
_Static_assert((int)TRACE_RECORD_EXEC_REFUSED == (int)TRACE_EXEC_REFUSED, "same numbers");
_Static_assert((int)TRACE_RECORD_SIGNAL == (int)TRACE_SIGNAL, "same numbers");
_Static_assert((int)TRACE_RECORD_MAP == (int)TRACE_MAP, "same numbers");

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
 * nothing resolved.
 */
static void place_to_path(const struct trace_place *place, const char *text, char *out, size_t room)
{
	const size_t given = place->given_bytes;
	size_t at = 0;

	out[0] = '\0';
	if (given <= 1 || text[0] != '/')
		at = names_to_path(text + given, place->names_bytes, place->flags, out, room);
	if (given <= 1)
		return;
	if (at > 0 && out[at - 1] != '/')
		at = append(out, at, room, "/", 1);
	(void)append(out, at, room, text, strnlen(text, given - 1));
}

static size_t place_bytes(const struct trace_place *place)
{
	return (size_t)place->given_bytes + place->names_bytes;
}

static bool is_record(const struct trace_record *r, size_t len)
{
	return len >= sizeof(*r) && r->size == len && r->kind <= TRACE_RECORD_MAP &&
	       memchr(r->comm, '\0', sizeof(r->comm)) &&
	       place_bytes(&r->place[0]) + place_bytes(&r->place[1]) <= len - sizeof(*r);
}

static void signal_details(const struct trace_record *r, struct trace_texts *texts,
			   struct trace_event *ret)
{
	const size_t len = strnlen((const char *)r->address, sizeof(r->address));

	memcpy(texts->target, r->address, len);
	texts->target[len] = '\0';
	ret->relation = r->open_flags == TRACE_RELATION_DESCENDANT ? "descendant"
			: r->open_flags == TRACE_RELATION_SIBLING  ? "sibling"
			: r->open_flags == TRACE_RELATION_ANCESTOR ? "ancestor"
								   : "other";
	ret->receiver = r->parent_pid;
	ret->parent_pid = 0;
	ret->flags = 0;
}

bool trace_decode(const void *bytes, size_t len, struct trace_texts *texts, struct trace_event *ret)
{
	const struct trace_record *r = bytes;
	const char *text = (const char *)(r + 1);

	if (!is_record(r, len))
		return false;
	place_to_path(&r->place[0], text, texts->path, sizeof(texts->path));
	place_to_path(&r->place[1], text + place_bytes(&r->place[0]), texts->target,
		      sizeof(texts->target));
	*ret = (struct trace_event){
		.kind = (enum trace_event_kind)r->kind,
		.time_ns = r->time_ns,
		.slot = r->slot,
		.exec_id = r->exec_id,
		.pid = r->pid,
		.tid = r->tid,
		.parent_pid = r->parent_pid,
		.result = r->result,
		.syscall = r->syscall,
		.created = r->flags & TRACE_RECORD_CREATED,
		.begun = r->flags & TRACE_RECORD_BEGUN,
		.flags = r->open_flags,
		.dev = makedev(r->device >> 20, r->device & 0xfffff),
		.inode = r->inode,
		.labels = r->labels,
		.process_labels = r->process_labels,
		.path = texts->path,
		.target = texts->target,
		.claimed = r->place[0].given_bytes > 0 || r->place[1].given_bytes > 0,
		.comm = r->comm,
		.family = r->family,
		.port = ntohs(r->port),
	};
	if (r->kind == TRACE_RECORD_CALL)
		memcpy(ret->args, r->args, sizeof(ret->args));
	else if (r->kind == TRACE_RECORD_SIGNAL)
		signal_details(r, texts, ret);
	else
		memcpy(ret->address, r->address, sizeof(ret->address));
	return true;
}
