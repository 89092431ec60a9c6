/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/gate/decode_net.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "monitor/gate/unix_owner.h"

/*
 * Whose socket it is. On a read-only mount the session cannot have made one: it belongs to a
 * process outside, whom the network namespace does not keep away, for a socket's file is looked up
 * by path. In a folder that host and session both write to, the kernel's list tells.
 */
static const char *socket_provenance(const struct decode *d, int file_fd)
{
	struct stat st;

	if (is_read_only(file_fd))
		return provenance_name(PROVENANCE_IMAGE);
	if (path_is_below_any(d->socket_path, d->host_bound) &&
	    (fstat(file_fd, &st) < 0 || !unix_is_inside(d->diag_fd, &st)))
		return provenance_name(PROVENANCE_HOST_BOUND);
	return new_socket_provenance(d->socket_path, d->owners.workspace, NULL);
}

/* Canonical path of a socket's name that is not there: it is the folder that is resolved. */
static int resolve_in_folder(struct decode *d, struct net_call *call, const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	char folder[MAX_ADDRESS_BYTES + 2];
	_cleanup_close_ int file_fd = -1;
	bool reachable;
	bool nameless;

	(void)snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - path + 1) : 1,
		       slash ? path : ".");
	int r = resolve_path(&d->target, AT_FDCWD, folder, 0, &file_fd);

	if (r == 0)
		r = resolve_name(&d->target, file_fd, d->socket_path, sizeof(d->image.path),
				 &reachable, &nameless);
	if (r < 0)
		return r;
	const size_t len = strlen(d->socket_path);
	const bool at_root = len && d->socket_path[len - 1] == '/';

	if (len + strlen(name) + 2 > sizeof(d->socket_path))
		return -ENAMETOOLONG;
	(void)snprintf(d->socket_path + len, sizeof(d->socket_path) - len, "%s%s",
		       at_root ? "" : "/", name);
	call->in_own_folder =
		!is_read_only(file_fd) && !path_is_below_any(d->socket_path, d->host_bound);
	return 0;
}

/*
 * Canonical path of a socket's name. That somebody asks for one that is not there is told, too; its
 * folder may be missing as well, and then the name is as it was given.
 */
int net_call_resolve(struct decode *d, struct net_call *call, const char *path)
{
	_cleanup_close_ int file_fd = -1;
	bool reachable;
	bool nameless;
	int r;

	if (call->kind == ACTION_BIND) {
		r = resolve_in_folder(d, call, path);
		call->provenance =
			new_socket_provenance(d->socket_path, d->owners.workspace, d->host_bound);
		return r;
	}
	r = resolve_path(&d->target, AT_FDCWD, path, 0, &file_fd);
	if (r == -ENOENT) {
		call->missing = true;
		if (resolve_in_folder(d, call, path) < 0)
			(void)snprintf(d->socket_path, sizeof(d->socket_path), "%s", path);
		return 0;
	}
	if (r == 0)
		r = resolve_name(&d->target, file_fd, d->socket_path, sizeof(d->socket_path),
				 &reachable, &nameless);
	if (r == 0)
		call->provenance = socket_provenance(d, file_fd);
	if (r == 0 && net_call_is_carried(d, call))
		call->file_fd = take_fd(&file_fd);
	return r;
}
