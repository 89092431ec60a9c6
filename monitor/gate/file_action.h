/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What a gated file operation is about, in the terms of rules. The names are those of the
 * descriptors that the hands hold: what is named is what will be changed.
 */

#include <netinet/in.h>
#include <sys/stat.h>

#include "common/packet.h"
#include "monitor/action.h"
#include "monitor/gate/files.h"

/* Where the walks ended; the descriptors are borrowed from the message, -1 where there is none. */
struct file_places {
	const struct hands_reply *reply;
	int parent_fd[2];
	int target_fd[2];
};

/* Return: -EPROTO if the message does not hold what it says. */
int file_places_take(const struct file_call *call, const struct hands_reply *reply,
		     const struct msg_fds *fds, struct file_places *ret);

/* What cannot be done since nothing is there; not asked about, as for exec. */
bool file_is_missing(const struct file_call *call, const struct file_places *places);

struct file_action {
	struct action action; /* borrows from what follows and from the call */
	char address[INET6_ADDRSTRLEN];
	char path[MAX_PATH_BYTES + HANDS_MAX_NAME + 16];
	char target[MAX_PATH_BYTES + HANDS_MAX_NAME + 16];
};

/* Return: a negative errno for what has no name that a rule could be asked about. */
int file_action_new(const struct file_call *call, const struct file_places *places,
		    const struct files_config *config, struct file_action **ret);
/* What is told of a connection once it was made: whose, and where to. */
struct file_action *file_action_of_connect(const struct action *action);
/* It lies in a folder of the host's that is bound, or such a one lies below its folder. */
bool file_action_is_near_host(const struct file_action *about, const struct files_config *config);
void file_action_free(struct file_action *about);
