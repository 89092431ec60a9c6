/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once

/* What programs on security hooks share: who calls, and with which system call. */

#include "monitor/bpf/flows.h"
#include "monitor/bpf/report.h"

/* The current task, if it is one of a session. */
struct caller {
	struct trace_tag *tag;
	struct trace_slot *slot;
};

static __always_inline bool caller_is_traced(struct caller *ret)
{
	struct trace_tag *tag = bpf_task_storage_get(&tags, bpf_get_current_task_btf(), NULL, 0);

	if (!tag)
		return false;
	ret->tag = tag;
	ret->slot = tag_slot(tag);
	if (ret->slot && (tag->flags & TRACE_TAG_CONDEMNED))
		bpf_send_signal(SIGKILL);
	return ret->slot;
}

/*
 * The address in a pointer. To the verifier a pointer of known type stays one through casts, and
 * functions that it looks at by themselves take none.
 */
static __always_inline __u64 address_of(const void *pointer)
{
	__u64 address = 0;

	bpf_probe_read_kernel(&address, sizeof(address), &pointer);
	return address;
}

/* The system call that the current task is in; TRACE_SYSCALL_MAX when it is none of ours. */
static __always_inline __u32 current_call(void)
{
	const __u64 regs = (__u64)bpf_task_pt_regs(bpf_get_current_task_btf());
	const __u64 nr = READ(__u64, regs, regs_orig_ax);

	return nr < TRACE_SYSCALL_MAX ? (__u32)nr : TRACE_SYSCALL_MAX;
}

static __always_inline __u32 call_kind(__u32 nr)
{
	return nr < TRACE_SYSCALL_MAX ? call_roles[nr].kind : (__u32)CALL_PLAIN;
}

static __always_inline struct scratch *begun(struct trace_tag *tag, __u32 kind, __u32 nr)
{
	struct scratch *scratch = record_begin(tag, kind);

	if (!scratch)
		return NULL;
	scratch->record.syscall = (__s16)nr;
	scratch->record.flags = TRACE_RECORD_BEGUN;
	return scratch;
}
