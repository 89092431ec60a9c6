/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Traced children for tests: a fork that waits until it is tagged, then runs a function and leaves
 * by _exit with its result. Events of the trace are kept in order.
 */

#include <stdint.h>
#include <sys/types.h>

#include "monitor/trace/trace.h"

#define TRACED_SLOT    7u
#define TRACED_EXEC_ID 42u

struct kept_event {
	struct trace_event event; /* its strings point into this struct */
	char path[1024], target[1024], comm[16];
};

struct traced {
	struct trace *trace;
	struct kept_event *events; /* owned */
	size_t count, cap;
};

/* Opens a trace with one session. Return: 0 or negative errno, with the reason on stderr. */
int traced_open(struct traced *t, size_t ring_bytes);
void traced_close(struct traced *t);
/* Another session in the place of that one, without loading the programs again. */
int traced_renew(struct traced *t);

struct traced_child {
	pid_t pid;
	int pid_fd;
	int go_fd; /* a byte lets it go */
};

typedef int (*traced_fn)(void *arg);

/* Forks a child, tags it, and leaves it waiting. */
int traced_start(struct traced *t, traced_fn fn, void *arg, struct traced_child *ret);
/* The same in another session, which the caller has added. */
int traced_start_in(struct traced *t, uint32_t slot, traced_fn fn, void *arg,
		    struct traced_child *ret);
void traced_go(struct traced_child *child);
/* Waits for it. Return: its wait status. */
int traced_wait(struct traced_child *child);
/* All of that, and drains. */
int traced_run(struct traced *t, traced_fn fn, void *arg);

/*
 * Approves that thread @tid becomes the program behind @file_fd with these strings. @name: as the
 * exec will call it. Return: 0 or negative errno.
 */
int traced_approve(struct traced *t, pid_t tid, int file_fd, char *const argv[], char *const env[],
		   const char *name);

/* The nth event of a kind; NULL if there are not so many. path NULL: any. */
const struct trace_event *traced_find(const struct traced *t, enum trace_event_kind kind,
				      const char *path, size_t nth);
size_t traced_count(const struct traced *t, enum trace_event_kind kind);

/* Is it the back end that is on the kernel's security hooks? */
bool traced_by_lsm(const struct traced *t);
/*
 * Did the kernel skip a program, as some do that preempt them (seen on 7.2)? With lsm every process
 * of a session with labels may have all of these then.
 */
bool traced_with_skips(const struct traced *t);

/*
 * What a child's exec came to that has another program than was approved, or strings of another
 * length: with lsm it is refused, and the child leaves with TRACED_REFUSED; else the child is dead.
 */
#define TRACED_REFUSED 126
bool traced_was_stopped(const struct traced *t, int status);
/* The kind of the event that tells of it. */
enum trace_event_kind traced_stop_kind(const struct traced *t);

/* Says that these tests are skipped, and why, for an ordinary user, who may not trace. */
bool traced_is_skipped(const char *name);
