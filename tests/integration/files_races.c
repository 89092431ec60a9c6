/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Races against a gated call. denied/ is refused by a rule and harmless/ is not; each race changes,
 * while a call is under way, what the call is about. Whether it was won is looked at from outside:
 * nothing may stand in denied/ that was not there before, and the file there has its text and mode.
 *
 *	files_races setup		makes the links that change places
 *	files_races NAME attack N	inside; prints "allowed A refused R swaps S"
 *	files_races NAME swap		outside, until its stdin ends; prints "swaps S"
 *
 * Memory and descriptors are changed by a second thread. Links are changed from outside, where no
 * gate puts the swap and the call into a row.
 */

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static _Atomic int stop;
static _Atomic unsigned long swaps;
static char path[64];
static int slot_fd;
static int folder_fds[2];
static unsigned long allowed, refused;

static void count(long r)
{
	if (r >= 0)
		allowed++;
	else if (errno == EROFS)
		refused++;
}

static void close_opened(int file_fd)
{
	count(file_fd);
	if (file_fd >= 0) {
		(void)!write(file_fd, "attack", 6);
		(void)close(file_fd);
	}
}

/* --- what the other thread does --- */

static void swap_text(unsigned i)
{
	memcpy(path, i % 2 ? "harmless/file" : "./denied/file", 14);
}

static void swap_fd(unsigned i)
{
	(void)dup2(folder_fds[i % 2], slot_fd);
}

/* Links that exist already change places: one rename a swap. */
static void swap_link(unsigned i)
{
	(void)i;
	(void)syscall(SYS_renameat2, AT_FDCWD, "link", AT_FDCWD, "other-link", 2 /* EXCHANGE */);
}

static void swap_folder(unsigned i)
{
	(void)i;
	(void)syscall(SYS_renameat2, AT_FDCWD, "way", AT_FDCWD, "other-way", 2 /* EXCHANGE */);
}

/* A name that is a file now and a link to the denied one then. */
static void swap_last(unsigned i)
{
	(void)unlink("last");
	if (i % 2)
		(void)!symlink("denied/file", "last");
	else
		(void)close(open("last", O_WRONLY | O_CREAT, 0600));
}

static void *racer(void *arg)
{
	void (*swap)(unsigned) = *(void (**)(unsigned))arg;

	for (unsigned i = 0; !atomic_load(&stop); i++) {
		swap(i);
		atomic_fetch_add(&swaps, 1);
	}
	return NULL;
}

/* --- what is attacked --- */

static void open_text(void)
{
	close_opened(open(path, O_WRONLY));
}

static void chmod_text(void)
{
	count(chmod(path, 0777));
}

static void rename_text(void)
{
	(void)close(open("moving", O_WRONLY | O_CREAT, 0600));
	count(rename("moving", path));
}

static void open_at(void)
{
	close_opened(openat(slot_fd, "file", O_WRONLY));
}

static void make_at(void)
{
	count(mkdirat(slot_fd, "made", 0700));
	(void)rmdir("harmless/made");
}

static void open_link(void)
{
	close_opened(open("link/file", O_WRONLY));
}

static void create_link(void)
{
	close_opened(open("link/created", O_WRONLY | O_CREAT | O_EXCL, 0600));
	(void)unlink("harmless/created");
}

static void open_folder(void)
{
	close_opened(open("way/to/file", O_WRONLY));
}

static void open_last(void)
{
	close_opened(open("last", O_WRONLY));
}

static void truncate_last(void)
{
	count(truncate("last", 0));
}

static const struct race {
	const char *name;
	void (*swap)(unsigned);
	void (*attack)(void);
	bool outside;
} races[] = {
	{"open-text", swap_text, open_text, false},
	{"chmod-text", swap_text, chmod_text, false},
	{"rename-text", swap_text, rename_text, false},
	{"openat-dup2", swap_fd, open_at, false},
	{"mkdirat-dup2", swap_fd, make_at, false},
	{"open-symlink", swap_link, open_link, true},
	{"create-symlink", swap_link, create_link, true},
	{"open-folder", swap_folder, open_folder, true},
	{"open-last", swap_last, open_last, true},
	{"truncate-last", swap_last, truncate_last, true},
};

static const struct race *race_of(const char *name)
{
	for (size_t i = 0; i < sizeof(races) / sizeof(races[0]); i++)
		if (strcmp(races[i].name, name) == 0)
			return &races[i];
	return NULL;
}

static int attack(const struct race *race, unsigned long rounds)
{
	void (*swap)(unsigned) = race->swap;
	pthread_t thread = 0;

	memcpy(path, "harmless/file", 14);
	folder_fds[0] = open("harmless", O_RDONLY | O_DIRECTORY);
	folder_fds[1] = open("denied", O_RDONLY | O_DIRECTORY);
	slot_fd = dup(folder_fds[0]);
	if (!race->outside && pthread_create(&thread, NULL, racer, &swap) != 0)
		return 3;
	while (!race->outside && !atomic_load(&swaps))
		(void)usleep(100);
	for (unsigned long i = 0; i < rounds; i++)
		race->attack();
	atomic_store(&stop, 1);
	if (!race->outside)
		(void)pthread_join(thread, NULL);
	(void)printf("allowed %lu refused %lu swaps %lu\n", allowed, refused, atomic_load(&swaps));
	return 0;
}

static int swap_until_eof(const struct race *race)
{
	void (*swap)(unsigned) = race->swap;
	pthread_t thread = 0;
	char byte;

	if (pthread_create(&thread, NULL, racer, &swap) != 0)
		return 3;
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	atomic_store(&stop, 1);
	(void)pthread_join(thread, NULL);
	(void)printf("swaps %lu\n", atomic_load(&swaps));
	return 0;
}

static int set_up(void)
{
	return symlink("harmless", "link") < 0 || symlink("denied", "other-link") < 0 ||
	       mkdir("way", 0700) < 0 || symlink("../harmless", "way/to") < 0 ||
	       mkdir("other-way", 0700) < 0 || symlink("../denied", "other-way/to") < 0;
}

int main(int argc, char **argv)
{
	const struct race *race = argc > 1 ? race_of(argv[1]) : NULL;

	if (argc == 2 && strcmp(argv[1], "setup") == 0)
		return set_up();
	if (race && argc == 4)
		return attack(race, strtoul(argv[3], NULL, 10));
	return race ? swap_until_eof(race) : 2;
}
