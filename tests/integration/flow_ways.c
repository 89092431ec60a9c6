/* SPDX-License-Identifier: Apache-2.0 */
/* Ways that go by files, pipes, memory and queues; and the table of all. */
#include "tests/integration/flow_ways.h"

#include <fcntl.h>
#include <mqueue.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sendfile.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define QUEUE "/cordon-flow"

int way_fds[2];
static int queue;
static char *memory;

int way_nothing(void)
{
	return 0;
}

int way_put(int fd)
{
	return fd >= 0 && write(fd, "text", 4) == 4 ? 0 : 1;
}

int way_get(int fd)
{
	char text[4];

	return fd >= 0 && read(fd, text, 4) == 4 ? 0 : 1;
}

static int make_copy(void)
{
	const int fd = open("copy", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	return way_put(fd) || close(fd);
}

static int read_copy(void)
{
	return way_get(open("copy", O_RDONLY | O_CLOEXEC));
}

static int append(void)
{
	return way_put(open("copy", O_WRONLY | O_APPEND | O_CLOEXEC));
}

static int link_copy(void)
{
	return make_copy() || link("copy", "second");
}

static int read_second(void)
{
	return way_get(open("second", O_RDONLY | O_CLOEXEC));
}

static int move_copy(void)
{
	return make_copy() || rename("copy", "second");
}

static int read_anew(void)
{
	return unlink("copy") || make_copy() || read_copy();
}

static int hold_for_writing(void)
{
	way_fds[0] = open("copy", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	return way_fds[0] < 0;
}

static int put_first(void)
{
	return way_put(way_fds[0]);
}

static int put_second(void)
{
	return way_put(way_fds[1]);
}

static int get_first(void)
{
	return way_get(way_fds[0]);
}

static int get_second(void)
{
	return way_get(way_fds[1]);
}

static int hold_for_reading(void)
{
	way_fds[1] = -1;
	if (make_copy())
		return 1;
	way_fds[0] = open("copy", O_RDONLY | O_CLOEXEC);
	return way_fds[0] < 0;
}

static int map_held(void)
{
	const char *map = mmap(NULL, 4, PROT_READ, MAP_PRIVATE, way_fds[0], 0);

	return map != MAP_FAILED && map[0] == 't' ? 0 : 1;
}

static int splice_held(void)
{
	int own[2];

	return pipe2(own, O_CLOEXEC) == 0 && splice(way_fds[0], NULL, own[1], NULL, 4, 0) == 4 ? 0
											       : 1;
}

static int send_held(void)
{
	const int to = open("of-reader", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	return sendfile(to, way_fds[0], NULL, 4) == 4 ? 0 : 1;
}

static int range_held(void)
{
	const int to = open("of-reader", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	return copy_file_range(way_fds[0], NULL, to, NULL, 4, 0) == 4 ? 0 : 1;
}

static int send_secret(void)
{
	const int from = open("secret", O_RDONLY | O_CLOEXEC);
	const int to = open("copy", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	return sendfile(to, from, NULL, 4) == 4 ? 0 : 1;
}

static int make_pipe(void)
{
	return pipe2(way_fds, O_CLOEXEC);
}

static int make_fifo(void)
{
	(void)unlink("fifo");
	if (mkfifo("fifo", 0600))
		return 1;
	way_fds[0] = open("fifo", O_RDWR | O_CLOEXEC); /* so that it keeps what is in it */
	return way_fds[0] < 0;
}

static int put_fifo(void)
{
	return close(way_fds[0]) || way_put(open("fifo", O_WRONLY | O_NONBLOCK | O_CLOEXEC));
}

static int get_fifo(void)
{
	const int fd = open("fifo", O_RDONLY | O_CLOEXEC);

	return close(way_fds[0]) || way_get(fd);
}

static int make_pair(void)
{
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, way_fds);
}

static int make_memfd(void)
{
	way_fds[0] = memfd_create("held", MFD_CLOEXEC);
	return way_fds[0] < 0;
}

static int pread_first(void)
{
	char text[4];

	return pread(way_fds[0], text, 4, 0) == 4 ? 0 : 1;
}

static int map_anonymous(void)
{
	memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return memory == MAP_FAILED;
}

static int map_memfd(void)
{
	if (make_memfd() || ftruncate(way_fds[0], 4096) < 0)
		return 1;
	memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, way_fds[0], 0);
	return memory == MAP_FAILED || close(way_fds[0]);
}

static int set_memory(void)
{
	memcpy(memory, "text", 4); /* NOLINT(bugprone-not-null-terminated-result): no string */
	return 0;
}

static int see_memory(void)
{
	return memcmp(memory, "text", 4) != 0;
}

/* Only for reading; what it is mapped from is written by a call. */
static int map_file(void)
{
	int fd;

	if (make_copy())
		return 1;
	fd = open("copy", O_RDONLY | O_CLOEXEC);
	memory = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	return memory == MAP_FAILED || close(fd);
}

static int make_shm(void)
{
	const int id = shmget(IPC_PRIVATE, 4096, 0600);

	memory = shmat(id, NULL, 0);
	/* NOLINTNEXTLINE(performance-no-int-to-ptr): as it says that it failed */
	return shmctl(id, IPC_RMID, NULL) || memory == (void *)-1;
}

static int make_queue(void)
{
	queue = msgget(IPC_PRIVATE, 0600);
	return queue < 0;
}

struct message {
	long type;
	char text[4];
};

static int send_message(void)
{
	const struct message m = {1, "tex"};

	return msgsnd(queue, &m, sizeof(m.text), 0);
}

static int get_message(void)
{
	struct message m;

	return msgrcv(queue, &m, sizeof(m.text), 0, 0) != sizeof(m.text) ||
	       msgctl(queue, IPC_RMID, NULL);
}

static int make_mq(void)
{
	struct mq_attr attributes = {.mq_maxmsg = 1, .mq_msgsize = 4};

	(void)mq_unlink(QUEUE);
	way_fds[0] = mq_open(QUEUE, O_RDWR | O_CREAT, 0600, &attributes);
	return way_fds[0] < 0 || mq_unlink(QUEUE);
}

static int send_mq(void)
{
	return mq_send(way_fds[0], "text", 4, 0);
}

static int get_mq(void)
{
	char text[4];

	return mq_receive(way_fds[0], text, 4, NULL) != 4;
}

static int make_terminal(void)
{
	way_fds[0] = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (way_fds[0] < 0 || grantpt(way_fds[0]) || unlockpt(way_fds[0]))
		return 1;
	way_fds[1] = open(ptsname(way_fds[0]), O_RDWR | O_NOCTTY | O_CLOEXEC);
	return way_fds[1] < 0;
}

/* Its arguments are its own memory. Who looks at them is a child, which cannot be told from others.
 */
static int see_arguments(void)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)getppid());
	return way_get(open(path, O_RDONLY | O_CLOEXEC));
}

static int set_memory_of_parent(void)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/mem", (int)getppid());
	return pwrite(open(path, O_RDWR | O_CLOEXEC), "text", 4, (off_t)(uintptr_t)memory) != 4;
}

static int see_memory_of_parent(void)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/mem", (int)getppid());
	return pread(open(path, O_RDONLY | O_CLOEXEC), path, 4, (off_t)(uintptr_t)memory) != 4;
}

static int take_memory(void)
{
	memory = calloc(1, 4);
	return memory == NULL;
}

static int run_chain(void)
{
	return system("cat secret | base64 > copy") != 0; /* NOLINT(cert-env33-c) */
}

static int run_cat(void)
{
	return system("cat copy > of-reader") != 0 || /* NOLINT(cert-env33-c) */
	       way_get(open("of-reader", O_RDONLY | O_CLOEXEC));
}

#define STEPS(n, p, w, r) .name = n, .prepare = p, .write = w, .read = r
const struct way ways[] = {
	{STEPS("a file", way_nothing, make_copy, read_copy)},
	{STEPS("a file that was there", make_copy, append, read_copy)},
	{STEPS("a hard link", way_nothing, link_copy, read_second)},
	{STEPS("a file with a new name", way_nothing, move_copy, read_second)},
	{STEPS("a file in the place of one", way_nothing, make_copy, read_anew), .is_none = true},
	{STEPS("a file opened before", way_nothing, put_first, read_copy),
	 .before = hold_for_writing},
	{STEPS("read by who held it", hold_for_reading, make_copy, get_first)},
	{STEPS("mapped by who held it", hold_for_reading, make_copy, map_held)},
	{STEPS("spliced by who held it", hold_for_reading, make_copy, splice_held)},
	{STEPS("sent by who held it", hold_for_reading, make_copy, send_held)},
	{STEPS("copied by who held it", hold_for_reading, make_copy, range_held)},
	{STEPS("sendfile", way_nothing, send_secret, read_copy)},
	{STEPS("a pipe", make_pipe, put_second, get_first)},
	{STEPS("the same pipe, unread", make_pipe, put_second, way_nothing), .is_none = true},
	{STEPS("a FIFO", make_fifo, put_fifo, get_fifo)},
	{STEPS("a pair of sockets", make_pair, put_first, get_second)},
	{STEPS("the wrong end of a pair", make_pair, put_first, put_second), .is_none = true},
	{STEPS("a UNIX socket", hear_unix, speak_unix, take_one)},
	{STEPS("a UNIX socket's server", connect_first, serve, get_second)},
	{STEPS("datagrams", hear_datagrams, speak_datagrams, get_first)},
	{STEPS("TCP", hear_tcp, speak_tcp, take_one)},
	{STEPS("TCP on IPv6", hear_tcp6, speak_tcp6, take_one)},
	{STEPS("UDP", hear_udp, speak_udp, get_first)},
	{STEPS("a descriptor passed on", make_pair, pass_on, get_passed)},
	{STEPS("a memfd", make_memfd, put_first, pread_first)},
	{STEPS("shared memory", map_anonymous, set_memory, see_memory), .is_of_all = true},
	{STEPS("a mapped memfd", map_memfd, set_memory, see_memory), .is_of_all = true},
	{STEPS("a mapped file", map_file, append, see_memory), .is_of_all = true},
	{STEPS("System V memory", make_shm, set_memory, see_memory), .is_of_all = true},
	{STEPS("a message queue", make_queue, send_message, get_message)},
	{STEPS("a POSIX message queue", make_mq, send_mq, get_mq)},
	{STEPS("a terminal", make_terminal, put_second, get_first)},
	{STEPS("arguments of a process", way_nothing, way_nothing, see_arguments)},
	{STEPS("memory of another", take_memory, way_nothing, see_memory_of_parent)},
	{STEPS("into memory of another", take_memory, set_memory_of_parent, way_nothing),
	 .is_of_all = true},
	{STEPS("a chain of programs", way_nothing, run_chain, run_cat)},
};

const size_t way_count = sizeof(ways) / sizeof(ways[0]);
