/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/prove/files.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define CALL_SECONDS 20

static const struct file_family *const tables[] = {file_call_families, file_alias_families};

bool file_turn_is(struct file_turn *turn, const char *name)
{
	if (turn->next++ != turn->wanted)
		return false;
	turn->name = name;
	return !turn->only_name;
}

static long take_turn(struct file_turn *turn)
{
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		for (const struct file_family *family = tables[i]; family->fn; family++) {
			const long r = family->fn(turn);

			turn->classes = family->classes;
			if (r != FILE_NOT_MINE || turn->name)
				return r;
		}
	return FILE_NOT_MINE;
}

bool file_call_name(size_t i, struct file_turn *ret)
{
	*ret = (struct file_turn){.wanted = i, .only_name = true};
	(void)take_turn(ret);
	return ret->name;
}

_Noreturn static void *keep_busy(void *arg)
{
	(void)arg;
	for (;;)
		(void)usleep(50);
}

static int make_call(const struct file_turn *named, const char *work, bool threads)
{
	struct file_turn turn = {.wanted = named->wanted};
	pthread_t thread;
	long r;

	(void)alarm(CALL_SECONDS);
	if (chdir(work) < 0 || chdir(named->name) < 0)
		return ATTEMPT_BROKEN;
	if (threads && pthread_create(&thread, NULL, keep_busy, NULL) != 0)
		return ATTEMPT_BROKEN;
	r = take_turn(&turn);
	return r < 0 ? errno : 0;
}

static int make_all(const char *work, const char *phase)
{
	struct file_turn turn;

	for (size_t i = 0; file_call_name(i, &turn); i++) {
		const pid_t child = fork();
		int status = 0;

		if (child == 0)
			_exit(make_call(&turn, work, strcmp(phase, "threads") == 0));
		if (child < 0 || waitpid(child, &status, 0) < 0)
			return 1;
		(void)printf("@@ %s %zu errno %d\n", phase, i,
			     WIFEXITED(status) ? WEXITSTATUS(status) : ATTEMPT_BROKEN);
		(void)fflush(stdout);
	}
	return 0;
}

int files_main(int argc, char **argv)
{
	struct arena a = {0};
	int r = argc < 3 ? 2 : 0;

	if (!r)
		arena_name(&a, argv[1]);
	for (int i = 2; !r && i < argc; i++)
		r = make_all(a.work, argv[i]);
	return r;
}
