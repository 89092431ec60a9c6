/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/disk.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "common/cleanup.h"
#include "sandbox/launch.h"

#define SPARED_SHARE 20u /* of the file system, for the host */
#define SPARED_MOST  (UINT64_C(4) << 30)
#define SPARED_FREE  4u /* of what is free at the start: more is not kept from it */
#define SIZE_SHARE   2u /* of what is free then: of several sessions none has all of it */

static char *folder_of(const struct spec *spec)
{
	if (spec->isolation == ISOLATION_LITE)
		return spec_private_dir(spec->session);
	for (size_t i = 0; i < spec->mount_count; i++)
		if (spec->mounts[i].kind == MOUNT_OVERLAY)
			return xstrndup(spec->mounts[i].upper,
					(size_t)(strrchr(spec->mounts[i].upper, '/') -
						 spec->mounts[i].upper));
	return NULL;
}

/* Return: false if nobody said how much, and what is left would be no room to work in. */
static bool choose_limits(struct disk *disk, struct spec_limits *limits, const struct statvfs *fs)
{
	const uint64_t all = fs->f_blocks * fs->f_frsize;
	const uint64_t left = fs->f_bavail * fs->f_frsize;
	const bool is_asked = limits->layer_bytes;

	disk->spared = disk_least(disk_least(all / SPARED_SHARE, SPARED_MOST), left / SPARED_FREE);
	disk->spared_files = disk_least(fs->f_files / SPARED_SHARE, fs->f_favail / SPARED_FREE);
	if (!is_asked) {
		limits->layer_bytes = (left - disk->spared) / SIZE_SHARE;
		if (fs->f_files)
			limits->layer_bytes = disk_least(
				limits->layer_bytes, fs->f_favail / SIZE_SHARE * DISK_NAME_BYTES);
		if (limits->layer_bytes < DISK_SLACK)
			return false;
	}
	/*
	 * One file cannot be larger. Where nobody asked, that would only hit what is no matter of
	 * the layer: files with holes, and those on other disks that are bound or handed in.
	 */
	if (is_asked && !limits->file_size_bytes)
		limits->file_size_bytes = limits->layer_bytes;
	disk->size = disk->line = limits->layer_bytes;
	disk->low_line = UINT64_MAX;
	return true;
}

int disk_open(struct launch *l, struct error *err)
{
	struct disk *disk = &l->disk;
	_cleanup_free_ char *parent = NULL;
	struct statvfs fs;

	disk->folder = folder_of(&l->spec);
	if (!disk->folder)
		return 0;
	parent = xstrdup(disk->folder);
	*strrchr(parent, '/') = '\0';
	if (statvfs(*parent ? parent : "/", &fs) < 0)
		return error_errno(err, errno, "see how much room is left at %s", parent);
	if (!fs.f_blocks && !l->spec.limits.layer_bytes) {
		/* A tmpfs without a size, or a ramfs: half of what is free would be nothing. */
		free(disk->folder);
		disk->folder = NULL;
		launch_say(l, "limit.layer=off");
		return 0;
	}
	if (!choose_limits(disk, &l->spec.limits, &fs))
		return error_set(err, ENOSPC,
				 "the disk of %s is nearly full, with room for %" PRIu64
				 " bytes and %" PRIu64 " files: of that a session would be ended "
				 "for what it writes; free some, or start it all the same with "
				 "--layer-size",
				 parent, (uint64_t)(fs.f_bavail * fs.f_frsize),
				 (uint64_t)fs.f_favail);
	/* Of lite's folder, which is made later, the first look is at what came since. */
	disk->base = disk->before = disk_in_use(&fs);
	launch_say(l, "limit.layer=%" PRIu64, disk->size);
	return 0;
}
