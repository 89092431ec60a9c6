/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A gate on a loop over a real child: the child installs the filter, makes real calls, and ends
 * with what they returned; the parent serves, notes every action, and answers as the test says.
 */

#include <stdbool.h>
#include <sys/types.h>

#include <uv.h>

#include "monitor/gate/gate.h"

#define MAX_SEEN      16u
#define MAX_SEEN_ARGS 8u

struct seen {
	enum action_kind kind;
	uint32_t pid, tid;
	char exe[256], path[512], name[64], interpreter[256], provenance[16], cwd[256];
	char input[16], output[16];
	bool setuid;
	char family[16], protocol[16], address[64];
	char argv[MAX_SEEN_ARGS][64];
	size_t argc;
	int64_t port;
	bool loopback;
	bool has_file;
	uint64_t file_inode;
};

struct fixture {
	uv_loop_t loop;
	uv_timer_t limit;
	uv_poll_t ended; /* of the child */
	int pid_fd;
	struct gate *gate;
	pid_t child;
	unsigned count; /* actions */
	struct seen seen[MAX_SEEN];
	bool gone;
	bool timed_out;
	uint64_t notifications;
	int status;
	/* The test's policy; NULL lets everything proceed. */
	void (*policy)(struct fixture *f, const struct action *action, struct gate_answer *ret);
	const char *workspace;
	/* For a test that has a trace beside the gate; NULL: none. Each returns 0 or negative. */
	int (*started)(struct fixture *f, int pid_fd);
	int (*approve)(struct fixture *f, uint32_t tid, const struct exec_image *image);
	void (*unanswered)(struct fixture *f, uint32_t tid);
};

/* A folder of the test's own, which is also its working directory. */
extern char fixture_folder[64];
extern char *const fixture_no_env[];
int fixture_set_up(void **state);
int fixture_tear_down(void **state);
void write_file(const char *name, const char *text, mode_t mode); /* in the folder */

/* execve(2) with the argv {"x"}. Return: its errno. */
int exec_path(const char *path);
/* A policy: EDQUOT, which no part of the kernel answers here. */
void deny_all(struct fixture *f, const struct action *action, struct gate_answer *ret);

/* Runs fn(arg) gated to its end. Return: its wait status; what it did is in f->seen. */
int fixture_run(struct fixture *f, int (*fn)(void *arg), void *arg);
