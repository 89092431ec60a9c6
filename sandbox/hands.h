/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The inside of the hands: walking a path, and doing what is asked at its end. See common/hands.h.
 */

#include <stdbool.h>

#include "common/hands.h"

/* Where a walk ended: everything an operation acts on. Descriptors are O_PATH and owned. */
struct place {
	int parent_fd; /* -1 where a path ended in a link of /proc to an open file */
	int target_fd; /* -1: not there */
	uint32_t mode; /* st_mode of the target */
	char last[HANDS_MAX_NAME];
};

#define PLACE_NONE                               \
	{                                        \
		.parent_fd = -1, .target_fd = -1 \
	}

/* What a path is walked for. */
struct walker {
	uint32_t pid, tid; /* of the caller, in this pid namespace */
};

/*
 * hands_walk - the end of a path, followed with this process's rights.
 * @base_fd: where a relative path starts; AT_FDCWD is not for that.
 * Return: 0, also when the last component is not there; a negative errno as the kernel gives it.
 */
int hands_walk(const struct walker *walker, int base_fd, const char *path, bool follow,
	       struct place *ret);
void place_done(struct place *place);

/*
 * hands_start - forks the hands of the calling process, as a child of its parent.
 * @lite: NULL, or a spec outside whose writable folders no file's mode, owner, times or attributes
 * are changed, because no mount keeps them; borrowed for good.
 * *ret_fd: the supervisor's end of their socket, owned. Return: their pid, or below 0.
 */
struct error;
struct spec;
int hands_start(const struct spec *lite, int *ret_fd, struct error *err);
/* Waits until they are ready. *ret_bell_fd: the listener of their filter, owned. */
int hands_take_bell(int socket_fd, int *ret_bell_fd, struct error *err);

/* hands_do.c: carries out a request. Return: a descriptor for HANDS_OPEN, else 0; a negative errno;
 * -ERESTART: something moved since the walk. */
struct hands_job {
	const struct hands_request *request;
	const char *text;  /* symlink: what it says; *xattr: the name */
	const char *value; /* setxattr */
	const char *path;  /* bind: as the caller wrote it */
	int socket_fd;	   /* bind, connect; owned, else -1 */
	int base_fd;	   /* bind: where that path starts; owned, -1 if it needs none */
	struct place place[2];
};

int hands_do(const struct hands_job *job);
/* hands_bind.c: HANDS_BIND. Return: 0, or a negative errno. */
int hands_bind(const struct hands_job *job);
/*
 * hands_connect.c: HANDS_CONNECT, to place[0].target_fd, or (-1) to the address that is the value.
 * Return: 0, a negative errno, HANDS_WAITS.
 */
#define HANDS_WAITS 1 /* it takes its time: hands_connect_wait() */
int hands_connect(const struct hands_job *job);
/* As long as the socket says. */
int hands_connect_wait(const struct hands_job *job);
/* Rules by which a socket is made below @folder_fd alone, or (-1) nowhere. Return: -1 with errno.
 */
int landlock_for_sockets(int folder_fd);

/* May the target's mode, owner, times and attributes be changed, as hands_start() was told? */
bool hands_may_mark(const struct spec *lite, int target_fd);

/* hands_filter.c: from here on nothing but what the above need. The process has no_new_privs.
 * Return: the filter's listener, or a negative errno. */
int hands_filter(void);
