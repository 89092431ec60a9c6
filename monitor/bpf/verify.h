/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once

/*
 * Is what the kernel loaded what was approved? At sched_process_exec the strings lie in the new
 * image's own memory, which no other thread shares: what is hashed there is what will run.
 */

#include "monitor/bpf/siphash.h"
#include "monitor/bpf/state.h"

/* Set by the reader before loading. */
const volatile __u64 approval_key[2];

/* The id that approvals of a thread go by: the one it had before an exec made it the leader. */
static __always_inline __u32 tag_tid(const struct trace_tag *tag, struct task_struct *task)
{
	return tag->tid ? tag->tid : task_id(task);
}

static __always_inline void drop_approval(__u32 tid)
{
	if (bpf_map_lookup_elem(&approvals, &tid)) /* mostly there is none: no lock is taken */
		bpf_map_delete_elem(&approvals, &tid);
}

static __always_inline void kill_current(struct trace_slot *slot, struct trace_tag *tag)
{
	if (bpf_send_signal(SIGKILL)) {
		/* Cannot be queued just now; the exit of this system call is the next chance. */
		if (tag)
			__sync_fetch_and_or(&tag->flags, TRACE_TAG_CONDEMNED);
		__sync_fetch_and_add(&slot->unkilled, 1);
	}
}

/*
 * One chunk of the block into the hash, zeros behind its end. Chunk and hash are in a scratch
 * buffer, of whose content the verifier knows nothing: on the stack it followed every bit of them,
 * which made loading take ten times as long.
 */
static long hash_chunk(__u32 i, const __u32 *scratch_index)
{
	struct scratch *scratch = bpf_map_lookup_elem(&scratches, scratch_index);
	struct block_hash *h;
	struct siphash hash;
	__u64 bytes;

	if (!scratch)
		return 1;
	h = &scratch->block;
	bytes = h->left;
	asm volatile("" : "+r"(bytes)); /* the register that is compared is the one handed over */
	if (bytes > sizeof(h->words))
		bytes = sizeof(h->words);
	__builtin_memset(h->words, 0, sizeof(h->words));
	if (bpf_probe_read_user(h->words, bytes, (void *)h->at))
		return 1;
	hash = h->hash;
	for (__u32 w = 0; w < TRACE_CHUNK_WORDS; w++)
		siphash_word(&hash, h->words[w]);
	h->hash = hash;
	h->at += bytes;
	h->left -= bytes;
	return h->left == 0;
}

/* Hashes user memory as approval_hash() of the reader does. Return: 0 if it cannot be read. */
__noinline int hash_block(__u64 at, __u32 bytes, __u64 *ret)
{
	struct scratch *scratch = scratch_take();
	struct siphash hash;
	int done;
	__u32 index;

	if (!scratch || !ret)
		return 0;
	index = scratch->index;
	siphash_begin(&hash, approval_key[0], approval_key[1]);
	scratch->block.hash = hash;
	scratch->block.at = at;
	scratch->block.left = bytes;
	bpf_loop(TRACE_BLOCK_MAX / TRACE_CHUNK_BYTES, hash_chunk, &index, 0);
	done = scratch->block.left == 0;
	hash = scratch->block.hash;
	__sync_fetch_and_and(&scratch->busy, 0);
	*ret = siphash_end(&hash, 0, bytes);
	return done;
}

/* The strings of the current image against those approved; enum trace_mismatch. */
static __noinline __u32 strings_mismatch(const struct trace_approval *approved)
{
	const __u64 mm = READ(__u64, (__u64)bpf_get_current_task_btf(), task_mm);
	const __u64 start = READ(__u64, mm, mm_arg_start);
	const __u64 env = READ(__u64, mm, mm_env_start);
	const __u64 end = READ(__u64, mm, mm_env_end);
	const __u64 bytes =
		(__u64)approved->argv_bytes + approved->env_bytes + approved->name_bytes;
	__u64 hash = 0;

	if (!start || READ(__u64, mm, mm_arg_end) != env || bytes > TRACE_BLOCK_MAX)
		return TRACE_MISMATCH_UNREADABLE;
	if (env - start != approved->argv_bytes)
		return TRACE_MISMATCH_ARGUMENTS;
	if (end - env != approved->env_bytes)
		return TRACE_MISMATCH_ENVIRONMENT;
	if (!hash_block(start, (__u32)bytes, &hash))
		return TRACE_MISMATCH_UNREADABLE;
	return hash == approved->hash ? TRACE_MISMATCH_NONE : TRACE_MISMATCH_STRINGS;
}

/* Holds the current exec to its approval, and uses that up; enum trace_mismatch. */
static __always_inline __u32 exec_mismatch(struct trace_tag *tag, __u64 inode)
{
	__u32 tid = tag_tid(tag, bpf_get_current_task_btf());
	const struct trace_approval *approved = bpf_map_lookup_elem(&approvals, &tid);
	__u32 mismatch;

	if (!approved)
		return TRACE_MISMATCH_NOT_APPROVED;
	if (approved->slot != tag->slot || approved->generation != tag->generation)
		mismatch = TRACE_MISMATCH_NOT_APPROVED;
	else if (approved->inode != inode)
		mismatch = TRACE_MISMATCH_PROGRAM;
	else
		mismatch = strings_mismatch(approved);
	bpf_map_delete_elem(&approvals, &tid);
	return mismatch;
}

/*
 * A task without a tag execs. It is not ours, unless it has an approval: then it was forked when
 * there was no memory for its tag, and gets it now, or dies. @old_tid: its own id before the exec,
 * which only a reader in the first pid namespace knows it by.
 */
static __always_inline struct trace_tag *untagged_exec(struct task_struct *task, __u32 old_tid)
{
	__u32 tid = reader_level ? task_id(task) : old_tid;
	const struct trace_approval *approved = bpf_map_lookup_elem(&approvals, &tid);
	struct trace_tag made = {}, *tag;
	struct trace_slot *slot;

	if (!approved)
		return NULL;
	made.slot = approved->slot;
	made.generation = approved->generation;
	made.exec_id = approved->exec_id;
	made.tid = tid;
	slot = tag_slot(&made);
	if (!slot)
		return NULL;
	tag = bpf_task_storage_get(&tags, task, &made, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!tag) {
		slot_lose(slot);
		kill_current(slot, NULL);
	}
	return tag;
}
