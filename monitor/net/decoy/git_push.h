/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What `git push` says before its pack: the commands of receive-pack. Pure; gitprotocol-pack(5). */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAX_GIT_UPDATES 64u
#define MAX_GIT_REF	255u

struct git_update {
	char old_oid[65], new_oid[65]; /* hex, SHA-1 or SHA-256 */
	char ref[MAX_GIT_REF + 1];
	bool deletes;
};

struct git_push {
	struct git_update updates[MAX_GIT_UPDATES];
	size_t count;
	uint32_t objects; /* that the pack says it has; 0: there is none */
};

/*
 * git_push_parse - @bytes: the beginning of the body, which has to have all commands.
 * Return: NULL, or what is wrong with it, static.
 */
const char *git_push_parse(const char *bytes, size_t len, struct git_push *ret);
