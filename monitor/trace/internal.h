/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Shared by the files of monitor/trace. */

#include <time.h>

#include "monitor/bpf/trace.h"
#include "monitor/trace/object.h"
#include "monitor/trace/ring.h"
#include "monitor/trace/trace.h"

#include "common/limits.h"

_Static_assert(TRACE_SLOTS == MAX_SESSIONS, "a slot for each session");
_Static_assert(TRACE_SYSCALL_MAX == TRACE_SYSCALLS, "one table of counts");

struct label_pin {
	int fd; /* owned: keeps the inode, and so its address, in place */
	uint64_t inode;
	uint64_t labels;
	bool is_layered;	 /* a file on an overlay */
	struct timespec changed; /* of such a one, when it was labelled */
};

struct trace_session {
	uint32_t generation;
	uint64_t consumed;
	struct label_pin *pins; /* owned */
	size_t pin_count;
	bool is_labelled;  /* some file of it */
	bool missed_flows; /* labels may have gone on that nobody saw, once there are any */
	bool has_linked;   /* hard links were made */
};

/* Room for whatever a record can hold. */
struct trace_texts {
	char path[3 * TRACE_TEXT_BYTES], target[3 * TRACE_TEXT_BYTES];
};

struct trace {
	trace_handler handler;
	void *ctx;
	const struct trace_object *object;	     /* the back end; NULL: none was tried yet */
	struct trace_programs programs;		     /* owned */
	struct trace_slot *slots;		     /* mapped */
	struct trace_session *sessions[TRACE_SLOTS]; /* owned; NULL where none lives */
	struct ring ring;
	unsigned session_count;
	uint32_t next_generation;
	uint64_t last_group;
	uint64_t skips;		    /* noted so far */
	int links[TRACE_MAX_LINKS]; /* -1 while detached */
	int flow_link;		    /* the same, where it is attached apart */
	unsigned labelled_count;    /* sessions with labelled files */
	uint64_t flow_skips;	    /* noted so far */
	uint64_t approval_key[2];
	bool draining;
	bool linger;
	struct trace_texts texts;
};

/* load.c: the programs of the back end that is wanted, or that can be had. */
int trace_load(struct trace *trace, const struct trace_room *room, struct error *err);
int trace_map_fd(const struct trace *trace, enum trace_map map);
/* Tells the programs whether there are several sessions: only then each is held to its share. */
void trace_share_ring(const struct trace *trace);
/* Runs the control program. Return: its verdict. */
int trace_control(const struct trace *trace, struct trace_control *control);
int trace_attach(struct trace *trace, struct error *err);
void trace_detach(struct trace *trace);
/* So that attaching waits for less. */
void trace_hurry_grace_period(void);

/* approval.c */
int approval_key_make(struct trace *trace);
/* SipHash-2-4 of the bytes, filled up with zeros to whole chunks, their true number at its end. */
uint64_t approval_hash(const uint64_t key[2], const void *bytes, size_t len);
/* What threads left behind that ended while nothing was attached. */
void approval_drop_all(const struct trace *trace);

/* labels.c: of processes that ended while nothing was attached. */
void groups_drop_all(const struct trace *trace);

/* flows.c: one session more, and one less, that has labelled files; the latter when it is gone. */
int flows_begin(struct trace *trace);
void flows_end(struct trace *trace);
bool flows_are_seen(const struct trace *trace);
/* What was skipped since may have been anybody's. */
void flows_note_skips(struct trace *trace);
/* Objects with labels, of all sessions that were in this slot. */
void flows_drop(const struct trace *trace, uint32_t slot);

/*
 * decode.c: an event from the bytes of a record. Its strings are in @texts and in the record.
 * Return: false if these bytes are no record of our programs.
 */
bool trace_decode(const void *bytes, size_t len, struct trace_texts *texts,
		  struct trace_event *ret);

/* The live session of a slot, or NULL. */
static inline struct trace_session *trace_session(const struct trace *trace, uint32_t slot)
{
	return slot < TRACE_SLOTS ? trace->sessions[slot] : NULL;
}
