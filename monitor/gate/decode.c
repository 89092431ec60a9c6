/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/gate/decode.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/falloc.h>
#include <string.h>
#include <sys/syscall.h>

#include "common/cleanup.h"

#if defined(__x86_64__)
#define NATIVE_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE_ARCH AUDIT_ARCH_AARCH64
#else
#error "the layout of msghdr and the numbers of this machine's system calls are not known here"
#endif

#define KEPT_BYTES (16u << 10) /* a larger buffer goes back after the call */

void decode_init(struct decode *decode)
{
	decode->bytes = (struct buf)BUF_INIT(0);
	decode->script = (struct buf)BUF_INIT(0);
	decode->block = (struct buf)BUF_INIT(0);
	decode->argv = NULL;
	decode->startup_env = NULL;
	decode->file = NULL;
	decode->file_fd = -1;
	decode->image.fd = -1;
	decode->interpreter.fd = -1;
	target_init(&decode->target);
}

static void forget_bytes(struct buf *bytes)
{
	if (bytes->cap > KEPT_BYTES)
		buf_done(bytes);
	else
		buf_clear(bytes);
}

/* The target stays open: most calls come from the thread that made the one before. */
static void forget_call(struct decode *decode)
{
	close_fd(&decode->image.fd);
	close_fd(&decode->interpreter.fd);
	free(decode->argv);
	decode->argv = NULL;
	free(decode->startup_env);
	decode->startup_env = NULL;
	forget_bytes(&decode->bytes);
	forget_bytes(&decode->script);
	forget_bytes(&decode->block);
}

void decode_done(struct decode *decode)
{
	forget_call(decode);
	decode->file = file_call_free(decode->file);
	target_done(&decode->target);
	buf_done(&decode->bytes);
	buf_done(&decode->script);
	buf_done(&decode->block);
	close_fd(&decode->file_fd);
}

int decode_actor(struct decode *decode, enum action_kind kind, struct action *ret)
{
	const int r = target_open(&decode->target);

	if (r < 0)
		return r;
	*ret = (struct action){.kind = kind, .exec_id = decode->exec_id, .pid = decode->target.pid};
	ret->exe = str_of(target_exe(&decode->target));
	return 0;
}

void decode_answered(const struct decode *decode, const struct action *action, int error)
{
	if (decode->ops->carried_out)
		decode->ops->carried_out(decode->ctx, action, error);
}

/*
 * Whatever file it is for, the length is what it takes at most. A session in whose layer there is
 * less is told that the disk is full.
 */
static int decode_fallocate(const struct decode *decode, const struct seccomp_data *data,
			    struct gate_answer *ret)
{
	const unsigned mode = (unsigned)data->args[1];
	const uint64_t bytes = data->args[3];

	ret->proceed = (mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_COLLAPSE_RANGE)) ||
		       bytes > INT64_MAX || /* EINVAL */
		       !decode->may_take || decode->may_take(decode->take_ctx, bytes);
	ret->errno_value = ENOSPC;
	return 0;
}

static int decode_by_number(struct decode *decode, const struct seccomp_data *data,
			    struct gate_answer *ret)
{
	switch (data->nr) {
	case SYS_execve:
	case SYS_execveat:
		return decode_exec(decode, data, ret);
	case SYS_connect:
	case SYS_bind:
	case SYS_listen:
	case SYS_sendto:
	case SYS_sendmsg:
	case SYS_sendmmsg:
		return decode_net(decode, data, ret);
	case SYS_setsockopt:
		return decode_linger(decode, data, ret);
	case SYS_fallocate:
		return decode_fallocate(decode, data, ret);
	default:
		/* What we cannot judge is not there: setxattrat(2) and its like. */
		return decode_file(decode, data);
	}
}

int decode_call(struct decode *decode, uint32_t tid, const struct seccomp_data *data,
		struct gate_answer *ret)
{
	int r;

	close_fd(&decode->file_fd);
	decode->file = file_call_free(decode->file);
	*ret = (struct gate_answer){.errno_value = EPERM};
	if (data->arch != NATIVE_ARCH) {
		ret->errno_value = ENOSYS;
		return 0;
	}
	child_mem_init(&decode->mem, tid);
	decode->target.is_waiting = decode->ops->is_valid;
	decode->target.ctx = decode->ctx;
	target_turn(&decode->target, tid);
	r = decode_by_number(decode, data, ret);
	forget_call(decode);
	if (r == DECODE_GONE)
		target_done(&decode->target);
	if (r < 0) {
		/* An answer for a target that is gone is dropped when it is sent. */
		*ret = (struct gate_answer){.errno_value = -r};
		r = 0;
	}
	if (!ret->proceed && !ret->later && ret->errno_value <= 0)
		ret->errno_value = EPERM;
	return r;
}
