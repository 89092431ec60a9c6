/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * One notified system call -> the actions it stands for -> one answer.
 *
 * Knows no listener and no loop: the owner says by callbacks whether the call still waits and what
 * policy thinks of an action.
 */

#include <stdbool.h>
#include <stdint.h>

#include <linux/seccomp.h>

#include "common/buf.h"
#include "monitor/action.h"
#include "monitor/exec_image.h"
#include "monitor/gate/address.h"
#include "monitor/gate/child_mem.h"
#include "monitor/gate/file_call.h"
#include "monitor/gate/gate.h"
#include "monitor/gate/resolve.h"
#include "monitor/gate/target.h"

struct decode_ops {
	/* Was what has been read so far really the target's? */
	bool (*is_valid)(void *ctx);
	/* As gate_ops.decide; the request has no id. */
	void (*decide)(void *ctx, const struct gate_request *request, struct gate_answer *ret);
	/* As gate_ops.carried_out, of what is answered here; may be NULL. */
	void (*carried_out)(void *ctx, const struct action *action, int error);
};

/* Working memory of one listener; one call at a time. decode_init() and decode_done(). */
struct decode {
	uint32_t exec_id;
	struct owners owners;
	const char *const *host_bound; /* folders that are the host's own; may be NULL */
	int diag_fd;		       /* as unix_is_inside() takes it */
	bool carries_binds;	       /* what decode_call() leaves in `file` is carried out */
	bool carries_connects;	       /* every connect(2), too */
	bool (*may_take)(void *ctx, uint64_t bytes); /* as gate_ops.may_take, with take_ctx */
	void *take_ctx;
	const struct decode_ops *ops;
	void *ctx;

	struct target target;
	struct child_mem mem;
	struct buf bytes;	 /* path, argv and environment, or the addresses of a sendmmsg */
	struct buf script;	 /* what the kernel puts in place of a script's argv[0] */
	struct buf block;	 /* of struct exec_image */
	struct str *argv;	 /* owned */
	struct str *startup_env; /* owned */
	struct image image;
	struct image interpreter;
	char cwd[MAX_PATH_BYTES];
	char socket_path[MAX_PATH_BYTES + 16 + MAX_ADDRESS_BYTES]; /* a folder's, and a name */
	struct file_call *file; /* a file operation that was decoded, to be carried out; owned */
	int file_fd; /* of the exec just decided: the image or its interpreter; owned, -1 if none */
};

void decode_init(struct decode *decode);
void decode_done(struct decode *decode);

#define DECODE_GONE 1

/*
 * decode_call - decides one call of thread @tid.
 * Return: 0 with *ret set, or DECODE_GONE when the target is no more and nobody waits for an
 * answer. decode->file_fd may be taken by the caller; the next call closes it. If decode->file is
 * set afterwards, nothing is decided yet: the caller takes it and has it carried out.
 */
int decode_call(struct decode *decode, uint32_t tid, const struct seccomp_data *data,
		struct gate_answer *ret);

/* Parts of decode_call(). Return: as it, or a negative errno that is the answer. */
int decode_exec(struct decode *decode, const struct seccomp_data *data, struct gate_answer *ret);
int decode_net(struct decode *decode, const struct seccomp_data *data, struct gate_answer *ret);
int decode_file(struct decode *decode, const struct seccomp_data *data);
int decode_linger(struct decode *decode, const struct seccomp_data *data, struct gate_answer *ret);

/* What is to be connected, as it was judged; descriptors are taken over. */
struct connection {
	int *socket_fd;
	const char *path; /* with the file it led to, O_PATH; or NULL, and the address */
	int *file_fd;
	const void *bytes;
	uint32_t len;
	struct file_action *about; /* NULL: nobody was asked */
};

int decode_connect(struct decode *decode, const struct connection *to);
/* A socket that is to be bound to a path. *socket_fd is taken over. */
int decode_bind(struct decode *decode, const char *path, int *socket_fd);

/* The action was allowed, and the answer is an errno all the same. */
void decode_answered(const struct decode *decode, const struct action *action, int error);

/* What every action says of its process. Return: 0, or a negative errno: it is gone. */
int decode_actor(struct decode *decode, enum action_kind kind, struct action *ret);
