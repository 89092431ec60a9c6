/* SPDX-License-Identifier: Apache-2.0 */
/* What has a number for a name: System V's segments and queues, POSIX queues, terminals. */
#include <mqueue.h>
#include <stdint.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/shm.h>

#include "tools/prove/objects.h"
#include "tools/prove/probes/attempt.h"

#define BYTES 40

static int print_bytes(const char *text)
{
	return printf("%.*s\n", BYTES, text) < 0 ? EIO : 0;
}

static int read_segment(const struct arena *a)
{
	const int id = shmget(objects_key(a), 0, 0);
	const char *memory = id < 0 ? NULL : shmat(id, NULL, SHM_RDONLY);

	return id < 0 || (intptr_t)memory == -1 ? errno : print_bytes(memory);
}

static int read_queue(const struct arena *a)
{
	struct {
		long type;
		char text[BYTES];
	} message;

	const int id = msgget(objects_key(a), 0);

	if (id < 0 || msgrcv(id, &message, sizeof(message.text), 0, IPC_NOWAIT) < 0)
		return errno;
	return print_bytes(message.text);
}

static int read_posix_queue(const struct arena *a)
{
	char name[32];
	char text[BYTES];
	mqd_t queue;

	objects_queue_name(a, name);
	queue = mq_open(name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (queue < 0 || mq_receive(queue, text, sizeof(text), NULL) < 0)
		return errno;
	return print_bytes(text);
}

static int own_segment(const struct arena *a)
{
	const int id = shmget(IPC_PRIVATE, 4096, 0600);

	(void)a;
	return id < 0 ? errno : outcome(shmctl(id, IPC_RMID, NULL));
}

static int terminal_path(const struct arena *a, char ret[PATH_BYTES])
{
	char name[PATH_BYTES];
	int name_fd;
	ssize_t n;

	name_fd = open(joined(name, a->bound, OBJECTS_TERMINAL), O_RDONLY | O_CLOEXEC);
	n = name_fd < 0 ? -1 : read(name_fd, ret, PATH_BYTES - 1);
	ret[n > 0 ? n : 0] = '\0';
	return n > 0 ? 0 : ATTEMPT_BROKEN;
}

static int write_terminal(const struct arena *a)
{
	char path[PATH_BYTES];
	int terminal_fd;
	int r = terminal_path(a, path);

	if (r)
		return r;
	terminal_fd = open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC);
	if (terminal_fd < 0)
		return errno;
	r = outcome(write(terminal_fd, "x", 1));
	(void)close(terminal_fd);
	return r;
}

static int own_terminal(const struct arena *a)
{
	(void)a;
	return closed(open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC));
}

#define IPC_ROW(_id, _attempt)                                                  \
	ROW("view." _id, "25", "ipc namespace", _attempt, .twin = own_segment,  \
	    .effect = EFFECT_LEAK, .expect = {ENOENT}, .control = CONTROL_HOST, \
	    .flags = ROW_OBJECTS)

const struct row object_rows[] = {
	IPC_ROW("segment", read_segment),
	IPC_ROW("queue", read_queue),
	IPC_ROW("posix-queue", read_posix_queue),
	ROW("write.terminal", "30", "devpts of its own", write_terminal, .twin = own_terminal,
	    .effect = EFFECT_REACHED, .expect = {ENOENT, EIO}, .control = CONTROL_HOST,
	    .flags = ROW_OBJECTS),
	{0},
};
