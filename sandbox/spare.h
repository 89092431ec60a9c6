/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "sandbox/launch.h"

/*
 * A leaf that stands ready for an execution: its X waits for the EXEC at the other end of order_fd,
 * with its walls up already if it was known which the execution would have.
 */
struct spare {
	uint32_t expected; /* flags of that EXEC; 0: not known */
	pid_t pid;	   /* 0: none */
	int pidfd;
	int report_fd;
	int order_fd;
};

/* Return: 0, or a negative errno, and @ret is as it was. */
int spare_make(struct launch *l, uint32_t expected, struct spare *ret);
/*
 * It is not wanted, or ended before it was; the next EXEC tells why, if that happens again. Its X
 * ends when there is nobody to give an order any more, and is waited for.
 */
void spare_drop(struct spare *spare);
/*
 * Hands it the EXEC @m; one that is not there, is gone, or has other walls up is made anew. What
 * takes the order stands in @spare until the caller takes it over; its order_fd is done with.
 * Return: 0, or a negative errno.
 */
int spare_order(struct launch *l, struct spare *spare, const struct msg *m, const char *payload,
		const struct msg_fds *fds);
