/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A race: what the gate looks at is exchanged, for ever and as fast as can be, between the
 * permitted and the forbidden. It counts only if both answers were seen, so that something really
 * was exchanged while the gate looked.
 */

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "tools/prove/probes/exec.h"

/* One race; the exchanger turns between two states of it until stop is set. */
struct race {
	void (*exchange)(struct race *race, unsigned turn);
	/* In a loop: 0 the forbidden came through, 1 the permitted, else refused. */
	int (*try)(struct race *race);
	atomic_bool stop;
	atomic_long pause_ns; /* of the exchanger, between two turns */
	char *path;	      /* shared memory; ends in forbidden or forbiddem */
	char link[PATH_BYTES];
	char spare[PATH_BYTES];
	char targets[2][PATH_BYTES]; /* the permitted program, the forbidden one */
	char *strings[3];	     /* an argument list or an environment */
	int fds[2];
	int swapped_fd;
	struct sockaddr *address;
	socklen_t address_len;
};

/* In memory that children share; NULL if there is none. */
struct race *race_new(const struct arena *a);
void *race_shared(size_t size);
/* The exchanger is a thread, or with @apart a process. Return: 0, ATTEMPT_BROKEN. */
int race_run(struct race *race, bool apart);
/* What a payload's end means for try(). */
int race_wait_for(pid_t child);
/* One byte makes the difference, so what is read is always one of the two. */
void race_exchange_letter(struct race *race, unsigned turn);

#define RACE_ROW(id, classes, wall, attempt, after, more)                           \
	ROW(id, classes, wall, attempt, .effect = (after), .control = CONTROL_HOST, \
	    .flags = (more) | ROW_ONCE)
#define VERIFIED_ROW(id, classes, attempt) \
	RACE_ROW(id, classes, "BPF verifies at exec", attempt, EFFECT_RAN, ROW_POLICY | ROW_TRACE)
