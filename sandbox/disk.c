/* SPDX-License-Identifier: Apache-2.0 */
/*
 * P's watch over the disk. Theory of operation:
 *
 * No quota can be relied on: they belong to the host's file system and its root. So what is asked
 * is statvfs(2), which costs a microsecond, and tells how much of the file system came into use. As
 * long as all of that together would not bring the session over its line, nobody needs to know
 * whose it is. As soon as it would, a child of P measures what the session itself holds
 * (disk_measure.c). Only that counts: what others write makes P measure, and nothing else.
 *
 * Rises are summed up, so that what the host frees meanwhile hides none of them. A look follows
 * before a program that writes FASTEST bytes a second could use up the room, and after SOONEST_MS
 * at the earliest. What takes room faster than by writing it, fallocate(2), comes to the gate,
 * which is told of the room that is left (MSG_ROOM); what the same does by ioctl(2) the filter
 * refuses.
 *
 * Over the line every call of the session is ended. What it wrote stays, so the line is then where
 * it stands, that later calls can look at it and delete: who still adds to it is ended again, and
 * the whole session, if it comes to a quarter more or does so too often. The line falls with what
 * is deleted.
 *
 * While the host is short of space, what a session had when that began is all that it may have: so
 * the last of it goes to none of them, however many there are and whatever their sizes add up to.
 */
#include "sandbox/disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/prctl.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "sandbox/launch.h"

#define FASTEST	   (UINT64_C(4) << 30) /* bytes a second */
#define SOONEST_MS 20u
#define LATEST_MS  500u
#define REST_TIMES 4u			/* as long as a measurement took: what it costs at most */
#define OVER	   (UINT64_C(64) << 20) /* and a quarter: then the session is ended */
#define ENDINGS	   8u
#define FINER                                                                                 \
	64u /* part of the size: changes of the room by less are not told, and names are left \
	     * so much, that who takes all the room is refused more, and not ended */

static uint64_t now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

/* Counted as disk_measure() does. Not what is free: some file systems make up how many files fit.
 */
uint64_t disk_in_use(const struct statvfs *fs)
{
	return (fs->f_blocks - fs->f_bfree) * fs->f_frsize +
	       (fs->f_files - fs->f_ffree) * DISK_NAME_BYTES;
}

/* In lite C makes it, later. */
static bool is_there(struct disk *disk)
{
	if (disk->folder_fd < 0)
		disk->folder_fd =
			open(disk->folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return disk->folder_fd >= 0;
}

static bool is_empty(int folder_fd, const char *name)
{
	const int inner_fd = openat(folder_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = inner_fd < 0 ? NULL : fdopendir(inner_fd);
	unsigned count = 0;

	if (!dir) {
		if (inner_fd >= 0)
			(void)close(inner_fd);
		return false;
	}
	while (count <= 2 && readdir(dir)) /* NOLINT(concurrency-mt-unsafe) */
		count++;
	(void)closedir(dir);
	return count <= 2;
}

/* Of a layer that was kept nobody knows yet: a little, which a linker or a database needs. */
static uint64_t room_of(const struct disk *disk)
{
	const uint64_t taken = disk->taken + less(disk->before, disk->base);

	if (disk->is_low)
		return 0;
	return disk->is_measured ? less(disk->size - disk->size / FINER, taken)
				 : disk->size / FINER;
}

static void tell(const struct launch *l, struct disk *disk, uint64_t room)
{
	const struct msg m = {.type = MSG_ROOM, .room = room};

	disk->told = room;
	(void)msg_send(l->control_fd, &m, NULL, NULL, 0);
}

void disk_begin(struct launch *l, pid_t init_pid)
{
	struct disk *disk = &l->disk;
	struct statvfs fs;

	if (!disk->folder)
		return;
	disk->init_pid = init_pid;
	if (!l->lite && !l->range) {
		_cleanup_free_ char *path = xasprintf("/proc/%d/ns/user", init_pid);

		disk->users_fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	/* A layer that was kept is measured first. */
	disk->is_measured = l->lite || (is_there(disk) && is_empty(disk->folder_fd, "upper"));
	if (is_there(disk) && fstatvfs(disk->folder_fd, &fs) == 0)
		disk->base = disk->before = disk_in_use(&fs);
	tell(l, disk, room_of(disk));
}

int disk_timeout(const struct disk *disk)
{
	const uint64_t now = now_ns();

	if (!disk->folder)
		return -1;
	return disk->due_ns > now ? (int)((disk->due_ns - now) / 1000000u) + 1 : 0;
}

/* What it may have now. */
static uint64_t line_of(const struct disk *disk)
{
	return disk_least(disk->line, disk->low_line);
}

static void start_measuring(const struct launch *l, struct disk *disk)
{
	const uint64_t enough = disk->has_ended || !disk->is_measured ? UINT64_MAX : line_of(disk);
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return;
	disk->began_ns = now_ns();
	disk->measurer = fork();
	if (!disk->measurer) {
		/* What would keep C and the supervisor from hearing of P's end. */
		(void)close(l->control_fd);
		(void)close(l->keeper_end_fd);
		(void)close(ends[0]);
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		disk_measure(l, enough, ends[1]);
	}
	(void)close(ends[1]);
	if (disk->measurer < 0) {
		disk->measurer = 0;
		(void)close(ends[0]);
		return;
	}
	disk->report_fd = ends[0];
	disk->net = (int64_t)(disk->before - disk->base);
	disk->risen = 0;
	disk->base = disk->before;
}

/* No more than it has, but for a little of what is left. */
static void set_low_line(struct disk *disk)
{
	disk->low_line = disk->taken + disk_least(DISK_SLACK, disk->spared / 4);
}

/* After its calls were ended: what is left is what it may have, if that is not far too much. */
static bool goes_on(struct disk *disk)
{
	disk->has_ended = false;
	if (disk->taken > disk->size + disk->size / 4 + OVER || disk->endings > ENDINGS)
		return false;
	if (disk->is_low)
		set_low_line(disk);
	disk->line = disk->taken + DISK_SLACK;
	return true;
}

static enum disk_step decide(struct disk *disk)
{
	bool is_over = disk->taken > line_of(disk);

	if (disk->has_ended) {
		if (!goes_on(disk))
			return DISK_ENDS_SESSION;
		is_over = false;
	}
	if (disk->is_low && disk->low_line == UINT64_MAX)
		set_low_line(disk);
	if (disk->taken <= disk->size && !disk->is_low)
		disk->endings = 0;
	if (is_over) {
		disk->has_ended = true;
		disk->endings++;
		return DISK_ENDS_CALLS;
	}
	/* It falls with what is deleted. */
	disk->line = disk_least(disk->line, disk->taken + DISK_SLACK);
	if (disk->line < disk->size)
		disk->line = disk->size;
	return DISK_GOES_ON;
}

/*
 * What cannot be measured is at most what the file system has lost since and nobody sees here. That
 * others may have written it is who hides something to blame for, as long as it is there: what they
 * delete again is taken off, and so is what was only seen late. What the session itself deletes
 * makes no room for what it hides, since both sums fall by it.
 */
static void take_in(struct disk *disk, const struct disk_report *report)
{
	const int64_t more = disk->net - (int64_t)(report->taken - disk->seen);

	if (!report->is_hidden || !disk->is_measured)
		disk->hidden = 0;
	else if (more < 0)
		disk->hidden = less(disk->hidden, (uint64_t)-more);
	else
		disk->hidden += (uint64_t)more;
	disk->seen = report->taken;
	disk->taken = disk->seen + disk->hidden;
}

static enum disk_step take_report(struct disk *disk)
{
	struct disk_report report;
	const ssize_t n = read(disk->report_fd, &report, sizeof(report));
	const uint64_t now = now_ns();
	enum disk_step step;

	close_fd(&disk->report_fd);
	while (waitpid(disk->measurer, NULL, 0) < 0 && errno == EINTR)
		;
	disk->measurer = 0;
	disk->rest_ns = now + (now - disk->began_ns) * REST_TIMES;
	if (n != (ssize_t)sizeof(report))
		return DISK_GOES_ON; /* no memory? It is due again. */
	take_in(disk, &report);
	/* A layer that was kept may hold more than the session would be given now. */
	if (!disk->is_measured && disk->taken > disk->size)
		disk->line = disk->taken + DISK_SLACK;
	disk->is_measured = true;
	step = decide(disk);
	if (step == DISK_ENDS_CALLS)
		disk->rest_ns = now + SOONEST_MS * UINT64_C(1000000); /* they are gone by then */
	return step;
}

static void look(struct disk *disk)
{
	struct statvfs fs;
	uint64_t used;

	if (fstatvfs(disk->folder_fd, &fs) < 0)
		return;
	used = disk_in_use(&fs);
	disk->risen += less(used, disk->before);
	if (!fs.f_blocks)
		disk->risen = disk->size; /* it tells nothing: measure again and again */
	disk->before = used;
	disk->is_low = fs.f_bavail * fs.f_frsize < disk->spared ||
		       (fs.f_files && fs.f_favail < disk->spared_files);
	if (!disk->is_low)
		disk->low_line = UINT64_MAX;
}

static void tell_room(const struct launch *l, struct disk *disk)
{
	const uint64_t room = room_of(disk);
	const uint64_t change = room > disk->told ? room - disk->told : disk->told - room;

	if (change > disk->size / FINER || (!room && disk->told))
		tell(l, disk, room);
}

enum disk_step disk_step(struct launch *l, bool reported)
{
	struct disk *disk = &l->disk;
	enum disk_step step = DISK_GOES_ON;
	uint64_t room;
	uint64_t wait_ms;

	if (reported)
		step = take_report(disk);
	if (is_there(disk))
		look(disk);
	room = less(line_of(disk), disk->taken + disk->risen);
	if (is_there(disk) && step == DISK_GOES_ON && now_ns() >= disk->rest_ns &&
	    disk->report_fd < 0 &&
	    (!room || !disk->is_measured || disk->has_ended ||
	     (disk->is_low && disk->low_line == UINT64_MAX)))
		start_measuring(l, disk);
	tell_room(l, disk);
	wait_ms = room / (FASTEST / 1000u);
	if (wait_ms < SOONEST_MS || disk->has_ended)
		wait_ms = SOONEST_MS;
	if (wait_ms > LATEST_MS)
		wait_ms = LATEST_MS;
	disk->due_ns = now_ns() + wait_ms * 1000000u;
	return step;
}

void disk_say_end(const struct disk *disk, struct error *err)
{
	(void)error_set(err, ENOSPC,
			"the session was ended: it holds %" PRIu64 " bytes of the host's disk in "
			"%s, over the %" PRIu64 " of its limit, and its calls were ended %u times "
			"for that: allow more with --layer-size, or delete something",
			disk->taken, disk->folder, disk->size, disk->endings);
}
