/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Races: what the gate looks at is exchanged, for ever and as fast as can be, between the permitted
 * program or address and the forbidden one. A race counts only if both answers were seen.
 */
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#include "tools/prove/probes/exec.h"

#define LEAST_ROUNDS 200
#define MOST_ROUNDS  4000
#define LONGEST_S    20

/* One race; the exchanger turns between two states of it until stop is set. */
struct race {
	const struct arena *arena;
	void (*exchange)(struct race *race, unsigned turn);
	int (*try)(
		struct race *race); /* in a loop: 0 the forbidden, 1 the permitted, else refused */
	atomic_bool stop;
	char *path; /* shared memory, ends in forbidden or forbiddem */
	char link[PATH_BYTES];
	char spare[PATH_BYTES];
	char targets[2][PATH_BYTES];
	int fds[2];
	int swapped_fd;
	struct sockaddr_un *address;
	socklen_t address_len;
};

static void *keep_exchanging(void *arg)
{
	struct race *race = arg;

	for (unsigned turn = 0; !atomic_load(&race->stop); turn++)
		race->exchange(race, turn & 1);
	return NULL;
}

static int rounds(struct race *race)
{
	const time_t end = time(NULL) + LONGEST_S;
	unsigned permitted = 0;
	unsigned other = 0;

	for (unsigned i = 0; i < MOST_ROUNDS && time(NULL) < end; i++) {
		const int r = race->try(race);

		if (r == ATTEMPT_BROKEN)
			return r;
		permitted += r == 1;
		other += r != 1;
		if (i >= LEAST_ROUNDS && permitted > 5 && other > 5)
			break;
	}
	(void)printf("race: %u permitted, %u other\n", permitted, other);
	(void)fflush(stdout);
	return permitted && other ? 0 : ATTEMPT_BROKEN;
}

/* The exchanger is a thread, or with @apart a process that shares only the memory of the race. */
static int run_race(struct race *race, bool apart)
{
	pthread_t thread;
	pid_t other = -1;
	int r;

	if (apart) {
		other = fork();
		if (other == 0)
			(void)keep_exchanging(race);
	} else if (pthread_create(&thread, NULL, keep_exchanging, race) != 0) {
		return ATTEMPT_BROKEN;
	}
	r = rounds(race);
	atomic_store(&race->stop, true);
	if (apart) {
		(void)kill(other, SIGKILL);
		(void)waitpid(other, NULL, 0);
	} else {
		(void)pthread_join(thread, NULL);
	}
	return r;
}

static void *shared(size_t size)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return at == MAP_FAILED ? NULL : at;
}

static int answer(int status)
{
	if (!WIFEXITED(status))
		return 2; /* killed for being another one than was approved */
	if (WEXITSTATUS(status) == FORBIDDEN_STATUS)
		return 0;
	return WEXITSTATUS(status) == PERMITTED_STATUS ? 1 : 2;
}

static int wait_for(pid_t child)
{
	int status = 0;

	if (child < 0 || waitpid(child, &status, 0) < 0)
		return ATTEMPT_BROKEN;
	return answer(status);
}

static int try_path(struct race *race)
{
	const pid_t child = fork();

	if (!child)
		_exit(exec_path(race->path));
	return wait_for(child);
}

/* vfork and one memory: the path lies where the exchanger's own does. */
static int try_spawn(struct race *race)
{
	char name[] = "payload";
	char *const argv[] = {name, NULL};
	char *const env[] = {NULL};
	pid_t child = -1;

	return posix_spawn(&child, race->path, NULL, NULL, argv, env) ? 2 : wait_for(child);
}

/* A table of descriptors shared with the exchanger. */
static int try_descriptor(struct race *race)
{
	const pid_t child = (pid_t)syscall(SYS_clone, CLONE_FILES | SIGCHLD, NULL, NULL, NULL, 0);

	if (!child)
		_exit(exec_fd(race->swapped_fd));
	return wait_for(child);
}

/* One byte makes the difference, so what is read is always one of the two. */
static void exchange_letter(struct race *race, unsigned turn)
{
	char *letter = race->path + strlen(race->path) - 1;

	*(volatile char *)letter = turn ? 'n' : 'm';
}

static void exchange_link(struct race *race, unsigned turn)
{
	if (symlink(race->targets[turn], race->spare) == 0)
		(void)rename(race->spare, race->link);
}

static void exchange_descriptor(struct race *race, unsigned turn)
{
	(void)dup2(race->fds[turn], race->swapped_fd);
}

static void exchange_address(struct race *race, unsigned turn)
{
	/* The first letter after the NUL of an abstract name. */
	((volatile char *)race->address->sun_path)[1] = turn ? 'c' : 'd';
}

static struct race *new_race(const struct arena *a)
{
	struct race *race = shared(sizeof(*race));
	char *path = shared(PATH_BYTES);

	if (!race || !path)
		return NULL;
	race->arena = a;
	race->path = joined(path, a->bin, "forbiddem");
	joined(race->targets[0], a->bin, "forbiddem");
	joined(race->targets[1], a->bin, "forbidden");
	return race;
}

static int race_over_letter(const struct arena *a, int (*try)(struct race *), bool apart)
{
	struct race *race = new_race(a);

	if (!race)
		return ATTEMPT_BROKEN;
	race->exchange = exchange_letter;
	race->try = try;
	return run_race(race, apart);
}

static int path_by_thread(const struct arena *a)
{
	return race_over_letter(a, try_path, false);
}

static int path_by_process(const struct arena *a)
{
	return race_over_letter(a, try_path, true);
}

static int path_by_spawn(const struct arena *a)
{
	return race_over_letter(a, try_spawn, false);
}

static int link_by_rename(const struct arena *a)
{
	struct race *race = new_race(a);

	if (!race)
		return ATTEMPT_BROKEN;
	fresh_name(race->link, "/tmp", "race");
	fresh_name(race->spare, "/tmp", "spare");
	exchange_link(race, 0);
	race->path = race->link;
	race->exchange = exchange_link;
	race->try = try_path;
	return run_race(race, false);
}

static int descriptor_by_dup(const struct arena *a)
{
	struct race *race = new_race(a);

	if (!race)
		return ATTEMPT_BROKEN;
	for (int i = 0; i < 2; i++)
		race->fds[i] = open(race->targets[i], O_RDONLY | O_CLOEXEC);
	race->swapped_fd = dup(race->fds[0]);
	race->exchange = exchange_descriptor;
	race->try = try_descriptor;
	return race->swapped_fd < 0 ? ATTEMPT_BROKEN : run_race(race, false);
}

/* 1: our own socket (its name starts with d), 0: the one outside. */
static int try_connect(struct race *race)
{
	const int socket_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un peer = {0};
	socklen_t len = sizeof(peer);
	int r = connect(socket_fd, (const struct sockaddr *)race->address, race->address_len);

	if (r == 0)
		(void)getpeername(socket_fd, (struct sockaddr *)&peer, &len);
	if (r == 0 && peer.sun_path[1] != 'd')
		(void)send(socket_fd, "x", 1, MSG_NOSIGNAL);
	r = r < 0 ? 2 : peer.sun_path[1] == 'd';
	(void)close(socket_fd);
	return r;
}

static int address_by_thread(const struct arena *a)
{
	struct race *race = new_race(a);
	struct sockaddr_un *address = shared(sizeof(*address));
	const int server_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (!race || !address)
		return ATTEMPT_BROKEN;
	address->sun_family = AF_UNIX;
	memcpy(address->sun_path + 1, a->abstract, strlen(a->abstract));
	race->address_len =
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(a->abstract));
	address->sun_path[1] = 'd';
	if (bind(server_fd, (const struct sockaddr *)address, race->address_len) < 0)
		return ATTEMPT_BROKEN;
	race->address = address;
	race->exchange = exchange_address;
	race->try = try_connect;
	return run_race(race, false);
}

#define VERIFIED "BPF verifies at exec"

const struct row race_rows[] = {
	{"race.path-thread",
	 "1",
	 VERIFIED,
	 path_by_thread,
	 NULL,
	 EFFECT_RAN,
	 {0},
	 0,
	 CONTROL_HOST,
	 ROW_POLICY | ROW_TRACE | ROW_ONCE},
	{"race.path-process",
	 "2",
	 VERIFIED,
	 path_by_process,
	 NULL,
	 EFFECT_RAN,
	 {0},
	 0,
	 CONTROL_HOST,
	 ROW_POLICY | ROW_TRACE | ROW_ONCE},
	{"race.path-vfork",
	 "2",
	 VERIFIED,
	 path_by_spawn,
	 NULL,
	 EFFECT_RAN,
	 {0},
	 0,
	 CONTROL_HOST,
	 ROW_POLICY | ROW_TRACE | ROW_ONCE},
	{"race.symlink-rename",
	 "20",
	 VERIFIED,
	 link_by_rename,
	 NULL,
	 EFFECT_RAN,
	 {0},
	 0,
	 CONTROL_HOST,
	 ROW_POLICY | ROW_TRACE | ROW_ONCE},
	{"race.descriptor-dup2",
	 "3",
	 VERIFIED,
	 descriptor_by_dup,
	 NULL,
	 EFFECT_RAN,
	 {0},
	 0,
	 CONTROL_HOST,
	 ROW_POLICY | ROW_TRACE | ROW_ONCE},
	{"race.connect-address",
	 "1",
	 "network namespace with only lo",
	 address_by_thread,
	 NULL,
	 EFFECT_REACHED,
	 {0},
	 0,
	 CONTROL_HOST,
	 ROW_ONCE},
	{0},
};
