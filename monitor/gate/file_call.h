/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A gated file operation between its notification and its answer: the supervisor's own copy of
 * everything that the caller said.
 */

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/hands.h"

struct file_action;

struct file_call {
	uint64_t notify_id;
	uint32_t tid, pid; /* on the host */
	char *exe;	   /* owned; path inside */
	struct hands_request request;
	struct buf payload; /* as common/hands.h has it */
	int base_fd[3]; /* owned; -1 where there is none; last the socket of a bind or connect */
	unsigned base_count;
	unsigned tries;
	struct file_action *about; /* owned; once it was allowed */
	struct file_call *next, *prev;
};

struct file_call *file_call_new(void);
/* Closes the descriptors: the hands have their own. */
void file_call_release(struct file_call *call);
/* NULL is fine. Return: NULL. */
struct file_call *file_call_free(struct file_call *call);
