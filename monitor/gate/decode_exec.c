/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "monitor/gate/decode.h"
#include "monitor/gate/script.h"

#define EXECVE_CHECK 0x10000 /* AT_EXECVE_CHECK, Linux 6.14: asks, runs nothing */

struct exec_call {
	int dirfd;
	unsigned flags;
	uint64_t path;
	uint64_t argv;
};

static int exec_arguments(const struct seccomp_data *data, struct exec_call *ret)
{
	if (data->nr == SYS_execve) {
		*ret = (struct exec_call){AT_FDCWD, 0, data->args[0], data->args[1]};
		return 0;
	}
	*ret = (struct exec_call){(int)data->args[0], (unsigned)data->args[4], data->args[1],
				  data->args[2]};
	return ret->flags & ~(unsigned)(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW | EXECVE_CHECK)
		       ? -EINVAL
		       : 0;
}

/* Opening for reading may not wait: neither for a lease holder nor for anything else. */
static int read_head(int file_fd, char head[SCRIPT_HEAD_BYTES])
{
	char link[32];

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", file_fd);
	_cleanup_close_ int read_fd = open(link, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);

	if (read_fd < 0)
		return -EACCES;
	memset(head, 0, SCRIPT_HEAD_BYTES);
	for (size_t have = 0; have < SCRIPT_HEAD_BYTES;) {
		const ssize_t n =
			pread(read_fd, head + have, SCRIPT_HEAD_BYTES - have, (off_t)have);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -EACCES;
		if (n == 0)
			break;
		have += (size_t)n;
	}
	return 0;
}

/*
 * Follows a script to the program that the kernel will load for it: d->interpreter, whose fd stays
 * -1 for a binary. Provenance is that of the least trustworthy link of the chain.
 */
static int follow_interpreters(struct decode *d)
{
	char head[SCRIPT_HEAD_BYTES];
	char name[SCRIPT_HEAD_BYTES];
	const char *at;
	size_t len;

	for (unsigned depth = 0;; depth++) {
		const struct image *last = depth ? &d->interpreter : &d->image;
		int r = read_head(last->fd, head);

		if (r < 0)
			return r;
		if (!script_interpreter(head, &at, &len))
			return 0;
		if (depth == SCRIPT_MAX_DEPTH)
			return -ELOOP;
		memcpy(name, at, len);
		name[len] = '\0';
		close_fd(&d->interpreter.fd);
		r = resolve_image(&d->target, AT_FDCWD, name, 0, d->workspace, &d->interpreter);
		if (r < 0)
			return r;
		if (d->interpreter.provenance > d->image.provenance)
			d->image.provenance = d->interpreter.provenance;
	}
}

static void list_argv(struct decode *d, size_t start, size_t count, struct action *action)
{
	const char *at = d->bytes.data + start;

	d->argv = xcalloc(count ? count : 1, sizeof(d->argv[0]));
	for (size_t i = 0; i < count; i++) {
		d->argv[i] = str_of(at);
		at += d->argv[i].len + 1;
	}
	action->argv = (struct str_list){d->argv, count};
}

static int read_arguments(struct decode *d, const struct exec_call *call, size_t *ret_argv_at,
			  size_t *ret_count)
{
	int r = child_mem_string(&d->mem, call->path, &d->bytes, MAX_PATH_BYTES - 1);

	if (r < 0)
		return r;
	buf_putc(&d->bytes, '\0');
	*ret_argv_at = d->bytes.len;
	r = child_mem_argv(&d->mem, call->argv, &d->bytes, ret_count);
	if (r < 0)
		return r;
	return d->ops->is_valid(d->ctx) ? 0 : DECODE_GONE;
}

int decode_exec(struct decode *d, const struct seccomp_data *data, struct gate_answer *ret)
{
	struct exec_call call;
	struct action action;
	size_t argv_at;
	size_t count;
	int r = exec_arguments(data, &call);

	if (r == 0)
		r = read_arguments(d, &call, &argv_at, &count);
	if (r != 0)
		return r;
	/*
	 * What is not there is answered here with the errno that the kernel would give. Letting the
	 * call go on instead would be an unchecked exec if the file appeared meanwhile.
	 */
	r = resolve_image(&d->target, call.dirfd, d->bytes.data, call.flags, d->workspace,
			  &d->image);
	if (r == 0)
		r = follow_interpreters(d);
	if (r < 0)
		return r;

	decode_actor(d, ACTION_EXEC, &action);
	(void)target_link(&d->target, "cwd", d->cwd, sizeof(d->cwd));
	action.cwd = str_of(d->cwd);
	action.path = str_of(d->image.path);
	const char *slash = strrchr(d->image.path, '/');

	action.name = str_of(slash ? slash + 1 : d->image.path);
	if (d->interpreter.fd >= 0)
		action.interpreter = str_of(d->interpreter.path);
	action.provenance = str_of(provenance_name(d->image.provenance));
	list_argv(d, argv_at, count, &action);
	d->file_fd = take_fd(d->interpreter.fd >= 0 ? &d->interpreter.fd : &d->image.fd);
	d->ops->decide(d->ctx, &action, d->target.tid, d->file_fd, ret);
	return 0;
}
