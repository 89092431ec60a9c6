/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Asks for the set-group-ID bit by every call that takes a mode, while a second thread exchanges
 * what the call is about between a folder, which may have it, and a file, which may not: the path's
 * bytes, the descriptor, the name by rename(2), a link in it. The file has a second name, which is
 * never exchanged. Prints for each race how often a folder was given the bit and the call refused,
 * and whether the file has got it. Working directory: an empty one.
 */

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define MODE	  02775
#define ROUNDS	  2000
#define ENOUGH	  5
#define LONGEST_S 20
#define EXCHANGE  2 /* RENAME_EXCHANGE */
#define FCHMODAT2 452

static atomic_bool stop;
static char path[16];
static int slot_fd, folder_fd, file_fd;

static void exchange_text(unsigned turn)
{
	memcpy(path, turn % 2 ? "folder" : "a-file", 7);
}

static void exchange_descriptor(unsigned turn)
{
	(void)dup2(turn % 2 ? folder_fd : file_fd, slot_fd);
}

static void exchange_names(unsigned turn)
{
	(void)turn;
	(void)syscall(SYS_renameat2, AT_FDCWD, "folder", AT_FDCWD, "a-file", EXCHANGE);
}

static void exchange_links(unsigned turn)
{
	(void)turn;
	(void)syscall(SYS_renameat2, AT_FDCWD, "link", AT_FDCWD, "other-link", EXCHANGE);
}

static long chmod_path(void)
{
	return syscall(SYS_chmod, path, MODE);
}

static long fchmodat_path(void)
{
	return syscall(SYS_fchmodat, AT_FDCWD, path, MODE);
}

static long fchmodat2_path(void)
{
	return syscall(FCHMODAT2, AT_FDCWD, path, MODE, 0);
}

static long fchmod_slot(void)
{
	return syscall(SYS_fchmod, slot_fd, MODE);
}

static long fchmodat2_slot(void)
{
	return syscall(FCHMODAT2, slot_fd, "", MODE, AT_EMPTY_PATH);
}

static long chmod_slot(void)
{
	char name[32];

	(void)snprintf(name, sizeof(name), "/proc/self/fd/%d", slot_fd);
	return syscall(SYS_chmod, name, MODE);
}

static long chmod_name(void)
{
	return syscall(SYS_chmod, "folder", MODE);
}

static long chmod_link(void)
{
	return syscall(SYS_chmod, "link", MODE);
}

static const struct {
	const char *name;
	void (*exchange)(unsigned turn);
	long (*call)(void);
} races[] = {
	{"chmod-text", exchange_text, chmod_path},
	{"fchmodat-text", exchange_text, fchmodat_path},
	{"fchmodat2-text", exchange_text, fchmodat2_path},
	{"fchmod-dup2", exchange_descriptor, fchmod_slot},
	{"fchmodat2-dup2", exchange_descriptor, fchmodat2_slot},
	{"chmod-proc-dup2", exchange_descriptor, chmod_slot},
	{"chmod-link", exchange_links, chmod_link},
	{"chmod-rename", exchange_names, chmod_name}, /* last: who is who is open then */
};

static void *keep_exchanging(void *arg)
{
	void (*const exchange)(unsigned turn) = *(void (**)(unsigned turn))arg;

	for (unsigned turn = 0; !atomic_load(&stop); turn++)
		exchange(turn);
	return NULL;
}

/* The descriptor is the file's, whatever its names lead to. */
static bool file_has_bit(void)
{
	struct stat st;

	return fstat(file_fd, &st) < 0 || (st.st_mode & (S_ISGID | S_ISUID));
}

static void run(size_t i)
{
	void (*exchange)(unsigned turn) = races[i].exchange;
	const time_t start = time(NULL);
	unsigned given = 0;
	unsigned refused = 0;
	pthread_t thread;

	exchange_text(0);
	exchange_descriptor(0);
	atomic_store(&stop, false);
	if (pthread_create(&thread, NULL, keep_exchanging, &exchange) != 0)
		return;
	for (unsigned k = 0; time(NULL) < start + LONGEST_S && !file_has_bit(); k++) {
		if (races[i].call() == 0)
			given++;
		else if (errno == EPERM)
			refused++;
		if (k >= ROUNDS && given > ENOUGH && refused > ENOUGH)
			break;
	}
	atomic_store(&stop, true);
	(void)pthread_join(thread, NULL);
	(void)printf("%s %u %u %s\n", races[i].name, given, refused,
		     file_has_bit() ? "ESCAPED" : "held");
	if (file_has_bit())
		(void)fchmod(file_fd, 0644);
}

int main(void)
{
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	(void)mkdir("folder", 0755);
	file_fd = open("a-file", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	folder_fd = open("folder", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	slot_fd = dup(folder_fd);
	if (file_fd < 0 || folder_fd < 0 || slot_fd < 0 || link("a-file", "hard") < 0 ||
	    symlink("folder", "link") < 0 || symlink("hard", "other-link") < 0)
		return 1;
	for (size_t i = 0; i < sizeof(races) / sizeof(races[0]); i++)
		run(i);
	return 0;
}
