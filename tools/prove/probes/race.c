/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a race is run, and the races over which program is meant.
 */
#include "tools/prove/probes/race.h"

#include <sched.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#define LEAST_ROUNDS 200
#define LONGEST_S    20
/* A slow machine, an emulated one above all, makes no more rounds than show that both come up. */
#define SLOW_S	    4
#define SLOW_ENOUGH 20
/*
 * A decision first takes in what was traced until then, exchanges of files too. Made faster than
 * that goes, they leave a slow machine no time for anything else: they are bounded to some in each
 * try that takes long.
 */
#define LONG_TRY_NS 10000000
#define TURNS_A_TRY 64

static void *keep_exchanging(void *arg)
{
	struct race *race = arg;

	for (unsigned turn = 0; !atomic_load(&race->stop); turn++) {
		const struct timespec pause = {.tv_nsec = atomic_load(&race->pause_ns)};

		race->exchange(race, turn & 1);
		if (pause.tv_nsec)
			(void)nanosleep(&pause, NULL);
	}
	return NULL;
}

static int try_once(struct race *race)
{
	struct timespec start;
	struct timespec end;
	long took_ns;
	int r;

	(void)clock_gettime(CLOCK_MONOTONIC, &start);
	r = race->try(race);
	(void)clock_gettime(CLOCK_MONOTONIC, &end);
	took_ns = (end.tv_sec - start.tv_sec) * 1000000000 + end.tv_nsec - start.tv_nsec;
	atomic_store(&race->pause_ns, took_ns > LONG_TRY_NS ? took_ns / TURNS_A_TRY : 0);
	return r;
}

/*
 * Ends by time, not by a number of rounds: thousands may be over before the exchanger gets its
 * turn. Once the forbidden came through there is nothing more to see.
 */
static int rounds(struct race *race)
{
	const time_t start = time(NULL);
	unsigned permitted = 0;
	unsigned other = 0;
	bool forbidden = false;

	for (unsigned i = 0; time(NULL) < start + LONGEST_S; i++) {
		const int r = try_once(race);

		if (r == ATTEMPT_BROKEN)
			return r;
		permitted += r == 1;
		other += r != 1;
		forbidden = forbidden || r == 0;
		if (i >= LEAST_ROUNDS && ((permitted > 5 && other > 5) || forbidden))
			break;
		if (time(NULL) > start + SLOW_S && permitted >= SLOW_ENOUGH && other >= SLOW_ENOUGH)
			break;
	}
	(void)printf("race: %u permitted, %u other\n", permitted, other);
	(void)fflush(stdout);
	return permitted && other ? 0 : ATTEMPT_BROKEN;
}

int race_run(struct race *race, bool apart)
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

void *race_shared(size_t size)
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

int race_wait_for(pid_t child)
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
	return race_wait_for(child);
}

/* vfork and one memory: the path lies where the exchanger's own does. */
static int try_spawn(struct race *race)
{
	char name[] = "payload";
	char *const argv[] = {name, NULL};
	char *const env[] = {NULL};
	pid_t child = -1;

	return posix_spawn(&child, race->path, NULL, NULL, argv, env) ? 2 : race_wait_for(child);
}

/* A table of descriptors shared with the exchanger. */
static int try_descriptor(struct race *race)
{
	const pid_t child = (pid_t)syscall(SYS_clone, CLONE_FILES | SIGCHLD, NULL, NULL, NULL, 0);

	if (!child)
		_exit(exec_fd(race->swapped_fd));
	return race_wait_for(child);
}

void race_exchange_letter(struct race *race, unsigned turn)
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

struct race *race_new(const struct arena *a)
{
	struct race *race = race_shared(sizeof(*race));
	char *path = race_shared(PATH_BYTES);

	if (!race || !path)
		return NULL;
	race->path = joined(path, a->bin, "forbiddem");
	joined(race->targets[0], a->bin, "forbiddem");
	joined(race->targets[1], a->bin, "forbidden");
	return race;
}

static int race_over_letter(const struct arena *a, int (*try)(struct race *), bool apart)
{
	struct race *race = race_new(a);

	if (!race)
		return ATTEMPT_BROKEN;
	race->exchange = race_exchange_letter;
	race->try = try;
	return race_run(race, apart);
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
	struct race *race = race_new(a);

	if (!race)
		return ATTEMPT_BROKEN;
	fresh_name(race->link, "/tmp", "race");
	fresh_name(race->spare, "/tmp", "spare");
	exchange_link(race, 0);
	race->path = race->link;
	race->exchange = exchange_link;
	race->try = try_path;
	return race_run(race, false);
}

static int descriptor_by_dup(const struct arena *a)
{
	struct race *race = race_new(a);

	if (!race)
		return ATTEMPT_BROKEN;
	for (int i = 0; i < 2; i++)
		race->fds[i] = open(race->targets[i], O_RDONLY | O_CLOEXEC);
	race->swapped_fd = dup(race->fds[0]);
	race->exchange = exchange_descriptor;
	race->try = try_descriptor;
	return race->swapped_fd < 0 ? ATTEMPT_BROKEN : race_run(race, false);
}

/*
 * The text of one script, whose first line names now one interpreter and now the other. A script
 * that is open for writing cannot be run, so it is opened anew for each byte.
 */
static void exchange_text(struct race *race, unsigned turn)
{
	const int file_fd = open(race->link, O_WRONLY | O_CLOEXEC);

	(void)!pwrite(file_fd, turn ? "n" : "m", 1, (off_t)strlen(race->targets[0]) + 1);
	(void)close(file_fd);
}

static int text_of_script(const struct arena *a)
{
	struct race *race = race_new(a);
	FILE *file;

	if (!race || !(file = fopen(fresh_name(race->link, "/tmp", "script"), "we")))
		return ATTEMPT_BROKEN;
	(void)fprintf(file, "#!%s\n", race->targets[0]);
	if (fclose(file) != 0 || chmod(race->link, 0755) < 0)
		return ATTEMPT_BROKEN;
	race->path = race->link;
	race->exchange = exchange_text;
	race->try = try_path;
	return race_run(race, false);
}

/*
 * The path lies in a file that is cut off and grows again with the other: its page goes, and is
 * back soon enough for a path to be there when it is looked at, and another when it is used.
 */
static void exchange_page(struct race *race, unsigned turn)
{
	(void)!ftruncate(race->swapped_fd, 0);
	(void)!pwrite(race->swapped_fd, race->targets[turn], strlen(race->targets[0]) + 1, 0);
}

static int path_in_a_page_that_goes(const struct arena *a)
{
	struct race *race = race_new(a);
	char name[PATH_BYTES];

	if (!race)
		return ATTEMPT_BROKEN;
	race->swapped_fd =
		open(fresh_name(name, "/tmp", "page"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	race->path = mmap(NULL, PATH_BYTES, PROT_READ, MAP_SHARED, race->swapped_fd, 0);
	race->exchange = exchange_page;
	race->try = try_path;
	return race->path == MAP_FAILED ? ATTEMPT_BROKEN : race_run(race, false);
}

const struct row race_rows[] = {
	VERIFIED_ROW("race.path-thread", "1", path_by_thread),
	VERIFIED_ROW("race.path-process", "2", path_by_process),
	VERIFIED_ROW("race.path-vfork", "2", path_by_spawn),
	VERIFIED_ROW("race.path-page", "4", path_in_a_page_that_goes),
	VERIFIED_ROW("race.symlink-rename", "20", link_by_rename),
	VERIFIED_ROW("race.script-text", "1,18", text_of_script),
	VERIFIED_ROW("race.descriptor-dup2", "3", descriptor_by_dup),
	{0},
};
