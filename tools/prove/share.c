/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/prove/share.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define TAKEN "\n@@ taken\n"

/* More than what a user's other programs have of it, and quickly taken. */
#define SIGNALS	    8192
#define QUEUE_BYTES 262144

void share_lower(void)
{
	const struct rlimit signals = {SIGNALS, SIGNALS};
	const struct rlimit queues = {QUEUE_BYTES, QUEUE_BYTES};

	/* Where they are lower already they stay. */
	(void)setrlimit(RLIMIT_SIGPENDING, &signals);
	(void)setrlimit(RLIMIT_MSGQUEUE, &queues);
}

static bool something_is_left(const struct outside *o)
{
	const pid_t child = fork();
	int status = -1;

	if (child == 0) {
		share_lower();
		_exit(o->left(&o->arena));
	}
	return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

void share_look(struct outside *o, const struct buf *output)
{
	const char *at = output->data + o->looked_at;

	while ((at = strstr(at, TAKEN))) {
		at += strlen(TAKEN) - 1;
		o->looked_at = (size_t)(at - output->data);
		o->is_taken |= !something_is_left(o);
		(void)!write(o->answer_fds[1], "x", 1);
	}
}

int share_hold(void)
{
	char byte;

	(void)fputs(TAKEN, stdout);
	(void)fflush(stdout);
	return read(STDIN_FILENO, &byte, 1) == 1 ? 0 : ATTEMPT_BROKEN;
}
