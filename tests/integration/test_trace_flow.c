/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How labels go from who read a file to who reads what that one wrote (monitor/bpf/flows.h), and to
 * nobody else. Needs root.
 */
#include "tests/support/test.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <mqueue.h>
#include <netinet/in.h>
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
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/traced.h"

#define SECRET 8u
#define QUEUE  "/cordon-flow"

static char dir[] = "/tmp/cordon-flow-XXXXXX";
static struct traced t;

/* What a case prepared, before anybody forked: all inherit it, nobody but the two use it. */
static int fds[2], queue;
static uint16_t port;
static char *memory;

/* A way from one process to another; each step returns 0. */
struct way {
	const char *name;
	int (*prepare)(void);
	int (*write)(void); /* by who has read the secret */
	int (*read)(void);
	bool is_of_all;	     /* every process of the session gets it */
	bool is_none;	     /* nothing goes on by it */
	int (*before)(void); /* by the writer, before it reads the secret */
};

/* ---- steps ---- */

static int nothing(void)
{
	return 0;
}

static int put(int fd)
{
	return fd >= 0 && write(fd, "text", 4) == 4 ? 0 : 1;
}

static int get(int fd)
{
	char text[4];

	return fd >= 0 && read(fd, text, 4) == 4 ? 0 : 1;
}

static int make_copy(void)
{
	const int fd = open("copy", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	return put(fd) || close(fd);
}

static int read_copy(void)
{
	return get(open("copy", O_RDONLY | O_CLOEXEC));
}

static int append(void)
{
	return put(open("copy", O_WRONLY | O_APPEND | O_CLOEXEC));
}

static int link_copy(void)
{
	return make_copy() || link("copy", "second");
}

static int read_second(void)
{
	return get(open("second", O_RDONLY | O_CLOEXEC));
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
	fds[0] = open("copy", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	return fds[0] < 0;
}

static int put_first(void)
{
	return put(fds[0]);
}

static int put_second(void)
{
	return put(fds[1]);
}

static int get_first(void)
{
	return get(fds[0]);
}

static int get_second(void)
{
	return get(fds[1]);
}

static int hold_for_reading(void)
{
	fds[1] = -1;
	if (make_copy())
		return 1;
	fds[0] = open("copy", O_RDONLY | O_CLOEXEC);
	return fds[0] < 0;
}

static int map_held(void)
{
	const char *map = mmap(NULL, 4, PROT_READ, MAP_PRIVATE, fds[0], 0);

	return map != MAP_FAILED && map[0] == 't' ? 0 : 1;
}

static int splice_held(void)
{
	int own[2];

	return pipe2(own, O_CLOEXEC) == 0 && splice(fds[0], NULL, own[1], NULL, 4, 0) == 4 ? 0 : 1;
}

static int send_held(void)
{
	const int to = open("of-reader", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	return sendfile(to, fds[0], NULL, 4) == 4 ? 0 : 1;
}

static int range_held(void)
{
	const int to = open("of-reader", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	return copy_file_range(fds[0], NULL, to, NULL, 4, 0) == 4 ? 0 : 1;
}

static int send_secret(void)
{
	const int from = open("secret", O_RDONLY | O_CLOEXEC);
	const int to = open("copy", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	return sendfile(to, from, NULL, 4) == 4 ? 0 : 1;
}

static int make_pipe(void)
{
	return pipe2(fds, O_CLOEXEC);
}

static int make_fifo(void)
{
	(void)unlink("fifo");
	if (mkfifo("fifo", 0600))
		return 1;
	fds[0] = open("fifo", O_RDWR | O_CLOEXEC); /* so that it keeps what is in it */
	return fds[0] < 0;
}

static int put_fifo(void)
{
	return close(fds[0]) || put(open("fifo", O_WRONLY | O_NONBLOCK | O_CLOEXEC));
}

static int get_fifo(void)
{
	const int fd = open("fifo", O_RDONLY | O_CLOEXEC);

	return close(fds[0]) || get(fd);
}

static int make_pair(void)
{
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds);
}

static const struct sockaddr *local(int family, socklen_t *len)
{
	static struct sockaddr_un path;
	static struct sockaddr_in v4;
	static struct sockaddr_in6 v6;

	path = (struct sockaddr_un){.sun_family = AF_UNIX, .sun_path = "socket"};
	v4 = (struct sockaddr_in){.sin_family = AF_INET,
				  .sin_port = htons(port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	v6 = (struct sockaddr_in6){.sin6_family = AF_INET6,
				   .sin6_port = htons(port),
				   .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	*len = family == AF_UNIX ? sizeof(path) : family == AF_INET ? sizeof(v4) : sizeof(v6);
	return family == AF_UNIX   ? (const void *)&path
	       : family == AF_INET ? (const void *)&v4
				   : (const void *)&v6;
}

/* A socket that hears, of which the port is kept. */
static int hear(int family, int type)
{
	struct sockaddr_in6 got = {0};
	socklen_t len, got_len = sizeof(got);
	const struct sockaddr *address;

	port = 0;
	(void)unlink("socket");
	address = local(family, &len);
	fds[0] = socket(family, type | SOCK_CLOEXEC, 0);
	if (fds[0] < 0 || bind(fds[0], address, len) < 0 ||
	    (type == SOCK_STREAM && listen(fds[0], 1) < 0) ||
	    getsockname(fds[0], (struct sockaddr *)&got, &got_len) < 0)
		return 1;
	port = family == AF_UNIX ? 0 : ntohs(got.sin6_port); /* where that of IPv4 is, too */
	return 0;
}

static int speak(int family, int type)
{
	socklen_t len;
	const struct sockaddr *address = local(family, &len);
	const int fd = socket(family, type | SOCK_CLOEXEC, 0);

	return fd < 0 || connect(fd, address, len) < 0 || put(fd);
}

static int hear_unix(void)
{
	return hear(AF_UNIX, SOCK_STREAM);
}

static int speak_unix(void)
{
	return speak(AF_UNIX, SOCK_STREAM);
}

static int hear_tcp(void)
{
	return hear(AF_INET, SOCK_STREAM);
}

static int speak_tcp(void)
{
	return speak(AF_INET, SOCK_STREAM);
}

static int hear_tcp6(void)
{
	return hear(AF_INET6, SOCK_STREAM);
}

static int speak_tcp6(void)
{
	return speak(AF_INET6, SOCK_STREAM);
}

static int hear_udp(void)
{
	return hear(AF_INET, SOCK_DGRAM);
}

static int speak_udp(void)
{
	return speak(AF_INET, SOCK_DGRAM);
}

static int hear_datagrams(void)
{
	return hear(AF_UNIX, SOCK_DGRAM);
}

static int speak_datagrams(void)
{
	return speak(AF_UNIX, SOCK_DGRAM);
}

static int take_one(void)
{
	return get(accept4(fds[0], NULL, NULL, SOCK_CLOEXEC));
}

/* The writer serves, the reader is who connected. */
static int connect_first(void)
{
	socklen_t len;
	const struct sockaddr *address;

	if (hear(AF_UNIX, SOCK_STREAM))
		return 1;
	address = local(AF_UNIX, &len);
	fds[1] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return connect(fds[1], address, len);
}

static int serve(void)
{
	return put(accept4(fds[0], NULL, NULL, SOCK_CLOEXEC));
}

union rights {
	struct cmsghdr head;
	char bytes[CMSG_SPACE(sizeof(int))];
};

static int pass_on(void)
{
	union rights control = {.head = {.cmsg_len = CMSG_LEN(sizeof(int)),
					 .cmsg_level = SOL_SOCKET,
					 .cmsg_type = SCM_RIGHTS}};
	struct iovec byte = {.iov_base = (char[]){'x'}, .iov_len = 1};
	const struct msghdr m = {.msg_iov = &byte,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control)};
	const int fd = memfd_create("passed", MFD_CLOEXEC);

	if (put(fd))
		return 1;
	memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
	return sendmsg(fds[0], &m, 0) == 1 ? 0 : 1;
}

static int get_passed(void)
{
	union rights control;
	char got;
	struct iovec byte = {.iov_base = &got, .iov_len = 1};
	struct msghdr m = {.msg_iov = &byte,
			   .msg_iovlen = 1,
			   .msg_control = &control,
			   .msg_controllen = sizeof(control)};
	char text[4];
	int fd;

	if (recvmsg(fds[1], &m, 0) != 1)
		return 1;
	memcpy(&fd, CMSG_DATA(&control.head), sizeof(fd));
	return pread(fd, text, 4, 0) == 4 ? 0 : 1;
}

static int make_memfd(void)
{
	fds[0] = memfd_create("held", MFD_CLOEXEC);
	return fds[0] < 0;
}

static int pread_first(void)
{
	char text[4];

	return pread(fds[0], text, 4, 0) == 4 ? 0 : 1;
}

static int map_anonymous(void)
{
	memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return memory == MAP_FAILED;
}

static int map_memfd(void)
{
	if (make_memfd() || ftruncate(fds[0], 4096) < 0)
		return 1;
	memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fds[0], 0);
	return memory == MAP_FAILED || close(fds[0]);
}

static int set_memory(void)
{
	memcpy(memory, "text", 4);
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
	fds[0] = mq_open(QUEUE, O_RDWR | O_CREAT, 0600, &attributes);
	return fds[0] < 0 || mq_unlink(QUEUE);
}

static int send_mq(void)
{
	return mq_send(fds[0], "text", 4, 0);
}

static int get_mq(void)
{
	char text[4];

	return mq_receive(fds[0], text, 4, NULL) != 4;
}

static int make_terminal(void)
{
	fds[0] = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (fds[0] < 0 || grantpt(fds[0]) || unlockpt(fds[0]))
		return 1;
	fds[1] = open(ptsname(fds[0]), O_RDWR | O_NOCTTY | O_CLOEXEC);
	return fds[1] < 0;
}

/* Its arguments are its own memory. Who looks at them is a child, which cannot be told from others.
 */
static int see_arguments(void)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)getppid());
	return get(open(path, O_RDONLY | O_CLOEXEC));
}

static int run_chain(void)
{
	return system("cat secret | base64 > copy") != 0; /* NOLINT(cert-env33-c) */
}

static int run_cat(void)
{
	return system("cat copy > of-reader") != 0 || /* NOLINT(cert-env33-c) */
	       get(open("of-reader", O_RDONLY | O_CLOEXEC));
}

#define STEPS(n, p, w, r) .name = n, .prepare = p, .write = w, .read = r
static const struct way ways[] = {
	{STEPS("a file", nothing, make_copy, read_copy)},
	{STEPS("a file that was there", make_copy, append, read_copy)},
	{STEPS("a hard link", nothing, link_copy, read_second)},
	{STEPS("a file with a new name", nothing, move_copy, read_second)},
	{STEPS("a file in the place of one", nothing, make_copy, read_anew), .is_none = true},
	{STEPS("a file opened before", nothing, put_first, read_copy), .before = hold_for_writing},
	{STEPS("read by who held it", hold_for_reading, make_copy, get_first)},
	{STEPS("mapped by who held it", hold_for_reading, make_copy, map_held)},
	{STEPS("spliced by who held it", hold_for_reading, make_copy, splice_held)},
	{STEPS("sent by who held it", hold_for_reading, make_copy, send_held)},
	{STEPS("copied by who held it", hold_for_reading, make_copy, range_held)},
	{STEPS("sendfile", nothing, send_secret, read_copy)},
	{STEPS("a pipe", make_pipe, put_second, get_first)},
	{STEPS("the same pipe, unread", make_pipe, put_second, nothing), .is_none = true},
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
	{STEPS("arguments of a process", nothing, nothing, see_arguments)},
	{STEPS("a chain of programs", nothing, run_chain, run_cat)},
};

/* ---- who goes which way ---- */

static int mark(const char *name)
{
	const int fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	return fd >= 0 && close(fd) == 0 ? 0 : 1;
}

static int run_one(int (*step)(void), const char *name)
{
	const pid_t pid = fork();
	int status = -1;

	if (pid == 0)
		_exit(step() || mark(name));
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0 ? 0 : 1;
}

static const struct way *way;

static int write_secret(void)
{
	return (way->before && way->before()) || get(open("secret", O_RDONLY | O_CLOEXEC)) ||
	       way->write();
}

static int go(void *arg)
{
	way = arg;
	return way->prepare() || run_one(write_secret, "writer") || run_one(nothing, "bystander") ||
	       run_one(way->read, "reader") || mark("parent");
}

static uint64_t labels_at(const char *name)
{
	char path[sizeof(dir) + 64];
	const struct trace_event *event;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	event = traced_find(&t, TRACE_OPEN, path, 0);
	if (!event)
		fail_msg("%s: nobody opened %s", way->name, path);
	return event ? event->process_labels : 0;
}

static void label_secret(void)
{
	int fd = open("secret", O_CREAT | O_WRONLY | O_CLOEXEC, 0644);

	assert_int_equal(put(fd), 0);
	close(fd);
	fd = open("secret", O_PATH | O_CLOEXEC);
	assert_int_equal(trace_label_file(t.trace, TRACED_SLOT, fd, SECRET), 0);
	close(fd);
}

static unsigned wrong; /* so that one run tells of all ways */

static void expect(const char *who, uint64_t labels)
{
	const uint64_t has = labels_at(who);

	if (has == labels)
		return;
	print_error("%s: the %s has %llx, not %llx\n", way->name, who, (unsigned long long)has,
		    (unsigned long long)labels);
	wrong++;
}

static void test_ways(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		struct way one = ways[i];
		uint64_t others;

		assert_int_equal(traced_open(&t, TRACE_RING_BYTES), 0);
		label_secret();
		way = &one;
		if (traced_run(&t, go, &one))
			fail_msg("%s: a step failed", one.name);
		/* With lsm nobody sees how labels go on: all have them. */
		others = one.is_of_all || traced_by_lsm(&t) ? SECRET : 0;
		expect("writer", SECRET);
		expect("reader", one.is_none ? others : SECRET);
		expect("bystander", others);
		expect("parent", others);
		assert_int_equal(trace_session_labels(t.trace, TRACED_SLOT), SECRET);
		traced_close(&t);
		(void)unlink("copy");
		(void)unlink("second");
	}
	assert_int_equal(wrong, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ways),
	};
	char command[64];
	int r;

	if (traced_is_skipped("trace_flow"))
		return 77;
	if (!mkdtemp(dir) || chdir(dir) < 0)
		return 1;
	r = cmocka_run_group_tests_name("trace_flow", tests, NULL, NULL);
	(void)snprintf(command, sizeof(command), "rm -rf %s", dir);
	return chdir("/") == 0 && system(command) == 0 ? r : 1; /* NOLINT(cert-env33-c) */
}
