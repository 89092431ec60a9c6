/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once

/* What records say of files and of peers. */

#include "monitor/bpf/files.h"

#define SUN_PATH_MAX 108

static __always_inline int call_open(struct trace_slot *slot, struct trace_tag *tag,
				     struct pt_regs *regs, const struct call_roles *roles,
				     long result)
{
	const __u64 file = result >= 0 ? fd_file((__u32)result) : 0;
	struct scratch *scratch = record_begin(tag, TRACE_RECORD_OPEN);
	__u64 added = 0;

	if (file)
		added = take_file(scratch, slot, tag, file, false);
	else if (result >= 0) /* gone again: it may have been anything */
		added = tag_add_labels(slot, tag, slot->every_label);
	if (!scratch)
		return 0;
	scratch->record.process_labels = tag_labels(slot, tag);
	scratch->record.result = result;
	scratch->record.syscall = NUMBER(__s16, regs, regs_orig_ax);
	scratch->record.open_flags = open_flags(regs, roles);
	scratch->record.labels = added;
	if (!file && roles->path[0])
		place_call(scratch, 0, regs, roles);
	record_finish(scratch->index);
	return 0;
}

/* A file as the first place of a record, and who it is. */
static __always_inline void name_file(struct scratch *scratch, __u64 file)
{
	struct walk_request request = {};
	struct file_view view = {};

	file_view(file, &view);
	scratch->record.inode = view.number;
	scratch->record.device = READ(__u32, view.sb, sb_dev);
	request.mount = view.mount;
	request.dentry = view.dentry;
	walk_up(scratch->index, 0, &request);
}

static __always_inline long read_from(enum given_from from, void *to, __u32 bytes, __u64 address)
{
	return from == GIVEN_BY_USER ? bpf_probe_read_user(to, bytes, (void *)address)
				     : bpf_probe_read_kernel(to, bytes, (void *)address);
}

/* The struct sockaddr at an address. */
static __always_inline void given_peer(struct scratch *scratch, enum given_from from, __u64 address)
{
	struct trace_record *r = &scratch->record;
	__u16 family = 0;

	read_from(from, &family, sizeof(family), address);
	r->family = family;
	if (family == AF_UNIX)
		place_given(scratch, 0, from, address + 2, SUN_PATH_MAX + 1);
	if (family != AF_INET && family != AF_INET6)
		return;
	read_from(from, &r->port, sizeof(r->port), address + 2);
	if (family == AF_INET)
		read_from(from, r->address, 4, address + 4);
	else
		read_from(from, r->address, 16, address + 8);
}
