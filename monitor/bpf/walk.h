/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once

/*
 * From a dentry up to the root of the mount namespace: the names for the record and, for a session
 * with labelled files, the labels of the file and of every folder above it. bpf_d_path() is not for
 * tracepoints. Names may change under the walk; the inode's address may not.
 */

#include "monitor/bpf/state.h"

#define NAME_MAX_BYTES 255u

struct walk {
	__u64 dentry, mount, root; /* addresses; root: of the mount */
	__u32 scratch;		   /* where names go; NO_SCRATCH: nowhere */
	__u32 flags;		   /* enum trace_place_flags */
	__u32 look_up;		   /* labels wanted */
	__u32 reserved;
	__u64 labels;
	struct trace_label_key key;
};

/* What a walk found. */
struct walk_result {
	__u64 labels;
	__u32 flags;
	__u32 complete; /* it came to an end by itself */
};

struct dentry_view {
	__u64 parent, inode, name;
	__u32 len;
};

/*
 * d_parent, d_name and d_inode lie together on every kernel so far: one read instead of four. The
 * verifier refuses the program where they would not fit.
 */
static __always_inline void dentry_view(__u64 address, struct dentry_view *ret)
{
	__u64 words[6] = {};
	char *bytes = (char *)words;

	bpf_probe_read_kernel(words, sizeof(words), (void *)(address + layout.dentry_parent));
	ret->parent = words[0];
	ret->inode = *(__u64 *)(bytes + (layout.dentry_inode - layout.dentry_parent));
	ret->name =
		*(__u64 *)(bytes + (layout.dentry_name + layout.qstr_name - layout.dentry_parent));
	ret->len =
		*(__u32 *)(bytes + (layout.dentry_name + layout.qstr_len - layout.dentry_parent));
}

/* A struct path by its addresses. */
struct location {
	__u64 mount, dentry;
};

static __always_inline void walk_name(struct walk *w, const struct dentry_view *view)
{
	__u32 index = w->scratch;
	struct scratch *scratch;
	__u32 len = view->len;
	__u32 at;

	if (index >= SCRATCHES || (w->flags & TRACE_PLACE_CUT))
		return;
	scratch = bpf_map_lookup_elem(&scratches, &index);
	if (!scratch)
		return;
	at = scratch->at & TEXT_MASK;
	if (len > NAME_MAX_BYTES || at + NAME_MAX_BYTES + 1 > scratch->end) {
		w->flags |= TRACE_PLACE_CUT;
		return;
	}
	if (bpf_probe_read_kernel(&scratch->text[at], len & NAME_MAX_BYTES, (void *)view->name))
		len = 0;
	scratch->text[at + (len & NAME_MAX_BYTES)] = '\0';
	scratch->at = at + len + 1;
}

/* One folder up, or over a mount point; 1 when there is nothing above. */
static long walk_step(__u32 i, struct walk *w)
{
	struct dentry_view view;

	dentry_view(w->dentry, &view);
	if (w->look_up) {
		__u64 *found;

		w->key.inode = view.inode;
		found = bpf_map_lookup_elem(&labels, &w->key);
		if (found)
			w->labels |= *found;
	}
	if (w->dentry == w->root) {
		const __u64 parent = READ(__u64, w->mount, mount_parent);

		if (!parent || parent == w->mount) {
			w->flags |= TRACE_PLACE_ROOTED;
			return 1;
		}
		w->dentry = READ(__u64, w->mount, mount_mountpoint);
		w->mount = parent;
		w->root = READ_AT(__u64, parent, layout.mount_mnt + layout.vfsmount_root);
		return 0;
	}
	walk_name(w, &view);
	if (!view.parent || view.parent == w->dentry)
		return 1; /* a pipe, a socket, or cut off from its file system */
	w->dentry = view.parent;
	return 0;
}

/*
 * Walks up from (vfsmount, dentry), adding names to a scratch buffer and collecting the labels of
 * slot @labels_of - 1 (0: none). A function of its own to the verifier, which so sees it once.
 */
__noinline int walk_up(__u32 scratch, __u64 vfsmount, __u64 dentry, __u32 labels_of,
		       struct walk_result *ret)
{
	struct walk w = {};

	if (!ret)
		return 0;
	w.scratch = scratch;
	w.dentry = dentry;
	w.mount = vfsmount - layout.mount_mnt;
	w.root = READ(__u64, vfsmount, vfsmount_root);
	if (labels_of) {
		__u32 index = labels_of - 1;
		struct trace_slot *slot = bpf_map_lookup_elem(&slots, &index);

		w.look_up = 1;
		w.key.slot = index;
		w.key.generation = slot ? slot->generation : 0;
	}
	ret->complete = bpf_loop(TRACE_WALK_MAX, walk_step, &w, 0) < (long)TRACE_WALK_MAX;
	ret->flags = w.flags | (ret->complete ? 0 : TRACE_PLACE_CUT);
	ret->labels = w.labels;
	return 0;
}

static __always_inline void path_location(__u64 path, struct location *ret)
{
	__u64 words[2] = {};

	bpf_probe_read_kernel(words, sizeof(words), (void *)(path + layout.path_mnt));
	ret->mount = words[0];
	ret->dentry = *(__u64 *)((char *)words + (layout.path_dentry - layout.path_mnt));
}

/* Appends the names above the struct path at an address to place @which of the record. */
__noinline int place_names(__u32 scratch_index, __u32 which, __u64 path)
{
	struct scratch *scratch = bpf_map_lookup_elem(&scratches, &scratch_index);
	struct walk_result result = {};
	struct location from;
	struct trace_place *place;
	__u32 at;

	if (!scratch)
		return 0;
	path_location(path, &from);
	at = scratch->at & TEXT_MASK;
	scratch->end = at + TRACE_TEXT_BYTES;
	if (scratch->end > TRACE_TEXT_MAX)
		scratch->end = TRACE_TEXT_MAX;
	walk_up(scratch_index, from.mount, from.dentry, 0, &result);
	place = &scratch->record.place[which & 1];
	place->names_bytes = (__u16)(scratch->at - at);
	place->flags |= result.flags;
	return 0;
}

/* Adds labels to the session. Return: those that are new to it. */
static __always_inline __u64 slot_add_labels(struct trace_slot *slot, __u64 bits)
{
	if (!(bits & ~slot->labels))
		return 0;
	return bits & ~__sync_fetch_and_or(&slot->labels, bits);
}
