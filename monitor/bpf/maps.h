/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once

/*
 * Memory that can be run: what an exec does not show, since no program is named by it. Only of
 * sessions in which a rule asks; the libraries of a program that starts are no news to it either:
 * what lies on a mount that nobody inside can write to is left out.
 */

#include "monitor/bpf/flows.h"
#include "monitor/bpf/report.h"

#define PROT_EXEC	4u
#define SHM_EXEC	0100000u
#define MOUNT_READ_ONLY 0x40u	   /* MNT_READONLY */
#define SB_READ_ONLY	1u	   /* SB_RDONLY */
#define MAY_BE_BACKING	(3u << 24) /* FMODE_BACKING: the one bit or the other */

static __always_inline bool map_is_told(const struct trace_slot *slot, __u64 protection)
{
	return (slot->flags & TRACE_SESSION_MAPS) && (protection & PROT_EXEC);
}

/*
 * The struct path by which the process knows a file. An overlay maps one of its layers' in place of
 * its own, and has the path of that behind it since Linux 6.8; before, as the file's own. Which
 * flag tells such a file has changed since then, so what lies behind is asked whether it is a path:
 * what is mounted there is of the file system that the name is in.
 */
static __always_inline __u64 file_user_path(__u64 file)
{
	const __u64 behind = file + layout.user_path;
	__u64 sb;

	if (layout.user_path && (READ(__u32, file, file_mode) & MAY_BE_BACKING)) {
		sb = READ(__u64, READ(__u64, behind, path_mnt), vfsmount_sb);
		if (sb && sb == READ(__u64, READ(__u64, behind, path_dentry), dentry_sb))
			return behind;
	}
	return file + layout.file_path;
}

/* As statfs(2) has it, by which the gate tells what is of the image. */
static __always_inline bool is_read_only(const struct walk_request *file)
{
	const __u64 inode = READ(__u64, file->dentry, dentry_inode);

	return (READ(__u32, file->mount, vfsmount_flags) & MOUNT_READ_ONLY) ||
	       (READ(__u64, READ(__u64, inode, inode_sb), sb_flags) & SB_READ_ONLY);
}

/* Names it in the record, too. */
static __always_inline __u64 map_labels(const struct trace_tag *tag, struct trace_slot *slot,
					__u32 scratch_index, struct walk_request *request)
{
	struct flow flow = {.slot = tag->slot, .generation = tag->generation};

	return flow_of_file(slot, &flow, scratch_index, request);
}

/* The record of it. @file: 0 if it shows none, or several. */
static __always_inline struct scratch *map_begin(struct trace_tag *tag, __u32 nr, __u64 file,
						 __u32 protection)
{
	struct walk_request request = {};
	struct trace_slot *slot;
	struct scratch *scratch;

	if (file) {
		const __u64 path = file_user_path(file);

		request.mount = READ(__u64, path, path_mnt);
		request.dentry = READ(__u64, path, path_dentry);
		if (is_read_only(&request))
			return NULL;
	}
	scratch = record_begin(tag, TRACE_RECORD_MAP);
	if (!scratch)
		return NULL;
	scratch->record.syscall = (__s16)nr;
	scratch->record.open_flags = protection;
	if (!file)
		return scratch;
	slot = tag_slot(tag);
	if (slot && slot->every_label)
		scratch->record.labels = map_labels(tag, slot, scratch->index, &request);
	else
		walk_up(scratch->index, 0, &request);
	return scratch;
}
