/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "scenarios/scenario.h"

#define MAX_SCENARIOS 10000u

static int load_one(const char *path, struct scenario_set *set, struct error *err)
{
	_cleanup_free_ char *text = NULL;
	size_t len;
	int r = json_read_file(path, &text, &len, err);

	if (r < 0)
		return r;
	if (set->count >= MAX_SCENARIOS)
		return error_set(err, E2BIG, "%s: over %u scenarios in one run", path,
				 MAX_SCENARIOS);
	set->items = xrealloc_array(set->items, set->count + 1, sizeof(*set->items));
	r = scenario_decode(path, text, len, &set->items[set->count], err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < set->count; i++) {
		if (strcmp(set->items[i].id, set->items[set->count].id) != 0)
			continue;
		r = error_set(err, EINVAL, "%s: $.id: \"%s\" is the id of %s already", path,
			      set->items[i].id, set->items[i].file);
		scenario_done(&set->items[set->count]);
		return r;
	}
	set->count++;
	return 0;
}

/* Of what lies below a folder that was named. */
static bool is_wanted(const FTSENT *entry)
{
	const size_t len = entry->fts_namelen;

	if (entry->fts_name[0] == '.')
		return false;
	if (entry->fts_info == FTS_D)
		return strcmp(entry->fts_name, "policies") != 0 &&
		       strcmp(entry->fts_name, "data") != 0;
	return len > 5 && strcmp(entry->fts_name + len - 5, ".json") == 0;
}

static int take_entry(FTS *walk, FTSENT *entry, struct scenario_set *set, struct error *err)
{
	switch (entry->fts_info) {
	case FTS_D:
		if (entry->fts_level > 0 && !is_wanted(entry))
			(void)fts_set(walk, entry, FTS_SKIP);
		return 0;
	case FTS_DC:
		return error_set(err, ELOOP, "%s: the folder holds itself", entry->fts_path);
	case FTS_DNR:
	case FTS_ERR:
	case FTS_NS:
		return error_errno(err, entry->fts_errno, "cannot open the scenario %s",
				   entry->fts_path);
	case FTS_SLNONE: /* a symbolic link to nothing */
		if (entry->fts_level == 0 || is_wanted(entry))
			return error_errno(err, ENOENT, "cannot open the scenario %s",
					   entry->fts_path);
		return 0;
	case FTS_DP:
		return 0;
	default:
		if (entry->fts_level > 0 && !is_wanted(entry))
			return 0;
		return load_one(entry->fts_path, set, err);
	}
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

static int load_path(char *path, struct scenario_set *set, struct error *err)
{
	char *const roots[] = {path, NULL};
	FTS *walk = fts_open(roots, FTS_LOGICAL | FTS_NOCHDIR, by_name);
	FTSENT *entry;
	int r = 0;

	if (!walk)
		return error_errno(err, errno, "cannot open the scenario %s", path);
	while (r == 0 && (errno = 0, entry = fts_read(walk)))
		r = take_entry(walk, entry, set, err);
	if (r == 0 && errno)
		r = error_errno(err, errno, "read the folder %s", path);
	(void)fts_close(walk);
	return r;
}

int scenarios_load(char *const *paths, size_t count, struct scenario_set *ret, struct error *err)
{
	struct scenario_set set = {0};
	int r = 0;

	for (size_t i = 0; r == 0 && i < count; i++)
		r = load_path(paths[i], &set, err);
	if (r == 0 && !set.count)
		r = error_set(err, ENOENT, "%s: no scenario (*.json) is there", paths[0]);
	if (r < 0) {
		scenarios_done(&set);
		return r;
	}
	*ret = set;
	return 0;
}

void scenarios_done(struct scenario_set *set)
{
	for (size_t i = 0; i < set->count; i++)
		scenario_done(&set->items[i]);
	free(set->items);
	*set = (struct scenario_set){0};
}
