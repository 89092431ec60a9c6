/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once

/* What system calls name: descriptors, files and their labels, paths in the caller's memory. */

#include "monitor/bpf/calls.h"
#include "monitor/bpf/state.h"
#include "monitor/bpf/walk.h"

#define S_IFMT	    0170000
#define S_IFSOCK    0140000
#define S_IFDIR	    0040000
#define FMODE_READ  1u
#define AT_FDCWD    (-100)
#define CREAT_FLAGS 01101 /* O_CREAT | O_WRONLY | O_TRUNC */

/* Address of the struct file behind a descriptor of the current task, or 0. */
static __always_inline __u64 fd_file(__u32 fd)
{
	const __u64 files = READ(__u64, (__u64)bpf_get_current_task_btf(), task_files);
	const __u64 fdt = READ(__u64, files, files_fdt);

	if (fd >= READ(__u32, fdt, fdtable_max_fds))
		return 0;
	return READ_AT(__u64, READ(__u64, fdt, fdtable_fd), (__u64)fd * sizeof(__u64));
}

static __always_inline __u64 file_inode(__u64 file)
{
	return READ(__u64, file, file_inode);
}

static __always_inline void record_inode(struct trace_record *r, __u64 inode)
{
	r->inode = READ(__u64, inode, inode_ino);
	r->device = READ(__u32, READ(__u64, inode, inode_sb), sb_dev);
}

/*
 * Labels of a file that was opened for reading or is being executed. A walk that does not end, or a
 * descriptor that is gone before its open returned, counts as having read everything labelled.
 */
static __always_inline __u64 file_labels(struct trace_slot *slot, const struct trace_tag *tag,
					 __u64 file, bool executed)
{
	struct walk_result result = {};
	struct location from;

	if (!file)
		return slot->every_label;
	if (!executed && !(READ(__u32, file, file_mode) & FMODE_READ))
		return 0;
	if ((READ(__u16, file_inode(file), inode_mode) & S_IFMT) == S_IFDIR)
		return 0;
	path_location(file + layout.file_path, &from);
	walk_up(NO_SCRATCH, from.mount, from.dentry, tag->slot + 1, &result);
	return result.complete ? result.labels : slot->every_label;
}

static __always_inline unsigned long call_argument(struct pt_regs *regs, __u32 number)
{
	switch (number) {
	case 1:
		return NUMBER(__u64, regs, regs_di);
	case 2:
		return NUMBER(__u64, regs, regs_si);
	case 3:
		return NUMBER(__u64, regs, regs_dx);
	case 4:
		return NUMBER(__u64, regs, regs_r10);
	default:
		return 0;
	}
}

/* A string of the caller, at most @max bytes. Return: its first byte. */
static __always_inline char place_given(struct scratch *scratch, __u32 which, __u64 address,
					__u32 max)
{
	struct trace_place *place = &scratch->record.place[which & 1];
	const __u32 at = scratch->at & TEXT_MASK;
	long len;

	len = bpf_probe_read_user_str(&scratch->text[at], max, (void *)address);
	if (len <= 0 || len > (long)max)
		return 0;
	if (len == (long)max)
		place->flags |= TRACE_PLACE_CUT;
	place->given_bytes = (__u16)len;
	scratch->at = at + (__u32)len;
	return scratch->text[at];
}

/* A path argument, and for a relative one the folder that it starts from. */
__noinline int place_argument(__u32 scratch_index, __u32 which, __u64 address, int dir_fd)
{
	struct scratch *scratch = bpf_map_lookup_elem(&scratches, &scratch_index);
	__u64 file;

	if (!scratch || place_given(scratch, which, address, TRACE_TEXT_BYTES) == '/')
		return 0;
	if (dir_fd == AT_FDCWD) {
		file = READ(__u64, (__u64)bpf_get_current_task_btf(), task_fs);
		return place_names(scratch_index, which, file + layout.fs_pwd);
	}
	file = fd_file((__u32)dir_fd);
	return file ? place_names(scratch_index, which, file + layout.file_path) : 0;
}

static __always_inline void place_call(struct scratch *scratch, __u32 which, struct pt_regs *regs,
				       const struct call_roles *roles)
{
	const __u32 dir = roles->dir[which];

	place_argument(scratch->index, which, call_argument(regs, roles->path[which]),
		       dir ? (int)call_argument(regs, dir) : AT_FDCWD);
}

static __always_inline __u32 open_flags(struct pt_regs *regs, const struct call_roles *roles)
{
	__u64 flags = 0;

	if (roles->flags)
		return (__u32)call_argument(regs, roles->flags);
	if (!roles->how)
		return CREAT_FLAGS;
	bpf_probe_read_user(&flags, sizeof(flags), (void *)call_argument(regs, roles->how));
	return (__u32)flags;
}
