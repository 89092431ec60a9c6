/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once

/*
 * Is what the kernel loaded what was approved? Once the new image's memory is the task's, no other
 * thread shares it: the strings that are hashed there are those that will run.
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
