/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/integration/labels_fixture.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

void make_labelled(const char *name, uint64_t labels)
{
	int fd;

	make_file(name);
	fd = open(in_folder(name), O_PATH | O_CLOEXEC);
	assert_int_equal(trace_label_file(traced.trace, TRACED_SLOT, fd, labels), 0);
	close(fd);
}

int mark(const char *name)
{
	const int fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	return fd >= 0 && close(fd) == 0 ? 0 : 1;
}

int wait_for(pid_t pid)
{
	int status = -1;

	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0 ? 0 : 1;
}

bool are_labels(uint64_t has, uint64_t labels)
{
	return has == labels || (traced_with_skips(&traced) && (has & labels) == labels);
}

uint64_t labels_at(const char *name)
{
	const struct trace_event *event = traced_find(&traced, TRACE_OPEN, in_folder(name), 0);

	if (!event)
		fail_msg("nobody opened %s", name);
	return event ? event->process_labels : 0;
}
