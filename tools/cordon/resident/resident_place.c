/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cordon/resident/resident_place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "monitor/trace/trace.h"
#include "tools/cordon/version.h"
#include "tools/toolkit/paths.h"

#define BACKLOG 512
#define SOCKET	".sock"
#define LOCK	".lock"

/* FNV-1a: it tells builds apart, it keeps nobody out. */
static uint64_t mix(uint64_t hash, const void *bytes, size_t len)
{
	for (const unsigned char *at = bytes; len--; at++)
		hash = (hash ^ *at) * UINT64_C(1099511628211);
	return hash;
}

static int make_name(char *ret, size_t size)
{
	_cleanup_free_ char *program = NULL;
	struct stat st;
	uint64_t hash = UINT64_C(14695981039346656037);
	const int r = paths_program(&program, NULL);

	if (r < 0)
		return r;
	if (stat(program, &st) < 0)
		return -errno;
	hash = mix(hash, CORDON_VERSION, sizeof(CORDON_VERSION));
	hash = mix(hash, &st.st_dev, sizeof(st.st_dev));
	hash = mix(hash, &st.st_ino, sizeof(st.st_ino));
	hash = mix(hash, &st.st_size, sizeof(st.st_size));
	hash = mix(hash, &st.st_mtim, sizeof(st.st_mtim));
	(void)snprintf(ret, size, "%016" PRIx64, hash);
	return 0;
}

static int check_folder(int folder_fd, const char *path, struct error *err)
{
	struct stat st;

	if (fstat(folder_fd, &st) < 0)
		return error_errno(err, errno, "look at %s", path);
	return paths_check_own("the resident supervisor's folder", path, &st, 077, err);
}

int resident_place_open(struct resident_place *ret, struct error *err)
{
	struct resident_place place;
	_cleanup_free_ char *state = NULL;
	_cleanup_free_ char *path = NULL;
	_cleanup_close_ int folder_fd = -1;
	int r;

	r = paths_state_dir(&state, err);
	if (r < 0)
		return r;
	path = xasprintf("%s/resident", state);
	folder_fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (folder_fd < 0 && errno == ENOENT && (mkdir(path, 0700) == 0 || errno == EEXIST))
		folder_fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (folder_fd < 0)
		return error_errno(err, errno, "open %s, for the resident supervisor's socket",
				   path);
	r = check_folder(folder_fd, path, err);
	if (!r && (r = make_name(place.name, sizeof(place.name))) < 0)
		(void)error_errno(err, r, "look at our own binary");
	if (r < 0)
		return r;
	place.folder_fd = take_fd(&folder_fd);
	*ret = place;
	return 0;
}

void resident_place_done(struct resident_place *place)
{
	close_fd(&place->folder_fd);
}

/* Through the descriptor of the folder that was checked; its path may be longer than an address. */
static struct sockaddr_un address_of(const struct resident_place *place)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s" SOCKET,
		       place->folder_fd, place->name);
	return address;
}

bool resident_peer_is_ours(int socket_fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return getsockopt(socket_fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
	       peer.uid == geteuid();
}

int resident_connect(const struct resident_place *place)
{
	const struct sockaddr_un address = address_of(place);
	_cleanup_close_ int socket_fd =
		socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (socket_fd < 0 ||
	    connect(socket_fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	return resident_peer_is_ours(socket_fd) ? take_fd(&socket_fd) : -EPERM;
}

/* Return: the lock of a name; -EEXIST if a server lives that holds it. */
static int lock_name(int folder_fd, const char *lock)
{
	for (;;) {
		_cleanup_close_ int lock_fd =
			openat(folder_fd, lock, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
		struct stat st;

		if (lock_fd < 0 || flock(lock_fd, LOCK_EX | LOCK_NB) < 0)
			return errno == EWOULDBLOCK ? -EEXIST : -errno;
		/* Removed by its last holder between open and lock? */
		if (fstat(lock_fd, &st) == 0 && st.st_nlink > 0)
			return take_fd(&lock_fd);
	}
}

static void remove_name(int folder_fd, const char *name)
{
	_cleanup_free_ char *socket = xasprintf("%s" SOCKET, name);
	_cleanup_free_ char *lock = xasprintf("%s" LOCK, name);

	(void)unlinkat(folder_fd, socket, 0);
	(void)unlinkat(folder_fd, lock, 0);
}

/* Servers of other builds that were killed. */
static void sweep(const struct resident_place *place)
{
	int list_fd = openat(place->folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fdopendir(list_fd);
	const struct dirent *entry;

	if (!dir)
		close_fd(&list_fd);
	while (dir && (entry = readdir(dir))) { /* NOLINT(concurrency-mt-unsafe) */
		const size_t len = strlen(place->name);
		_cleanup_free_ char *name = NULL;
		_cleanup_close_ int lock_fd = -1;

		if (strlen(entry->d_name) != len + strlen(LOCK) ||
		    strcmp(entry->d_name + len, LOCK) != 0 ||
		    strncmp(entry->d_name, place->name, len) == 0)
			continue;
		name = xstrndup(entry->d_name, len);
		lock_fd = lock_name(place->folder_fd, entry->d_name);
		if (lock_fd >= 0)
			remove_name(place->folder_fd, name);
	}
	if (dir)
		(void)closedir(dir);
}

int resident_listen(const struct resident_place *place, int *ret_lock_fd, struct error *err)
{
	const struct sockaddr_un address = address_of(place);
	_cleanup_free_ char *lock = xasprintf("%s" LOCK, place->name);
	_cleanup_free_ char *name = xasprintf("%s" SOCKET, place->name);
	_cleanup_close_ int lock_fd = lock_name(place->folder_fd, lock);
	_cleanup_close_ int socket_fd = -1;

	if (lock_fd == -EEXIST)
		return error_set(err, EEXIST,
				 "a resident supervisor of this build is running "
				 "already; `cordon serve --status` tells of it");
	if (lock_fd < 0)
		return error_errno(err, lock_fd, "lock the resident supervisor's place");
	sweep(place);
	/* Left by one that was killed: the lock is ours, so nobody listens there. */
	(void)unlinkat(place->folder_fd, name, 0);
	socket_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (socket_fd < 0 ||
	    bind(socket_fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(socket_fd, BACKLOG) < 0)
		return error_errno(err, errno, "make the resident supervisor's socket");
	*ret_lock_fd = take_fd(&lock_fd);
	return take_fd(&socket_fd);
}

void resident_unlisten(const struct resident_place *place)
{
	remove_name(place->folder_fd, place->name);
}

static int inode_of(const char *path, uint64_t *ret)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return -errno;
	*ret = st.st_ino;
	return 0;
}

int resident_identity_get(struct resident_identity *ret)
{
	struct resident_identity identity = {0};
	enum trace_backend backend = TRACE_BACKEND_AUTO;
	struct error err;
	struct stat root;
	int r = stat("/", &root) < 0 ? -errno : 0;

	identity.root_dev = root.st_dev;
	identity.root_inode = root.st_ino;
	if (!r)
		r = inode_of("/proc/self/ns/mnt", &identity.mnt);
	if (!r)
		r = inode_of("/proc/self/ns/user", &identity.user);
	/* Where a launcher would live, which need not be where we do. */
	if (!r)
		r = inode_of("/proc/self/ns/pid_for_children", &identity.pid);
	if (!r)
		r = inode_of("/proc/self/ns/net", &identity.net);
	if (!r)
		r = trace_wanted_backend(&backend, &err);
	identity.backend = backend;
	*ret = identity;
	return r;
}
