/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What a session takes of the host's disk: the layer of its workspace, or lite's private folder.
 *
 *	disk_limits.c	P: how much it may be
 *	disk.c		P: when to measure, and what then follows
 *	disk_measure.c	a child of P: what lies in the folder
 *	disk_held.c	the same: what has no name any more, and is held open
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/statvfs.h>
#include <sys/types.h>

#include "common/error.h"

struct launch;

/*
 * What a name counts for, besides its blocks: an inode, and its place in a folder. So a flood of
 * empty files is bounded, too.
 */
#define DISK_NAME_BYTES 4096u
/* What a session is let have above what it holds, to delete by: whiteouts, folders. */
#define DISK_SLACK (UINT64_C(4) << 20)

struct disk {
	char *folder;  /* on the host; NULL: the session has nothing there. Owned. */
	int folder_fd; /* -1: it is not there yet (lite) */
	int users_fd;  /* the session's user namespace; -1: P has the rights that it takes */
	pid_t init_pid;
	uint64_t size;	   /* what it may take */
	uint64_t line;	   /* what ends its calls: more than that only while it holds more anyway */
	uint64_t low_line; /* the same while the host is short; else UINT64_MAX */
	uint64_t spared;   /* bytes that are to be left to the host */
	uint64_t spared_files;
	bool is_measured; /* ever */
	bool is_low;	  /* the host has less than that left */
	bool has_ended;	  /* its calls were ended, and nobody has measured since */
	unsigned endings; /* of calls, since it was last below its size */
	uint64_t taken;	  /* as last measured, */
	uint64_t seen;	  /* without what is only known to be hidden, */
	uint64_t hidden;  /* which is at most what else came into use, on the whole, since it was */
	uint64_t risen;	  /* what of the file system came into use since then, sum of all rises */
	int64_t net;	  /* by how much it rose, on the whole, between the last two */
	uint64_t base;	  /* what of it was in use when that began */
	uint64_t before;  /* ... at the last look */
	uint64_t told;	  /* the room that the supervisor knows of */
	uint64_t due_ns;  /* the next look */
	uint64_t rest_ns; /* no measuring before */
	uint64_t began_ns;
	pid_t measurer; /* 0: none */
	int report_fd;	/* of the measurer; -1 */
};

enum disk_step {
	DISK_GOES_ON,
	DISK_ENDS_CALLS,
	DISK_ENDS_SESSION
};

/* How much of a file system is, in bytes, with DISK_NAME_BYTES for each name. */
uint64_t disk_in_use(const struct statvfs *fs);

static inline uint64_t disk_least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/*
 * P, before C is there: finds out what is to be watched and how much it may be, if the spec leaves
 * that open, and puts both into the spec's limits.
 */
int disk_open(struct launch *l, struct error *err);
/* P, when C is there and can still be looked at. Tells the supervisor. */
void disk_begin(struct launch *l, pid_t init_pid);
/* Until the next disk_step(), as poll(2) takes it. */
int disk_timeout(const struct disk *disk);
/* Whenever that is over, or @reported: report_fd is readable. */
enum disk_step disk_step(struct launch *l, bool reported);
void disk_say_end(const struct disk *disk, struct error *err);

/* A measurement, as its process writes it. */
struct disk_report {
	uint64_t taken; /* at least, if that is more than it was to look for */
	bool is_hidden; /* there are files, too, of which nobody can tell how large they are */
};

/* Measures, at most until more than @enough was found, and ends. */
_Noreturn void disk_measure(const struct launch *l, uint64_t enough, int report_fd);
/* Adds the files that only processes below the init hold; not much more than @enough. */
void disk_held(const struct launch *l, uint64_t enough, struct disk_report *report);
