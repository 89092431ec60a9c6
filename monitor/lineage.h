/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Where the processes of a session come from: which made which, and what program each was in turn.
 * Pure: fed with what was seen, in that order, by the session (observe.c, judge.c) and by a replay
 * of its record, which so come to the same.
 *
 * A process without a known parent is the first one of its execution: nothing of that is seen
 * before it, and of any other its fork was seen. So whoever missed one event, for want of room in
 * the trace or in here, says so (lineages_lose()), and from then on nothing is known of anybody.
 *
 * Programs are a tree that processes point into: each exec adds one, a fork shares. One is kept as
 * long as somebody stands on it or on what came after it.
 */

#include <stdbool.h>
#include <stdint.h>

#include "common/limits.h"
#include "monitor/action.h"

#define MAX_LINEAGES	     16384u	 /* processes alive at a time */
#define MAX_LINEAGE_BYTES    128u	 /* of a name; who is deeper has that of its forebear */
#define MAX_LINEAGE_PROGRAMS (16u << 20) /* bytes that the programs of all of them take */

struct lineages;

struct lineages *lineages_new(void);
struct lineages *lineages_free(struct lineages *lineages);

/* Something was not seen. */
void lineages_lose(struct lineages *lineages);

/* The kernel has seen @pid become @path, which of a script is its interpreter. */
void lineages_exec(struct lineages *lineages, uint32_t exec_id, uint32_t pid, struct str path,
		   uint64_t time_ns);
/* @parent has made @pid. */
void lineages_fork(struct lineages *lineages, uint32_t exec_id, uint32_t parent, uint32_t pid);
void lineages_exit(struct lineages *lineages, uint32_t pid);
/* The execution is over, and with it all that it was. A call may be judged whose process is gone.
 */
void lineages_end(struct lineages *lineages, uint32_t exec_id);

/*
 * lineages_fill - lineage, depth, ancestors and since_exec_ms of an action whose kind has them, of
 * a signal forebears and branch as well; or that they are not known. Of an exec it keeps the script
 * that it names. The texts are borrowed, until anything else is called here.
 * @lineages: NULL: nobody sees what processes do.
 */
void lineages_fill(struct lineages *lineages, struct action *action);
