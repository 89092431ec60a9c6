/* SPDX-License-Identifier: Apache-2.0 */
/*
 * payload OP BATCHES BATCH: makes one kind of system call over and over, in a sandbox or outside of
 * one, and prints the nanoseconds a call of each batch, a line each. `payload run CMD...` prints
 * those of one command. Static, so that an exec of it is as cheap as an exec can be.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char *self;
static char nothing[] = "nothing";
static struct sockaddr_in outside = {.sin_family = AF_INET};
static struct sockaddr_in inside = {.sin_family = AF_INET};
static int udp_fd, tcp_fd;

static void die(const char *what)
{
	(void)fprintf(stderr, "payload: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void spawn(char *const *argv, const posix_spawn_file_actions_t *actions)
{
	int status = 0;
	pid_t pid;

	errno = posix_spawnp(&pid, argv[0], actions, NULL, argv, environ);
	if (errno || waitpid(pid, &status, 0) != pid || status != 0)
		die(argv[0]);
}

/* Each returns the nanoseconds of what it is about, without what it needs around that. */

static double op_getppid(void)
{
	const double start = now_ns();

	for (int i = 0; i < 100; i++)
		(void)syscall(SYS_getppid);
	return (now_ns() - start) / 100;
}

static double op_open(void)
{
	const double start = now_ns();
	const int fd = open("/usr/bin/env", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		die("/usr/bin/env");
	(void)close(fd);
	return now_ns() - start;
}

/* A file of the workspace, which is there from the first time on. */
static double op_open_write(void)
{
	const double start = now_ns();
	const int fd = open("written", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		die("written");
	(void)close(fd);
	return now_ns() - start;
}

static double op_rename(void)
{
	static int turn;
	const double start = now_ns();

	if (turn++ == 0)
		(void)close(open("name-1", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	if (turn % 2 ? rename("name-1", "name-2") : rename("name-2", "name-1"))
		die("name-1");
	return now_ns() - start;
}

static double op_spawn(void)
{
	char *const argv[] = {self, nothing, NULL};
	const double start = now_ns();

	spawn(argv, NULL);
	return now_ns() - start;
}

static double op_exec_missing(void)
{
	char *const argv[] = {nothing, NULL};
	const double start = now_ns();

	if (execv("/usr/bin/there-is-no-such-program", argv) == 0 || errno != ENOENT)
		die("exec of a program that is not there");
	return now_ns() - start;
}

static double op_connect_nothing(void)
{
	const struct sockaddr none = {.sa_family = AF_UNSPEC};
	const double start = now_ns();

	if (connect(udp_fd, &none, sizeof(none)) < 0)
		die("dissolving a connection");
	return now_ns() - start;
}

static double op_connect_udp(void)
{
	const double start = now_ns();

	if (connect(udp_fd, (const struct sockaddr *)&inside, sizeof(inside)) < 0)
		die("connecting a UDP socket to loopback");
	return now_ns() - start;
}

static double op_connect_tcp(void)
{
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const double start = now_ns();
	const int r = connect(fd, (const struct sockaddr *)&inside, sizeof(inside));
	const double took = now_ns() - start;

	if (r < 0)
		die("connecting to the listener on loopback");
	(void)close(accept(tcp_fd, NULL, NULL));
	(void)close(fd);
	return took;
}

static double op_connect_refused(void)
{
	const double start = now_ns();
	const int r = connect(udp_fd, (const struct sockaddr *)&outside, sizeof(outside));

	if (r == 0 || errno != ENETUNREACH)
		die("a connect to the outside was not answered ENETUNREACH");
	return now_ns() - start;
}

/* As fast as it can; each is an event for the trace. */
static double op_flood(void)
{
	const double start = now_ns();

	for (int i = 0; i < 1000; i++)
		(void)!open("/none", O_RDONLY | O_CLOEXEC);
	return (now_ns() - start) / 1000;
}

/* The same, and then a rest: 290,000 a second, so that two such processes make the 580,000. */
static double op_steady(void)
{
	static double next;
	const double now = now_ns();
	struct timespec until;
	double took;

	if (next < now)
		next = now;
	took = op_flood();
	next += 1e9 * 1000 / 290000;
	until = (struct timespec){.tv_sec = (time_t)(next / 1e9)};
	until.tv_nsec = (long)(next - (double)until.tv_sec * 1e9);
	(void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
	return took;
}

static const struct op {
	const char *name;
	double (*once)(void);
} ops[] = {
	{"getppid", op_getppid},
	{"open+close", op_open},
	{"open-write+close", op_open_write},
	{"rename", op_rename},
	{"spawn", op_spawn},
	{"exec-missing", op_exec_missing},
	{"connect-nothing", op_connect_nothing},
	{"connect-udp", op_connect_udp},
	{"connect-tcp", op_connect_tcp},
	{"connect-refused", op_connect_refused},
	{"flood", op_flood},
	{"steady", op_steady},
};

static void make_sockets(void)
{
	socklen_t len = sizeof(inside);

	outside.sin_port = htons(80);
	outside.sin_addr.s_addr = htonl(0x5db8d822); /* 93.184.216.34, which no sandbox reaches */
	inside.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	udp_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	tcp_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (udp_fd < 0 || bind(tcp_fd, (const struct sockaddr *)&inside, sizeof(inside)) < 0 ||
	    listen(tcp_fd, 16) < 0 || getsockname(tcp_fd, (struct sockaddr *)&inside, &len) < 0)
		die("a listener on loopback");
}

/* Its output goes to our stderr: stdout is for the figure. */
static int run_command(char **command)
{
	posix_spawn_file_actions_t actions;
	double start;

	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
	start = now_ns();
	spawn(command, &actions);
	(void)printf("%.0f\n", now_ns() - start);
	(void)posix_spawn_file_actions_destroy(&actions);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], nothing) == 0)
		return 0;
	if (argc >= 3 && strcmp(argv[1], "run") == 0)
		return run_command(argv + 2);
	self = argv[0];
	if (argc == 4 && strncmp(argv[1], "connect", 7) == 0)
		make_sockets();
	for (size_t i = 0; argc == 4 && i < sizeof(ops) / sizeof(ops[0]); i++) {
		const long batches = strtol(argv[2], NULL, 10);
		const long batch = strtol(argv[3], NULL, 10);

		if (strcmp(argv[1], ops[i].name) != 0)
			continue;
		for (long b = 0; b < batches; b++) {
			double sum = 0;

			for (long n = 0; n < batch; n++)
				sum += ops[i].once();
			(void)printf("%.1f\n", sum / (double)batch);
		}
		return 0;
	}
	(void)fprintf(stderr, "usage: payload OP BATCHES BATCH | payload run CMD...\n");
	return 2;
}
