/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Filling the host's disk from the layer of a workspace, with a small limit. What is written is not
 * refused: the call ends, whose threads and processes with it.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "tools/prove/probes/attempt.h"

#define MIB	  ((size_t)1 << 20)
#define SHARE_MIB 16u /* of each thread: together four times the limit of the row */
#define THREADS	  4u
#define NAMES	  4096u /* of each: so much of the limit by names alone */
#define STAYS_US  2000000

struct filler {
	const struct arena *arena;
	void (*fill)(const struct arena *arena);
};

static void fill_named(const struct arena *a)
{
	static const char block[MIB] = {1};
	char path[PATH_BYTES];

	for (unsigned i = 0; i < SHARE_MIB; i++) {
		const int file_fd = open(fresh_name(path, a->work, "fill"),
					 O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

		(void)!write(file_fd, block, MIB);
		(void)close(file_fd);
		(void)usleep(10000);
	}
}

/* By memory that is a file's, of which the name is gone. */
static void fill_nameless(const struct arena *a)
{
	char path[PATH_BYTES];
	const int file_fd =
		open(fresh_name(path, a->work, "fill"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	char *at = MAP_FAILED;

	(void)unlink(path);
	if (file_fd >= 0 && ftruncate(file_fd, SHARE_MIB * MIB) == 0)
		at = mmap(NULL, SHARE_MIB * MIB, PROT_READ | PROT_WRITE, MAP_SHARED, file_fd, 0);
	for (size_t i = 0; at != MAP_FAILED && i < SHARE_MIB * MIB; i += 4096) {
		at[i] = 1;
		if (i % MIB == 0) {
			(void)msync(at, SHARE_MIB * MIB, MS_SYNC);
			(void)usleep(10000);
		}
	}
}

static void fill_with_names(const struct arena *a)
{
	char path[PATH_BYTES];

	for (unsigned i = 0; i < NAMES; i++) {
		(void)close(open(fresh_name(path, a->work, "name"), O_WRONLY | O_CREAT | O_CLOEXEC,
				 0600));
		if (i % 256 == 0)
			(void)usleep(10000);
	}
}

static void *fill_share(void *arg)
{
	const struct filler *f = arg;

	f->fill(f->arena);
	return NULL;
}

static int by_threads(const struct arena *a, void (*fill)(const struct arena *))
{
	struct filler f = {a, fill};
	pthread_t threads[THREADS];

	for (unsigned i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, fill_share, &f) != 0)
			return ATTEMPT_BROKEN;
	for (unsigned i = 0; i < THREADS; i++)
		(void)pthread_join(threads[i], NULL);
	(void)usleep(STAYS_US);
	return 0;
}

static int named(const struct arena *a)
{
	return by_threads(a, fill_named);
}

static int nameless(const struct arena *a)
{
	return by_threads(a, fill_nameless);
}

static int names(const struct arena *a)
{
	return by_threads(a, fill_with_names);
}

static int reserve(const struct arena *a, off_t bytes)
{
	char path[PATH_BYTES];
	const int file_fd =
		open(fresh_name(path, a->work, "space"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	const int r = file_fd < 0 ? ATTEMPT_BROKEN : outcome(fallocate(file_fd, 0, 0, bytes));

	(void)close(file_fd);
	(void)unlink(path);
	return r;
}

static int reserve_much(const struct arena *a)
{
	return reserve(a, 64 * (off_t)MIB);
}

static int reserve_little(const struct arena *a)
{
	return reserve(a, (off_t)MIB);
}

#define WALL "watch of the keeper"

#define ENDED(id, attempt)                                                                 \
	ROW("limit." id, "33", WALL, attempt, .expect = {ENOSPC}, .control = CONTROL_RULE, \
	    .flags = ROW_LAYER | ROW_ENDED | ROW_ONCE)

const struct row limit_disk_rows[] = {
	ENDED("disk-files", named),
	ENDED("disk-nameless", nameless),
	ENDED("disk-names", names),
	ROW("limit.disk-at-once", "33", "gate", reserve_much, .twin = reserve_little,
	    .expect = {ENOSPC}, .control = CONTROL_RULE, .flags = ROW_LAYER),
	{0},
};
