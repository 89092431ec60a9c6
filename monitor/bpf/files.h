/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once

/* What system calls name: descriptors, files and their labels, paths in the caller's memory. */

#include "monitor/bpf/calls.h"
#include "monitor/bpf/record.h"
#include "monitor/bpf/walk.h"

#define S_IFMT	      0170000
#define S_IFCHR	      0020000
#define S_IFSOCK      0140000
#define S_IFDIR	      0040000
#define AF_UNIX	      1
#define AF_INET	      2
#define AF_INET6      10
#define PTMX	      (5u << 20 | 2u) /* opened: a new pseudo-terminal */
#define FMODE_READ    1u
#define FMODE_CREATED (1u << 20) /* set by open(2) itself, since Linux 4.19 */
#define AT_FDCWD      (-100)
#define CREAT_FLAGS   01101 /* O_CREAT | O_WRONLY | O_TRUNC */

#define FILE_COPY_WORDS	 12u
#define INODE_COPY_WORDS 9u
#define TABLE_COPY_WORDS 4u

#define BEHIND_FDT(_offset) ((_offset)-layout.files_fdt)

/*
 * Address of the struct file behind a descriptor of the current task, or 0. The first table, which
 * few processes outgrow, lies right behind the pointer to the one in use: one read has both.
 */
static __always_inline __u64 fd_file(__u32 fd)
{
	const __u64 files = READ(__u64, (__u64)bpf_get_current_task_btf(), task_files);
	const __u64 from = files + layout.files_fdt;
	__u64 words[TABLE_COPY_WORDS];
	const char *view = VIEW(words, from);
	const __u64 table = FROM(__u64, view, words, from, 0);
	__u64 array;
	__u32 count;

	if (table == files + layout.files_fdtab) {
		count = FROM(__u32, view, words, from,
			     BEHIND_FDT(layout.files_fdtab + layout.fdtable_max_fds));
		array = FROM(__u64, view, words, from,
			     BEHIND_FDT(layout.files_fdtab + layout.fdtable_fd));
	} else {
		count = READ(__u32, table, fdtable_max_fds);
		array = READ(__u64, table, fdtable_fd);
	}
	return fd < count ? READ_AT(__u64, array, (__u64)fd * sizeof(__u64)) : 0;
}

static __always_inline __u64 file_inode(__u64 file)
{
	return READ(__u64, file, file_inode);
}

/* What records and labels need of a file, from two reads. */
struct file_view {
	__u64 mount, dentry;
	__u64 inode, sb, number; /* number: i_ino */
	__u32 mode;		 /* f_mode */
	__u32 type;		 /* S_IFMT of its inode */
};

/* A function of its own: its copies are off the stack (512 bytes in all) before a walk begins. */
__noinline int file_view(__u64 file, struct file_view *ret)
{
	__u64 words[FILE_COPY_WORDS];
	__u64 inode[INODE_COPY_WORDS];
	const char *view;

	if (!ret)
		return 0;
	view = VIEW(words, file);
	ret->mount = FROM(__u64, view, words, file, layout.file_path + layout.path_mnt);
	ret->dentry = FROM(__u64, view, words, file, layout.file_path + layout.path_dentry);
	ret->inode = FROM(__u64, view, words, file, layout.file_inode);
	ret->mode = FROM(__u32, view, words, file, layout.file_mode);
	view = VIEW(inode, ret->inode);
	ret->type = FROM(__u16, view, inode, ret->inode, layout.inode_mode) & S_IFMT;
	ret->sb = FROM(__u64, view, inode, ret->inode, layout.inode_sb);
	ret->number = FROM(__u64, view, inode, ret->inode, layout.inode_ino);
	return 0;
}

/*
 * A file into a record (scratch NULL: there is none), and its labels to the process and its session
 * where it was opened for reading or is being executed. A walk that does not end counts as having
 * read everything labelled. Return: labels that are new to the session.
 */
static __always_inline __u64 take_file(struct scratch *scratch, struct trace_slot *slot,
				       const struct trace_tag *tag, __u64 file, bool executed)
{
	struct walk_request request = {};
	struct file_view view = {};
	bool reads;

	file_view(file, &view);
	if (view.type == S_IFCHR && READ(__u32, view.inode, inode_rdev) == PTMX)
		__sync_fetch_and_or(&slot->flags, TRACE_SESSION_TERMINAL);
	reads = (slot->flags & TRACE_SESSION_LABELS) && view.type != S_IFDIR &&
		(executed || (view.mode & FMODE_READ));
	if (!scratch && !reads)
		return 0;
	request.mount = view.mount;
	request.dentry = view.dentry;
	request.labels_of = reads ? tag->slot + 1 : 0;
	request.generation = tag->generation;
	if (scratch) {
		scratch->record.inode = view.number;
		scratch->record.device = READ(__u32, view.sb, sb_dev);
		if (view.mode & FMODE_CREATED)
			scratch->record.flags |= TRACE_RECORD_CREATED;
	}
	walk_up(scratch ? scratch->index : NO_SCRATCH, 0, &request);
	if (!reads)
		return 0;
	if (!request.complete)
		request.labels = slot->every_label;
	return tag_add_labels(slot, tag, request.labels);
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

enum given_from {
	GIVEN_BY_USER,	/* in the caller's memory */
	GIVEN_BY_KERNEL /* the kernel's own copy of it */
};

/* A string of the caller, at most @max bytes. Return: its first byte. */
static __always_inline char place_given(struct scratch *scratch, __u32 which, enum given_from from,
					__u64 address, __u32 max)
{
	struct trace_place *place = &scratch->record.place[which & 1];
	const __u32 at = scratch->at & TEXT_MASK;
	long len;

	if (from == GIVEN_BY_USER)
		len = bpf_probe_read_user_str(&scratch->text[at], max, (void *)address);
	else
		len = bpf_probe_read_kernel_str(&scratch->text[at], max, (void *)address);
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
	__u64 path;

	if (!scratch ||
	    place_given(scratch, which, GIVEN_BY_USER, address, TRACE_TEXT_BYTES) == '/')
		return 0;
	if (dir_fd == AT_FDCWD) {
		path = READ(__u64, (__u64)bpf_get_current_task_btf(), task_fs) + layout.fs_pwd;
	} else {
		path = fd_file((__u32)dir_fd);
		if (!path)
			return 0;
		path += layout.file_path;
	}
	place_names(scratch_index, which, path);
	return 0;
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
