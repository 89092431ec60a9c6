/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "monitor/gate/decode.h"
#include "monitor/gate/exec_block.h"
#include "monitor/gate/script.h"
#include "monitor/gate/socket.h"
#include "monitor/gate/startup_env.h"

#define EXECVE_CHECK 0x10000 /* AT_EXECVE_CHECK, Linux 6.14: asks, runs nothing */

struct exec_call {
	int dirfd;
	unsigned flags;
	uint64_t path;
	uint64_t argv;
	uint64_t env;
};

/* Where its strings lie in d->bytes: the path at the start, then these. */
struct exec_strings {
	size_t argv_at, argc;
	size_t env_at, envc;
};

static int exec_arguments(const struct seccomp_data *data, struct exec_call *ret)
{
	if (data->nr == SYS_execve) {
		*ret = (struct exec_call){AT_FDCWD, 0, data->args[0], data->args[1], data->args[2]};
		return 0;
	}
	*ret = (struct exec_call){(int)data->args[0], (unsigned)data->args[4], data->args[1],
				  data->args[2], data->args[3]};
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
static int follow_interpreters(struct decode *d, const char *called)
{
	char head[SCRIPT_HEAD_BYTES];
	char name[SCRIPT_HEAD_BYTES];
	struct script_line line;

	for (unsigned depth = 0;; depth++) {
		const struct image *last = depth ? &d->interpreter : &d->image;
		int r = read_head(last->fd, head);

		if (r < 0)
			return r;
		if (!script_interpreter(head, &line))
			return 0;
		if (depth == SCRIPT_MAX_DEPTH)
			return -ELOOP;
		memcpy(name, line.name, line.name_len);
		name[line.name_len] = '\0';
		exec_block_script(&d->script, &line, called);
		close_fd(&d->interpreter.fd);
		r = resolve_image(&d->target, AT_FDCWD, name, 0, &d->owners, &d->interpreter);
		if (r < 0)
			return r;
		if (d->interpreter.provenance > d->image.provenance)
			d->image.provenance = d->interpreter.provenance;
	}
}

static struct str *list_strings(const char *at, size_t count)
{
	struct str *list = xcalloc(count ? count : 1, sizeof(list[0]));

	for (size_t i = 0; i < count; i++) {
		list[i] = str_of(at);
		at += list[i].len + 1;
	}
	return list;
}

static void list_arguments(struct decode *d, const struct exec_strings *strings,
			   struct action *action)
{
	size_t kept = 0;

	d->argv = list_strings(d->bytes.data + strings->argv_at, strings->argc);
	action->argv = (struct str_list){d->argv, strings->argc};
	d->startup_env = list_strings(d->bytes.data + strings->env_at, strings->envc);
	for (size_t i = 0; i < strings->envc; i++)
		if (is_startup_variable(d->startup_env[i].at))
			d->startup_env[kept++] = d->startup_env[i];
	action->startup_env = (struct str_list){d->startup_env, kept};
}

static int read_path(struct decode *d, const struct exec_call *call)
{
	const int r = child_mem_string(&d->mem, call->path, &d->bytes, MAX_PATH_BYTES - 1);

	if (r == 0)
		buf_putc(&d->bytes, '\0');
	return r;
}

static int read_arguments(struct decode *d, const struct exec_call *call, struct exec_strings *ret)
{
	int r;

	ret->argv_at = d->bytes.len;
	r = child_mem_argv(&d->mem, call->argv, &d->bytes, &ret->argc);
	ret->env_at = d->bytes.len;
	if (r == 0)
		r = child_mem_argv(&d->mem, call->env, &d->bytes, &ret->envc);
	if (r < 0)
		return r;
	return d->ops->is_valid(d->ctx) ? 0 : DECODE_GONE;
}

/* d->block and what stands in it. */
static struct exec_image make_image(struct decode *d, const struct exec_strings *strings,
				    const char *called)
{
	struct exec_image image = {
		.file_fd = d->file_fd,
		.env_bytes = (uint32_t)(d->bytes.len - strings->env_at),
		.name_bytes = (uint32_t)strlen(called) + 1,
	};

	exec_block_argv(&d->block, d->bytes.data + strings->argv_at,
			strings->env_at - strings->argv_at, &d->script);
	image.argv_bytes = (uint32_t)d->block.len;
	buf_put(&d->block, d->bytes.data + strings->env_at, image.env_bytes);
	buf_put(&d->block, called, image.name_bytes);
	image.block = d->block.data;
	return image;
}

/* Of a script's own bit the kernel takes no notice; a binary's says what it is meant for. */
static bool has_setuid_bit(int file_fd)
{
	struct stat st;

	return fstat(file_fd, &st) == 0 && (st.st_mode & S_ISUID);
}

/* Where it is, and what it will read from and write to. Return: 0 or -ENAMETOOLONG. */
static int fill_surroundings(struct decode *d, struct action *action)
{
	/* Too deep for the kernel to tell: a rule on it would find an empty one. */
	if (target_link(&d->target, "cwd", d->cwd, sizeof(d->cwd)) == -ENAMETOOLONG)
		return -ENAMETOOLONG;
	action->cwd = str_of(d->cwd);
	action->input = str_of(stream_kind(&d->target, STDIN_FILENO));
	action->output = str_of(stream_kind(&d->target, STDOUT_FILENO));
	return 0;
}

int decode_exec(struct decode *d, const struct seccomp_data *data, struct gate_answer *ret)
{
	char called[EXEC_CALLED_BYTES];
	struct exec_strings strings;
	struct exec_image image;
	struct exec_call call;
	struct action action;
	int r = exec_arguments(data, &call);

	if (r == 0)
		r = read_path(d, &call);
	if (r != 0)
		return r;
	/*
	 * What is not there is answered here with the errno that the kernel would give, which looks
	 * for it before it reads the arguments, too: who searches PATH asks for many such. Letting
	 * the call go on instead would be an unchecked exec if the file appeared meanwhile.
	 */
	r = resolve_image(&d->target, call.dirfd, d->bytes.data, call.flags, &d->owners, &d->image);
	exec_block_called(call.dirfd, d->bytes.data, called);
	if (r == 0)
		r = follow_interpreters(d, called);
	if (r == 0)
		r = read_arguments(d, &call, &strings);
	if (r != 0)
		return r;

	r = decode_actor(d, ACTION_EXEC, &action);
	if (r == 0)
		r = fill_surroundings(d, &action);
	if (r < 0)
		return r;
	action.path = str_of(d->image.path);
	const char *slash = strrchr(d->image.path, '/');

	action.name = str_of(slash ? slash + 1 : d->image.path);
	if (d->interpreter.fd >= 0)
		action.interpreter = str_of(d->interpreter.path);
	action.provenance = str_of(provenance_name(d->image.provenance));
	list_arguments(d, &strings, &action);
	action.setuid = d->interpreter.fd < 0 && has_setuid_bit(d->image.fd);
	d->file_fd = take_fd(d->interpreter.fd >= 0 ? &d->interpreter.fd : &d->image.fd);
	image = make_image(d, &strings, called);
	/* A script's own file too: what it holds is what will be done. */
	const int held_fds[] = {d->file_fd, d->image.fd};
	const struct gate_request request = {.action = &action,
					     .tid = d->target.tid,
					     .image = &image,
					     .held_fds = held_fds,
					     .held = d->image.fd >= 0 ? 2 : 1};

	d->ops->decide(d->ctx, &request, ret);
	if (ret->proceed)
		target_execs(&d->target);
	return 0;
}
