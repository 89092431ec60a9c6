/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/toolkit/layer.h"

#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"

#define OPEN_FOLDERS 16

bool layer_has_changes(const char *upper_dir)
{
	DIR *dir = opendir(upper_dir);
	const struct dirent *entry;
	bool found = false;

	if (!dir)
		return false;
	while (!found && (entry = readdir(dir)))
		found = strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
	(void)closedir(dir);
	return found;
}

/* By the walk that is under way; nftw(3) hands nothing to its callback. */
static bool has_mended;

/* A folder that could not be read is only entered on the next walk, after its mode was mended. */
static int open_up(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)ftw;
	if ((type == FTW_D || type == FTW_DNR) && (st->st_mode & 0700) != 0700 &&
	    chmod(path, 0700) == 0 && type == FTW_DNR)
		has_mended = true;
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	(void)remove(path);
	return 0;
}

void layer_remove(const char *dir)
{
	do {
		has_mended = false;
		(void)nftw(dir, open_up, OPEN_FOLDERS, FTW_PHYS | FTW_MOUNT);
	} while (has_mended);
	(void)nftw(dir, remove_one, OPEN_FOLDERS, FTW_PHYS | FTW_MOUNT | FTW_DEPTH);
}

void layer_settle(const char *upper_dir, bool discard)
{
	_cleanup_free_ char *layers = xstrdup(upper_dir);
	_cleanup_free_ char *work = NULL;
	const bool kept = !discard && layer_has_changes(upper_dir);

	*strrchr(layers, '/') = '\0';
	work = xasprintf("%s/work", layers);
	layer_remove(kept ? work : layers);
}
