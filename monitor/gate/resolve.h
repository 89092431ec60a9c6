/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A path as the child gave it -> a descriptor of ours -> the name it has inside.
 */

#include <stdbool.h>

#include "monitor/gate/target.h"

enum provenance {
	PROVENANCE_IMAGE,
	PROVENANCE_WORKSPACE,
	PROVENANCE_SESSION,
	PROVENANCE_MEMFD,
	PROVENANCE_HOST_BOUND
};

struct image {
	int fd; /* O_PATH, owned */
	enum provenance provenance;
	char path[MAX_PATH_BYTES + 16];
};

/* What a path that does not lead there from the child's root begins with, as in getcwd(2). */
#define UNREACHABLE "(unreachable)"

/*
 * resolve_path - dirfd and path of an *at(2) call.
 * @flags: AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW.
 * Owns: *ret_fd (O_PATH). Errors: those that the call itself would give.
 */
int resolve_path(struct target *target, int dirfd, const char *path, unsigned flags, int *ret_fd);

/* A new O_PATH descriptor of where a relative path starts: dirfd's file, or AT_FDCWD's. */
int resolve_base(struct target *target, int dirfd);

/*
 * kernel_name - the kernel's text for what is behind a descriptor of ours, with room behind it for
 * mark_unreachable(). Errors: -ENAMETOOLONG for what lies so deep that the kernel does not tell it,
 * or it would be cut: no rule could be asked about it, and it may be moved up afterwards.
 */
int kernel_name(int file_fd, char *path, size_t size);
/* Puts UNREACHABLE before it. */
void mark_unreachable(char *path);

/*
 * resolve_name - the canonical path inside of what is behind a descriptor of ours. It is proven:
 * opened again through the child's root it is the same inode on the same mount. What has no name
 * any more (memfd, deleted) keeps the kernel's text; what lies elsewhere gets UNREACHABLE.
 * @size: sizeof(struct image.path) is enough for all that the kernel tells.
 * Errors: of kernel_name().
 */
int resolve_name(struct target *target, int file_fd, char *path, size_t size, bool *ret_reachable,
		 bool *ret_nameless);

/* Whose a path is; strings are borrowed. */
struct owners {
	const char *workspace;
	/*
	 * Folders that can be written to, NULL-terminated, where no mount tells (isolation lite);
	 * NULL where a read-only mount does.
	 */
	const char *const *writable;
};

/* Can nobody inside write there? @file_fd: of the file itself or of the folder it is in. */
bool is_of_image(const struct owners *owners, int file_fd, const char *path);

/*
 * resolve_image - what execve(2) would be given: a regular file, named and with its provenance.
 * Errors: of resolve_path(), -EACCES for what is no regular file or lies on procfs, -ELOOP for a
 * link with AT_SYMLINK_NOFOLLOW. On success image->fd is the caller's.
 */
int resolve_image(struct target *target, int dirfd, const char *path, unsigned flags,
		  const struct owners *owners, struct image *image);

/* Is it on a mount that nobody inside can write to? */
bool is_read_only(int file_fd);

const char *provenance_name(enum provenance provenance);

/* Of a socket's file that is to be made: bind(2) makes a name as open(2) does. */
const char *new_socket_provenance(const char *path, const char *workspace,
				  const char *const *host_bound);

/* True if @path is @folder or lies below it, component by component. */
bool path_is_below(const char *path, const char *folder);
/* NULL-terminated; NULL: none. */
bool path_is_below_any(const char *path, const char *const *folders);
