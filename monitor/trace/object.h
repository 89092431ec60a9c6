/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The BPF objects, one a back end, behind one face: each is a light skeleton of a type of its own,
 * with the same maps and constants. An object's file is its name and object_template.h.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "monitor/bpf/kern.h"

#define TRACE_MAX_LINKS 32u

enum trace_map {
	TRACE_MAP_TAGS,
	TRACE_MAP_GROUPS,
	TRACE_MAP_FLOWS,
	TRACE_MAP_COUNTERS,
	TRACE_MAP_LABELS,
	TRACE_MAP_APPROVALS,
	TRACE_MAP_SLOTS,
	TRACE_MAP_RECORDS,
	TRACE_MAPS
};

/* What programs are told before they are loaded. */
struct trace_constants {
	struct trace_layout layout;
	uint64_t approval_key[2];
	uint32_t no_tags;
	uint32_t ring_bytes;
	bool no_direct_reads; /* for the choice of the object */
};

/* A loaded object; all that is in it belongs to the skeleton. */
struct trace_programs {
	void *skeleton; /* owned; by object->unload() */
	int map_fds[TRACE_MAPS];
	int control_fd;
	int attach_fds[TRACE_MAX_LINKS]; /* of each program that is attached */
	size_t attach_count;
	int flow_fd; /* of the one that sees labels go on; attached where there are any */
	int fork_fd; /* of the one that tells a child's labels from its parent's */
	uint32_t *ring_is_shared; /* theirs to read, ours to write */
};

struct trace_object {
	const char *name;
	bool flows_apart; /* flow_fd is none of attach_fds */
	/*
	 * @log: for the verifier's words, of @log_bytes; NULL: none.
	 * Return: 0, or what the kernel or the skeleton said, negative errno; nothing is held then.
	 */
	int (*load)(const struct trace_constants *constants, char *log, size_t log_bytes,
		    struct trace_programs *ret);
	void (*unload)(struct trace_programs *programs);
};

extern const struct trace_object trace_object_tracepoint;
extern const struct trace_object trace_object_lsm;
/* The same for Linux 6.16 and later, whose programs are faster. */
extern const struct trace_object trace_object_tracepoint_direct;
extern const struct trace_object trace_object_lsm_direct;
