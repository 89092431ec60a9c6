/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The probe's end: carries one row's attempt out, each time in a child of its own, and tells by
 * lines "@@ PHASE errno N" and "@@ PHASE signal N" how it went.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/prove/denied.h"
#include "tools/prove/prove.h"

#define ATTEMPT_SECONDS 150 /* less than the runner waits, place.c */

const struct row *const row_tables[] = {view_rows,    write_rows,	  process_rows,
					network_rows, kernel_rows,	  kernel_terminal_rows,
					handed_rows,  hands_rows,	  limit_disk_rows,
					exec_rows,    exec_indirect_rows, gate_rows,
					race_rows,    race_string_rows,	  race_connect_rows,
					limit_rows,   file_way_rows,	  file_race_rows,
					share_rows,   object_rows,	  priority_rows,
					NULL};

static const struct row *row_find(const char *id)
{
	for (const struct row *const *table = row_tables; *table; table++)
		for (const struct row *row = *table; row->id; row++)
			if (strcmp(row->id, id) == 0)
				return row;
	return NULL;
}

void arena_name(struct arena *arena, const char *dir)
{
	const char *slash = strrchr(dir, '/');

	(void)snprintf(arena->dir, sizeof(arena->dir), "%s", dir);
	(void)snprintf(arena->away, sizeof(arena->away), "%s/away", arena->dir);
	(void)snprintf(arena->work, sizeof(arena->work), "%s/work", arena->dir);
	(void)snprintf(arena->bound, sizeof(arena->bound), "%s/bound", arena->dir);
	(void)snprintf(arena->bin, sizeof(arena->bin), "%s/bin", arena->dir);
	(void)snprintf(arena->abstract, sizeof(arena->abstract), "%.48s", slash ? slash + 1 : dir);
}

/* A thread that is always somewhere in the kernel or on its way. */
_Noreturn static void *keep_busy(void *arg)
{
	(void)arg;
	for (;;)
		(void)usleep(50);
}

static int carry_out(attempt_fn fn, const struct arena *arena, bool threads)
{
	pthread_t thread;
	int r;

	(void)alarm(ATTEMPT_SECONDS);
	if (threads && pthread_create(&thread, NULL, keep_busy, NULL) != 0)
		return ATTEMPT_BROKEN;
	r = fn(arena);
	(void)fflush(stdout);
	return r;
}

static void run_phase(const char *phase, attempt_fn fn, const struct arena *arena)
{
	const pid_t child = fork();
	int status = 0;

	if (child == 0)
		_exit(carry_out(fn, arena, strcmp(phase, "threads") == 0));
	if (child < 0 || waitpid(child, &status, 0) < 0)
		return;
	(void)printf("\n@@ %s %s %d\n", phase, WIFSIGNALED(status) ? "signal" : "errno",
		     WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	(void)fflush(stdout);
}

/* --probe ID DIR PORT VICTIM PHASE...: phases are alone, threads, twin. */
int probe_main(int argc, char **argv)
{
	struct arena arena = {0};
	const struct row *row;

	if (argc < 6)
		return 2;
	arena_name(&arena, argv[2]);
	arena.port = (int)strtol(argv[3], NULL, 10);
	arena.victim = (pid_t)strtol(argv[4], NULL, 10);
	arena.row = argv[1];
	row = row_find(argv[1]);
	for (int i = 5; row && i < argc; i++)
		run_phase(argv[i], strcmp(argv[i], "twin") == 0 ? row->twin : row->attempt, &arena);
	return row ? 0 : 2;
}
