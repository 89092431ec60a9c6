/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/traced.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"

static void keep(void *ctx, const struct trace_event *event)
{
	struct traced *t = ctx;
	struct kept_event *kept;

	if (t->count == t->cap) {
		t->cap = t->cap ? 2 * t->cap : 256;
		t->events = xrealloc_array(t->events, t->cap, sizeof(t->events[0]));
	}
	kept = &t->events[t->count++];
	kept->event = *event;
	(void)snprintf(kept->path, sizeof(kept->path), "%s", event->path);
	(void)snprintf(kept->target, sizeof(kept->target), "%s", event->target);
	memcpy(kept->comm, event->comm, sizeof(kept->comm));
}

int traced_open(struct traced *t, size_t ring_bytes)
{
	/* NOLINTNEXTLINE(concurrency-mt-unsafe) */
	const struct trace_room room = {.ring_bytes = ring_bytes,
					.no_direct_reads = getenv("TRACED_BY_CALLS")};
	struct error err = {0};
	int r;

	memset(t, 0, sizeof(*t));
	r = trace_open_with(keep, t, &room, &t->trace, &err);
	if (r == 0)
		r = trace_session_add(t->trace, TRACED_SLOT, &err);
	if (r < 0)
		(void)fprintf(stderr, "%s\n", err.text);
	return r;
}

int traced_renew(struct traced *t)
{
	struct error err = {0};
	int r;

	trace_set_linger(t->trace, true);
	trace_session_remove(t->trace, TRACED_SLOT);
	r = trace_session_add(t->trace, TRACED_SLOT, &err);
	if (r < 0)
		(void)fprintf(stderr, "%s\n", err.text);
	t->count = 0;
	return r;
}

void traced_close(struct traced *t)
{
	t->trace = trace_close(t->trace);
	free(t->events);
	t->events = NULL;
	t->count = t->cap = 0;
}

/* A program that a session starts has none of the trace's descriptors. As long as somebody holds a
 * link it stays attached, and Linux 6.1 refuses to attach its program once more. */
static void drop_trace_fds(void)
{
	char path[32];
	char kind[32];

	for (int fd = 3; fd < 256; fd++) {
		(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		if (readlink(path, kind, sizeof(kind)) > 0 &&
		    strncmp(kind, "anon_inode:bpf", strlen("anon_inode:bpf")) == 0)
			(void)close(fd);
	}
}

/* Returns once the child holds nothing of the trace: a link lives as long as its last descriptor.
 */
int traced_start(struct traced *t, traced_fn fn, void *arg, struct traced_child *ret)
{
	return traced_start_in(t, TRACED_SLOT, fn, arg, ret);
}

int traced_start_in(struct traced *t, uint32_t slot, traced_fn fn, void *arg,
		    struct traced_child *ret)
{
	int go[2] = {-1, -1};
	int ready[2] = {-1, -1};
	char byte;

	ret->pid_fd = ret->go_fd = -1;
	if (pipe(go) < 0 || pipe(ready) < 0)
		return -errno;
	ret->pid = fork();
	if (ret->pid < 0)
		return -errno;
	if (ret->pid == 0) {
		(void)close(go[1]);
		(void)close(ready[0]);
		drop_trace_fds();
		(void)close(ready[1]);
		if (read(go[0], &byte, 1) != 1)
			_exit(99);
		(void)close(go[0]);
		_exit(fn(arg));
	}
	(void)close(go[0]);
	(void)close(ready[1]);
	while (read(ready[0], &byte, 1) < 0 && errno == EINTR)
		;
	(void)close(ready[0]);
	ret->go_fd = go[1];
	ret->pid_fd = (int)syscall(SYS_pidfd_open, ret->pid, 0);
	return trace_tag(t->trace, ret->pid_fd, slot, TRACED_EXEC_ID);
}

void traced_go(struct traced_child *child)
{
	(void)!write(child->go_fd, "", 1);
	close_fd(&child->go_fd);
}

int traced_wait(struct traced_child *child)
{
	int status = -1;

	(void)waitpid(child->pid, &status, 0);
	close_fd(&child->pid_fd);
	return status;
}

int traced_run(struct traced *t, traced_fn fn, void *arg)
{
	struct traced_child child = {.pid = -1, .pid_fd = -1, .go_fd = -1};
	int status;

	if (traced_start(t, fn, arg, &child) < 0)
		return -1;
	traced_go(&child);
	status = traced_wait(&child);
	(void)trace_drain(t->trace);
	return status;
}

static uint32_t put_strings(struct buf *block, char *const strings[])
{
	const size_t before = block->len;

	for (size_t i = 0; strings[i]; i++)
		buf_put(block, strings[i], strlen(strings[i]) + 1);
	return (uint32_t)(block->len - before);
}

int traced_approve(struct traced *t, pid_t tid, int file_fd, char *const argv[], char *const env[],
		   const char *name)
{
	_cleanup_buf_ struct buf block = BUF_INIT(0);
	struct exec_image image = {.file_fd = file_fd};

	image.argv_bytes = put_strings(&block, argv);
	image.env_bytes = put_strings(&block, env);
	image.name_bytes = (uint32_t)strlen(name) + 1;
	buf_put(&block, name, image.name_bytes);
	image.block = block.data;
	return trace_approve_exec(t->trace, TRACED_SLOT, TRACED_EXEC_ID, (uint32_t)tid, &image);
}

const struct trace_event *traced_find(const struct traced *t, enum trace_event_kind kind,
				      const char *path, size_t nth)
{
	for (size_t i = 0; i < t->count; i++) {
		struct kept_event *kept = &t->events[i];

		if (kept->event.kind != kind || (path && strcmp(kept->path, path) != 0))
			continue;
		if (nth-- > 0)
			continue;
		/* The array may have moved since it was kept. */
		kept->event.path = kept->path;
		kept->event.target = kept->target;
		kept->event.comm = kept->comm;
		return &kept->event;
	}
	return NULL;
}

size_t traced_count(const struct traced *t, enum trace_event_kind kind)
{
	size_t n = 0;

	for (size_t i = 0; i < t->count; i++)
		n += t->events[i].event.kind == kind;
	return n;
}

bool traced_by_lsm(const struct traced *t)
{
	return strcmp(trace_backend_name(t->trace), "lsm") == 0;
}

bool traced_with_skips(const struct traced *t)
{
	return traced_by_lsm(t) && trace_skips(t->trace) > 0;
}

bool traced_was_stopped(const struct traced *t, int status)
{
	if (traced_by_lsm(t))
		return WIFEXITED(status) && WEXITSTATUS(status) == TRACED_REFUSED;
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

enum trace_event_kind traced_stop_kind(const struct traced *t)
{
	return traced_by_lsm(t) ? TRACE_EXEC_REFUSED : TRACE_EXEC_MISMATCH;
}

bool traced_is_skipped(const char *name)
{
	if (geteuid() == 0)
		return false;
	(void)printf("skipped: the tests of %s need the BPF trace, which needs root\n", name);
	return true;
}
