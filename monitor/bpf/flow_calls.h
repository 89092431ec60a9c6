/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once

/*
 * What a system call, as it returned, has brought to its process, and what that can reach by it
 * from then on: how labels go on is said in flows.h.
 */

#include "monitor/bpf/calls.h"
#include "monitor/bpf/flows.h"

#define FICLONE	      0x40049409u
#define FICLONERANGE  0x4020940du
#define MAP_KIND      0xfu
#define MAP_PRIVATE   2u
#define MAP_ANONYMOUS 0x20u
#define EFAULT	      14

/*
 * A system call as it returned. The two that go by it are functions of their own to the verifier,
 * and all branches are in them: it would else follow the rest of the program once for each.
 */
struct flow_call {
	__u64 di, si, dx, r10, r8;
	__s64 result;
	__u32 kind, reads, makes; /* as in call_roles */
	__u32 reserved;
};

static __always_inline void flow_call(struct pt_regs *regs, const struct call_roles *roles,
				      long result, struct flow_call *ret)
{
	ret->di = NUMBER(__u64, regs, regs_di);
	ret->si = NUMBER(__u64, regs, regs_si);
	ret->dx = NUMBER(__u64, regs, regs_dx);
	ret->r10 = NUMBER(__u64, regs, regs_r10);
	ret->r8 = NUMBER(__u64, regs, regs_r8);
	ret->result = result;
	ret->kind = roles->kind;
	ret->reads = roles->reads;
	ret->makes = roles->makes;
	ret->reserved = 0;
}

static __always_inline bool flow_shares(const struct flow_call *call)
{
	__u64 file;

	if (call->result < 0)
		return false;
	if (call->makes != MAKES_MAP)
		return call->makes == MAKES_SHARED;
	if ((call->r10 & MAP_KIND) == MAP_PRIVATE)
		return false;
	if (call->r10 & MAP_ANONYMOUS)
		return true;
	file = fd_file((__u32)call->r8);
	return !file || (READ(__u32, file, file_mode) & FMODE_WRITE);
}

/* Its process has memory that others may have, too, or will once it forks. */
static __always_inline void flow_share(struct trace_slot *slot, const struct trace_tag *tag)
{
	struct trace_group *group;
	__u64 id = tag->group;

	group = bpf_map_lookup_elem(&groups, &id);
	if (group)
		__sync_fetch_and_or(&group->flags, TRACE_GROUP_SHARES);
	flow_everywhere(slot, tag_labels(slot, tag));
}

/* The descriptor that content was taken from; -1: none. */
static __always_inline __s32 flow_source(const struct flow_call *call)
{
	__s64 fd = -1;

	if (call->kind == CALL_OPEN)
		return (__s32)call->result;
	if (call->reads)
		return (__s32)(call->reads == 1	  ? call->di
			       : call->reads == 2 ? call->si
						  : call->r8);
	if (call->makes != MAKES_CLONE)
		return -1;
	if ((__u32)call->si == FICLONE)
		return (__s32)call->dx;
	if ((__u32)call->si == FICLONERANGE)
		bpf_probe_read_user(&fd, sizeof(fd), (void *)call->dx);
	return (__s32)fd;
}

/* What a call has brought to the process; before it is reported. */
__noinline int flow_read(struct trace_tag *tag, struct flow_call *call)
{
	struct flow flow = {};
	struct trace_slot *slot;
	__u64 file;
	__s32 fd;

	slot = tag ? tag_slot(tag) : NULL;
	/* What one that failed half-way has read may be there all the same. */
	if (!slot || !call || (call->result <= 0 && call->result != -EFAULT))
		return 0;
	flow.slot = tag->slot;
	flow.generation = tag->generation;
	if (call->makes == MAKES_MESSAGE)
		flow.bits = slot->unplaced;
	fd = flow_source(call);
	file = fd >= 0 ? fd_file((__u32)fd) : 0;
	if (file)
		flow_in(&flow, file);
	else if (fd >= 0) /* closed meanwhile: it may have been any */
		flow.bits = slot->labels;
	tag_add_labels(slot, tag, flow.bits);
	return 0;
}

/* What it can reach from now on; after it was reported. */
__noinline int flow_write(struct trace_tag *tag, struct flow_call *call)
{
	struct flow flow = {};
	struct trace_slot *slot;
	__u64 file;

	slot = tag ? tag_slot(tag) : NULL;
	if (!slot || !call)
		return 0;
	if (flow_shares(call))
		flow_share(slot, tag);
	flow.slot = tag->slot;
	flow.generation = tag->generation;
	flow.bits = tag_labels(slot, tag);
	if (!flow.bits)
		return 0;
	if ((flow.bits & ~tag->spread) || call->makes == MAKES_MANY) {
		flow_spread(tag, flow.bits);
	} else if (call->makes == MAKES_ONE && call->result >= 0) {
		file = fd_file((__u32)call->result);
		if (file)
			flow_out(&flow, file);
		else /* another thread has moved it */
			flow_spread(tag, flow.bits);
	} else if (call->makes == MAKES_MESSAGE) {
		flow_to_session(slot, flow.bits);
	}
	return 0;
}

enum flow_when {
	FLOW_BEFORE_REPORT,
	FLOW_AFTER_REPORT
};

static __noinline int call_flows(struct trace_tag *tag, struct pt_regs *regs,
				 const struct call_roles *roles, long result, enum flow_when when)
{
	struct flow_call call;

	flow_call(regs, roles, result, &call);
	return when == FLOW_BEFORE_REPORT ? flow_read(tag, &call) : flow_write(tag, &call);
}

/* As a call returned, before and after it is reported; mostly there is nothing to be done. */
static __always_inline void flows_come(const struct trace_slot *slot, struct trace_tag *tag,
				       struct pt_regs *regs, const struct call_roles *roles,
				       long result)
{
	if ((slot->labels | slot->flows | slot->unplaced) || (slot->network && roles->reads))
		call_flows(tag, regs, roles, result, FLOW_BEFORE_REPORT);
}

static __always_inline void flows_go(const struct trace_slot *slot, struct trace_tag *tag,
				     struct pt_regs *regs, const struct call_roles *roles,
				     long result)
{
	if (slot->labels || roles->makes == MAKES_MAP || roles->makes == MAKES_SHARED)
		call_flows(tag, regs, roles, result, FLOW_AFTER_REPORT);
}
