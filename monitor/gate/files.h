/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Gated file operations of one execution, from decoded call to answer.
 *
 *	queue -> WALK -> names of what the hands hold -> the owner decides -> DO -> errno or fd
 *
 * The hands (sandbox/hands.c) are a process of the leaf. They walk and act with the program's own
 * rights; the supervisor lends them none, and never waits for them: everything is asynchronous.
 * Between verdict and act nothing is looked up again. When the hands are gone every operation is
 * answered with EIO. Whoever owns this watches their bell.
 */

#include "common/error.h"
#include "monitor/gate/file_call.h"
#include "monitor/gate/gate.h"
#include "monitor/gate/notify.h"
#include "monitor/gate/target.h"

struct files;

struct files_config {
	int hands_fd, bell_fd; /* taken over, also on failure */
	struct notify *notify; /* borrowed for its life, as all below */
	struct target *target; /* knows the root of the execution */
	uint32_t exec_id;
	struct owners owners;
	const char *const *host_bound; /* folders inside, NULL-terminated */
	const struct gate_ops *ops;
	void *ctx;
};

int files_new(const struct files_config *config, struct files **ret, struct error *err);
/* Nothing is answered any more. NULL is fine. Return: NULL. */
struct files *files_free(struct files *files);

/* The bell, readable when it rings; -1 once the hands are gone. */
int files_bell_fd(const struct files *files);
/* It was seen readable. */
void files_serve(struct files *files);
/* Nobody is left to ring it. */
void files_lose(struct files *files);
/* The hands are at work, and will ring soon. */
bool files_are_busy(const struct files *files);
/* The call is the callee's from here on. */
void files_submit(struct files *files, struct file_call *call);
/* Of a call that the owner would decide later: it is walked and asked about anew. */
void files_resume(struct files *files, uint64_t id);
