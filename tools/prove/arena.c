/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/prove/arena.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "tools/prove/files.h"
#include "tools/prove/handed.h"

#define PATH_BYTES 512

static int write_file(const char *folder, const char *name, const char *text, mode_t mode)
{
	char path[PATH_BYTES];
	_cleanup_close_ int file_fd = -1;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	file_fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (file_fd < 0 || write(file_fd, text, strlen(text)) != (ssize_t)strlen(text) ||
	    fchmod(file_fd, mode) < 0)
		return -errno;
	return 0;
}

/* Into the arena's bin, from the folder that holds the runner. */
static int copy_program(const struct outside *o, const char *from, const char *name)
{
	char path[PATH_BYTES];
	_cleanup_close_ int from_fd = open(from, O_RDONLY | O_CLOEXEC);
	_cleanup_close_ int to_fd = -1;
	ssize_t n = -1;

	(void)snprintf(path, sizeof(path), "%s/%s", o->arena.bin, name);
	to_fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
	while (from_fd >= 0 && to_fd >= 0 && (n = sendfile(to_fd, from_fd, NULL, 1u << 24)) > 0)
		;
	return n < 0 || fchmod(to_fd, 0755) < 0 ? -errno : 0;
}

static int copy_programs(const struct outside *o, const char *program)
{
	static const char *const names[] = {"forbidden", "forbiddem"};
	int r = copy_program(o, program, "escape");

	for (size_t i = 0; !r && i < 2; i++) {
		_cleanup_free_ char *from = xasprintf("%s-%s", program, names[i]);

		r = copy_program(o, from, names[i]);
	}
	return r;
}

/* A loss is only logged: after one the default refuses all, and it could not be told by whom. */
static const char policy[] =
	"{\"policy\":\"escape\",\"version\":1,\"on_loss\":\"log\",\"rules\":["
	"{\"id\":\"escape.forbidden\","
	"\"category\":\"test\",\"severity\":\"low\",\"on\":[\"exec\"],"
	"\"when\":\"action.name == 'forbidden' || action.interpreter.endsWith('/forbidden') || "
	"action.provenance == 'memfd' || "
	"action.provenance == 'session' && action.interpreter == '' || "
	"command(action.argv) == 'forbidden' || action.argv.exists(a, a == 'forbidden') || "
	"action.startup_env.exists(e, e.endsWith('=forbidden'))\","
	"\"verdict\":\"deny\",\"because\":\"The arena forbids it.\",\"refs\":[],"
	"\"match\":[{\"action\":{\"kind\":\"exec\",\"name\":\"forbidden\"}}],"
	"\"not_match\":[{\"action\":{\"kind\":\"exec\",\"name\":\"forbiddem\"}}]}]}";

int arena_fill(const struct outside *o, const char *program)
{
	const struct arena *a = &o->arena;
	char scratch[PATH_BYTES]; /* of controls: place.c */
	const char *const folders[] = {a->away, a->work, a->bound, a->bin, scratch};
	char path[PATH_BYTES];
	char target[PATH_BYTES];
	int r = 0;

	(void)snprintf(scratch, sizeof(scratch), "%s/tmp", a->dir);
	(void)snprintf(target, sizeof(target), "%s/secret", a->away);
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		if (mkdir(folders[i], 0755) < 0 || chmod(folders[i], 0777) < 0)
			return -errno;
	(void)snprintf(path, sizeof(path), "%s/state", a->dir);
	if (mkdir(path, 0755) < 0)
		return -errno;
	r = write_file(path, "here", "x", 0644);
	/* Everybody may read and write these: only the walls are in the way. */
	r = r ? r : write_file(a->away, "secret", o->secret, 0666);
	r = r ? r : write_file(a->away, "given", "standard input\n", 0666);
	r = r ? r : write_file(a->work, "kept", "kept\n", 0666);
	r = r ? r : write_file(a->bound, "file", "bound\n", 0666);
	r = r ? r : write_file(a->dir, "policy.json", policy, 0644);
	r = r ? r : write_file(a->dir, "files.json", files_policy, 0644);
	r = r ? r : write_file(a->dir, "handed.json", handed_policy, 0644);
	(void)snprintf(path, sizeof(path), "%s/out", a->work);
	r = r ? r : symlink(target, path) < 0 ? -errno : 0;
	(void)snprintf(path, sizeof(path), "%s/out", a->bound);
	r = r ? r : symlink("../away/secret", path) < 0 ? -errno : 0;
	return r ? r : copy_programs(o, program);
}

static int listen_inet(int type, int *port)
{
	struct sockaddr_in at = {.sin_family = AF_INET,
				 .sin_port = htons((uint16_t)*port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);
	const int server_fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (server_fd < 0 || bind(server_fd, (const struct sockaddr *)&at, sizeof(at)) < 0 ||
	    (type == SOCK_STREAM && listen(server_fd, 64) < 0) ||
	    getsockname(server_fd, (struct sockaddr *)&at, &len) < 0)
		return -errno;
	*port = ntohs(at.sin_port);
	return server_fd;
}

static int listen_unix(int type, const char *name, size_t len)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	const int server_fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	memcpy(at.sun_path, name, len);
	if (server_fd < 0 ||
	    bind(server_fd, (const struct sockaddr *)&at,
		 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) < 0 ||
	    (type == SOCK_STREAM && listen(server_fd, 4096) < 0))
		return -errno;
	return server_fd;
}

int arena_listen(struct outside *o)
{
	char name[sizeof(o->arena.abstract) + 1] = "";
	char path[PATH_BYTES];
	const char *const folders[] = {o->arena.away, o->arena.work, o->arena.bound};

	o->tcp_fd = listen_inet(SOCK_STREAM, &o->arena.port);
	o->udp_fd = listen_inet(SOCK_DGRAM, &o->arena.port);
	memcpy(name + 1, o->arena.abstract, strlen(o->arena.abstract));
	o->abstract_fd = listen_unix(SOCK_STREAM, name, strlen(o->arena.abstract) + 1);
	o->abstract_datagram_fd = listen_unix(SOCK_DGRAM, name, strlen(o->arena.abstract) + 1);
	for (size_t i = 0; i < 3; i++) {
		(void)snprintf(path, sizeof(path), "%s/sock", folders[i]);
		o->path_fds[i] = listen_unix(SOCK_STREAM, path, strlen(path) + 1);
		if (o->path_fds[i] < 0 || chmod(path, 0777) < 0)
			return -errno;
	}
	(void)snprintf(path, sizeof(path), "%s/datagrams", o->arena.bound);
	o->bound_datagram_fd = listen_unix(SOCK_DGRAM, path, strlen(path) + 1);
	if (o->bound_datagram_fd < 0 || chmod(path, 0777) < 0)
		return -errno;
	return o->tcp_fd < 0 || o->udp_fd < 0 || o->abstract_fd < 0 || o->abstract_datagram_fd < 0
		       ? -EADDRINUSE
		       : 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	(void)remove(path);
	return 0;
}

/* An overlay leaves folders that their owner, if it is an ordinary user, has no right to look into.
 */
static unsigned closed_folders;

static int unlock_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)at;
	if (type == FTW_DNR && chmod(path, 0700) == 0)
		closed_folders++;
	return 0;
}

void arena_remove(const char *dir)
{
	do {
		closed_folders = 0;
		(void)nftw(dir, unlock_one, 16, FTW_PHYS);
	} while (closed_folders);
	(void)nftw(dir, remove_one, 16, FTW_PHYS | FTW_DEPTH);
}
