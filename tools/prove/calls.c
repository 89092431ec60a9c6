/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/prove/calls.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#define HIGHEST_PID 4096   /* a call's own pid namespace starts at 1 */
#define PASS	    "pass" /* a socket in the workspace: whoever connects is given a descriptor */
#define ABSTRACT    "\0cordon-bystander"
#define MARK	    "/tmp/cordon-bystander"

static socklen_t address_of(const char *name, size_t len, struct sockaddr_un *ret)
{
	*ret = (struct sockaddr_un){.sun_family = AF_UNIX};
	memcpy(ret->sun_path, name, len);
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
}

static int listen_at(const char *name, size_t len)
{
	struct sockaddr_un at;
	const socklen_t size = address_of(name, len, &at);
	const int server_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)bind(server_fd, (const struct sockaddr *)&at, size);
	(void)listen(server_fd, 8);
	return server_fd;
}

static int connect_to(const char *name, size_t len, int type)
{
	struct sockaddr_un to;
	const socklen_t size = address_of(name, len, &to);
	const int socket_fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	if (connect(socket_fd, (const struct sockaddr *)&to, size) == 0)
		return socket_fd;
	(void)close(socket_fd);
	return -1;
}

/* Sends or takes one descriptor with one byte. */
static void pass(int socket_fd, int passed_fd)
{
	char byte = 'x';
	struct iovec part = {&byte, 1};
	_Alignas(struct cmsghdr) char space[CMSG_SPACE(sizeof(int))] = {0};
	struct msghdr m = {.msg_iov = &part,
			   .msg_iovlen = 1,
			   .msg_control = space,
			   .msg_controllen = sizeof(space)};
	struct cmsghdr *head = CMSG_FIRSTHDR(&m);

	*head = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)),
				 .cmsg_level = SOL_SOCKET,
				 .cmsg_type = SCM_RIGHTS};
	memcpy(CMSG_DATA(head), &passed_fd, sizeof(int));
	(void)sendmsg(socket_fd, &m, MSG_NOSIGNAL);
}

static int take(int socket_fd)
{
	char byte;
	struct iovec part = {&byte, 1};
	_Alignas(struct cmsghdr) char space[CMSG_SPACE(sizeof(int))];
	struct msghdr m = {.msg_iov = &part,
			   .msg_iovlen = 1,
			   .msg_control = space,
			   .msg_controllen = sizeof(space)};
	const struct cmsghdr *head;
	int taken_fd = -1;

	if (recvmsg(socket_fd, &m, MSG_CMSG_CLOEXEC) == 1 && (head = CMSG_FIRSTHDR(&m)))
		memcpy(&taken_fd, CMSG_DATA(head), sizeof(int));
	return taken_fd;
}

int bystander_main(void)
{
	const int pass_fd = listen_at(PASS, sizeof(PASS));
	const int own_fd = (int)syscall(SYS_pidfd_open, getpid(), 0);
	struct pollfd ends[2] = {
		{.fd = listen_at(ABSTRACT, sizeof(ABSTRACT) - 1), .events = POLLIN},
		{.fd = pass_fd, .events = POLLIN}};
	const int ready_fd = open(READY, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	(void)close(ready_fd);
	(void)!write(STDOUT_FILENO, STANDING "\n", strlen(STANDING "\n"));
	while (access(MARK, F_OK) < 0) {
		if (poll(ends, 2, 50) <= 0)
			continue;
		if (ends[0].revents & POLLIN)
			return 0;
		if (ends[1].revents & POLLIN) {
			const int peer_fd = accept4(pass_fd, NULL, NULL, SOCK_CLOEXEC);

			pass(peer_fd, own_fd);
			(void)close(peer_fd);
		}
	}
	return 0;
}

static void look(void)
{
	for (int pid = 1; pid < HIGHEST_PID; pid++) {
		char path[64];
		char line[512];
		ssize_t n;

		if (pid == getpid())
			continue;
		(void)snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
		const int line_fd = open(path, O_RDONLY | O_CLOEXEC);

		n = line_fd < 0 ? -1 : read(line_fd, line, sizeof(line));
		for (ssize_t i = 0; i < n; i++)
			if (!line[i])
				line[i] = ' ';
		if (n > 0)
			(void)!write(STDOUT_FILENO, line, (size_t)n);
		(void)close(line_fd);
	}
}

static void kill_each(void)
{
	for (int pid = 1; pid < HIGHEST_PID; pid++)
		if (pid != getpid())
			(void)kill(pid, SIGKILL);
}

static void kill_by_passed_pidfd(void)
{
	const int taken_fd = take(connect_to(PASS, sizeof(PASS), SOCK_STREAM));

	if (taken_fd >= 0)
		(void)!write(STDOUT_FILENO, TAKEN "\n", strlen(TAKEN "\n"));
	(void)syscall(SYS_pidfd_send_signal, taken_fd, SIGKILL, NULL, 0);
}

static void reach_each(const char *folder)
{
	DIR *dir = opendir(folder);
	const struct dirent *entry;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];

	while (dir && (entry = readdir(dir))) { /* NOLINT(concurrency-mt-unsafe) */
		const int len = snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);

		if (len < (int)sizeof(path) &&
		    connect_to(path, (size_t)len + 1, SOCK_SEQPACKET) >= 0)
			(void)!write(STDOUT_FILENO, REACHED "\n", strlen(REACHED "\n"));
	}
	if (dir)
		(void)closedir(dir);
}

int attack_main(const char *kind, const char *folder)
{
	(void)!write(STDOUT_FILENO, ATTACKED "\n", strlen(ATTACKED "\n"));
	if (strcmp(kind, ATTACK_ALL) == 0)
		(void)kill(-1, SIGKILL);
	else if (strcmp(kind, ATTACK_EACH) == 0)
		kill_each();
	else if (strcmp(kind, ATTACK_LOOK) == 0)
		look();
	else if (strcmp(kind, ATTACK_PIDFD) == 0)
		kill_by_passed_pidfd();
	else if (strcmp(kind, ATTACK_ABSTRACT) == 0)
		(void)connect_to(ABSTRACT, sizeof(ABSTRACT) - 1, SOCK_STREAM);
	else if (strcmp(kind, ATTACK_FILE) == 0)
		(void)close(open(MARK, O_WRONLY | O_CREAT | O_CLOEXEC, 0666));
	else if (strcmp(kind, ATTACK_SERVER) == 0 && folder)
		reach_each(folder);
	return 0;
}
