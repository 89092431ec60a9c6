/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Races over the strings of an exec: the permitted program with an argument or a variable that the
 * policy forbids, and that the payload tells when it has got it.
 */
#include "tools/prove/probes/race.h"

#include <spawn.h>
#include <stdlib.h>

static char *const no_env[] = {NULL};

static int try_argument(struct race *race)
{
	char name[] = "payload";
	char *const argv[] = {name, race->path, NULL};
	const pid_t child = fork();

	if (!child)
		_exit(execve(race->targets[0], argv, no_env) < 0 ? errno : 0);
	return race_wait_for(child);
}

/* vfork and one memory: the argument lies where the exchanger's own does. */
static int try_argument_by_spawn(struct race *race)
{
	char name[] = "payload";
	char *const argv[] = {name, race->path, NULL};
	pid_t child = -1;

	return posix_spawn(&child, race->targets[0], NULL, NULL, argv, no_env)
		       ? 2
		       : race_wait_for(child);
}

static int try_variable(struct race *race)
{
	char name[] = "payload";
	char *const argv[] = {name, NULL};
	char *const env[] = {race->path, NULL};
	const pid_t child = fork();

	if (!child)
		_exit(execve(race->targets[0], argv, env) < 0 ? errno : 0);
	return race_wait_for(child);
}

/* The list itself is what is shared. */
static int try_list_of_arguments(struct race *race)
{
	const pid_t child = fork();

	if (!child)
		_exit(execve(race->targets[0], race->strings, no_env) < 0 ? errno : 0);
	return race_wait_for(child);
}

static int try_list_of_variables(struct race *race)
{
	char name[] = "payload";
	char *const argv[] = {name, NULL};
	const pid_t child = fork();

	if (!child)
		_exit(execve(race->targets[0], argv, race->strings) < 0 ? errno : 0);
	return race_wait_for(child);
}

/* The list has the forbidden string now, and now has not. */
static void exchange_pointer(struct race *race, unsigned turn)
{
	__atomic_store_n(&race->strings[1], turn ? race->path : NULL, __ATOMIC_RELAXED);
}

static int race_over(const struct arena *a, const char *text, int (*try)(struct race *), bool apart)
{
	struct race *race = race_new(a);

	if (!race)
		return ATTEMPT_BROKEN;
	(void)snprintf(race->path, PATH_BYTES, "%s", text);
	race->exchange = race_exchange_letter;
	race->try = try;
	return race_run(race, apart);
}

static int race_over_list(const struct arena *a, const char *text, int (*try)(struct race *))
{
	struct race *race = race_new(a);

	if (!race)
		return ATTEMPT_BROKEN;
	(void)snprintf(race->path, PATH_BYTES, "%s", text);
	race->strings[0] = race->spare;
	(void)snprintf(race->spare, sizeof(race->spare), "PAYLOAD=1");
	race->exchange = exchange_pointer;
	race->try = try;
	return race_run(race, false);
}

static int argument_by_thread(const struct arena *a)
{
	return race_over(a, "forbiddem", try_argument, false);
}

static int argument_by_process(const struct arena *a)
{
	return race_over(a, "forbiddem", try_argument, true);
}

static int argument_by_spawn(const struct arena *a)
{
	return race_over(a, "forbiddem", try_argument_by_spawn, false);
}

static int argument_added(const struct arena *a)
{
	return race_over_list(a, "forbidden", try_list_of_arguments);
}

static int variable_by_thread(const struct arena *a)
{
	return race_over(a, "LD_PRELOAD=forbiddem", try_variable, false);
}

static int variable_by_process(const struct arena *a)
{
	return race_over(a, "LD_PRELOAD=forbiddem", try_variable, true);
}

static int variable_added(const struct arena *a)
{
	return race_over_list(a, "LD_PRELOAD=forbidden", try_list_of_variables);
}

const struct row race_string_rows[] = {
	VERIFIED_ROW("race.argv-thread", "1", argument_by_thread),
	VERIFIED_ROW("race.argv-process", "2", argument_by_process),
	VERIFIED_ROW("race.argv-vfork", "2", argument_by_spawn),
	VERIFIED_ROW("race.argv-added", "1", argument_added),
	VERIFIED_ROW("race.environment-thread", "1,18", variable_by_thread),
	VERIFIED_ROW("race.environment-process", "2,18", variable_by_process),
	VERIFIED_ROW("race.environment-added", "1,18", variable_added),
	{0},
};
