/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/prove/objects.h"

#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"

#define BYTES 4096

int objects_key(const struct arena *arena)
{
	return 0x63720000 + arena->port;
}

void objects_queue_name(const struct arena *arena, char ret[32])
{
	(void)snprintf(ret, 32, "/cordon-prove-%d", arena->port);
}

static int make_segment(struct outside *o)
{
	const int id = shmget(objects_key(&o->arena), BYTES, IPC_CREAT | IPC_EXCL | 0666);
	char *memory = id < 0 ? NULL : shmat(id, NULL, 0);

	o->segment = id;
	if (id < 0 || (intptr_t)memory == -1)
		return -errno;
	(void)snprintf(memory, BYTES, "%s", o->secret);
	return shmdt(memory) < 0 ? -errno : 0;
}

static int make_queues(struct outside *o)
{
	struct {
		long type;
		char text[sizeof(o->secret)];
	} message = {.type = 1};
	struct mq_attr size = {.mq_maxmsg = 4, .mq_msgsize = sizeof(message.text)};
	char name[32];
	mqd_t queue;

	memcpy(message.text, o->secret, sizeof(message.text));
	o->queue = msgget(objects_key(&o->arena), IPC_CREAT | IPC_EXCL | 0666);
	if (o->queue < 0)
		return -errno;
	objects_queue_name(&o->arena, name);
	queue = mq_open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666, &size);
	o->has_posix_queue = queue >= 0;
	/* One for each phase of a control. */
	for (int i = 0; i < 2; i++)
		if (queue < 0 || msgsnd(o->queue, &message, sizeof(message.text), 0) < 0 ||
		    mq_send(queue, message.text, sizeof(message.text), 0) < 0)
			return -errno;
	return mq_close(queue) < 0 ? -errno : 0;
}

static int make_terminal(struct outside *o)
{
	_cleanup_close_ int name_fd = -1;
	char path[160];
	char name[64];

	o->terminal_fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (o->terminal_fd < 0 || unlockpt(o->terminal_fd) < 0 ||
	    ptsname_r(o->terminal_fd, name, sizeof(name)) != 0 || chmod(name, 0666) < 0)
		return -errno;
	o->terminal_peer_fd = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	(void)snprintf(path, sizeof(path), "%s/" OBJECTS_TERMINAL, o->arena.bound);
	name_fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	return name_fd < 0 || o->terminal_peer_fd < 0 || write(name_fd, name, strlen(name)) < 0 ||
			       fchmod(name_fd, 0644) < 0
		       ? -errno
		       : 0;
}

int objects_make(struct outside *o)
{
	int r = make_segment(o);

	r = r ? r : make_queues(o);
	return r ? r : make_terminal(o);
}

bool objects_terminal_was_reached(const struct outside *o)
{
	struct pollfd p = {.fd = o->terminal_fd, .events = POLLIN};

	return o->terminal_fd >= 0 && poll(&p, 1, 0) == 1 && (p.revents & POLLIN);
}

void objects_remove(struct outside *o)
{
	char name[32];

	if (o->segment >= 0)
		(void)shmctl(o->segment, IPC_RMID, NULL);
	if (o->queue >= 0)
		(void)msgctl(o->queue, IPC_RMID, NULL);
	objects_queue_name(&o->arena, name);
	if (o->has_posix_queue)
		(void)mq_unlink(name);
	close_fd(&o->terminal_fd);
	close_fd(&o->terminal_peer_fd);
}
