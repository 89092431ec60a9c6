/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once

/*
 * From a dentry up to the root of the mount namespace: the names for the record and, for a session
 * with labelled files, the labels of the file and of every folder above it. bpf_d_path() is not for
 * tracepoints. Names may change under the walk; the inode's address may not.
 */

#include "monitor/bpf/state.h"

#define NAME_MAX_BYTES	 255u
#define SHORT_NAME_BYTES 32u /* a copy of a dentry reaches so far into a name of its own */
#define SHORT_NAME_MAX	 31u /* the longest that every kernel keeps there */

/* Bytes of a dentry or a mount; on the stack, of which there are 512 bytes in all. */
struct walk_copy {
	__u64 words[8];
};

/* Where a walk begins and what for; and what it found. */
struct walk_request {
	__u64 mount, dentry; /* addresses of a struct vfsmount and a dentry */
	__u32 labels_of;     /* slot + 1 whose labels are wanted; 0: none */
	__u32 generation;    /* of that slot's session */
	__u32 complete;	     /* it came to an end by itself */
	__u32 reserved;
	__u64 labels;
};

struct walk {
	__u64 dentry, mount;
	__u64 root, above, mountpoint; /* of the mount; root 0: not looked at yet */
	__u64 inode;		       /* of the dentry that was looked at; 0: of none */
	__u64 labels;
	__u32 scratch;	  /* where names go; NO_SCRATCH: nowhere */
	__u32 flags;	  /* enum trace_place_flags */
	__u32 labels_of;  /* as in the request */
	__u32 generation; /* the same */
};

/*
 * The parts of a dentry that a step needs, from one read: they lie together, and a short name lies
 * right behind them.
 */
struct dentry_view {
	__u64 parent, inode, name;
	__u32 len;
	const char *from; /* d_parent and what follows */
};

#define BEHIND_PARENT(_offset) ((_offset)-layout.dentry_parent)

static __always_inline void dentry_view(__u64 address, struct walk_copy *copy,
					struct dentry_view *ret)
{
	const __u64 from = address + layout.dentry_parent;

	ret->from = VIEW(copy->words, from);
	ret->parent = FROM(__u64, ret->from, copy->words, from, 0);
	ret->inode = FROM(__u64, ret->from, copy->words, from, BEHIND_PARENT(layout.dentry_inode));
	ret->name = FROM(__u64, ret->from, copy->words, from,
			 BEHIND_PARENT(layout.dentry_name + layout.qstr_name));
	ret->len = FROM(__u32, ret->from, copy->words, from,
			BEHIND_PARENT(layout.dentry_name + layout.qstr_len));
}

/* Is the name in the copy, right behind d_inode? */
static __always_inline bool is_short_name(const struct dentry_view *view, __u64 address)
{
	return BEHIND_PARENT(layout.dentry_inode) + sizeof(__u64) + SHORT_NAME_BYTES <=
		       sizeof(((struct walk_copy *)0)->words) &&
	       view->len <= SHORT_NAME_MAX &&
	       view->name == address + layout.dentry_inode + sizeof(__u64);
}

static __always_inline void copy_short_name(char *to, const struct dentry_view *view)
{
	const __u64 *from =
		(const void *)(view->from + BEHIND_PARENT(layout.dentry_inode) + sizeof(__u64));
	__u64 *words = (void *)to; /* the machine does not mind where they lie */

	/* Each is a read that is checked, and most names are short. */
	words[0] = from[0];
	if (view->len < sizeof(__u64))
		return;
	for (__u32 i = 1; i < SHORT_NAME_BYTES / sizeof(__u64); i++)
		words[i] = from[i];
}

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
	if (is_short_name(view, w->dentry))
		copy_short_name(&scratch->text[at], view);
	else if (bpf_probe_read_kernel(&scratch->text[at], len & NAME_MAX_BYTES,
				       (void *)view->name))
		len = 0;
	scratch->text[at + (len & NAME_MAX_BYTES)] = '\0';
	scratch->at = at + len + 1;
}

static __always_inline void walk_enter(struct walk *w, struct walk_copy *copy)
{
	const __u64 mount = w->mount;
	const char *view = VIEW(copy->words, mount);

	w->above = FROM(__u64, view, copy->words, mount, layout.mount_parent);
	w->mountpoint = FROM(__u64, view, copy->words, mount, layout.mount_mountpoint);
	w->root = FROM(__u64, view, copy->words, mount, layout.mount_mnt + layout.vfsmount_root);
}

/* From the root of a mount to where it is mounted; 1 when that is nowhere. */
static __always_inline int walk_over(struct walk *w)
{
	if (!w->above || w->above == w->mount) {
		w->flags |= TRACE_PLACE_ROOTED;
		return 1;
	}
	w->dentry = w->mountpoint;
	w->mount = w->above;
	w->root = 0;
	return 0;
}

/*
 * One folder up, or over a mount point; 1 when there is nothing above. A function of its own to the
 * verifier, which so sees it once, with any walk, and not again for each way through the round
 * before.
 */
__noinline int walk_once(struct walk *w)
{
	struct dentry_view view;
	struct walk_copy copy;

	if (!w)
		return 1;
	w->inode = 0;
	if (!w->root)
		walk_enter(w, &copy);
	if (w->dentry == w->root && !w->labels_of)
		return walk_over(w);
	dentry_view(w->dentry, &copy, &view);
	w->inode = view.inode;
	if (w->dentry == w->root)
		return walk_over(w);
	walk_name(w, &view);
	if (!view.parent || view.parent == w->dentry)
		return 1; /* a pipe, a socket, or cut off from its file system */
	w->dentry = view.parent;
	return 0;
}

/* A key of a map is on the stack, which has more room here than below walk_once(). */
static long walk_step(__u32 i, struct walk *w)
{
	const int ends = walk_once(w) != 0;
	struct trace_label_key key = {};
	const __u64 *found;

	if (!w->labels_of)
		return ends;
	key.inode = w->inode;
	key.slot = w->labels_of - 1;
	key.generation = w->generation;
	found = bpf_map_lookup_elem(&labels, &key);
	if (found)
		w->labels |= *found;
	return ends;
}

static __always_inline void names_begin(__u32 scratch_index)
{
	struct scratch *scratch = bpf_map_lookup_elem(&scratches, &scratch_index);

	if (!scratch)
		return;
	scratch->from = scratch->at & TEXT_MASK;
	scratch->end = scratch->from + TRACE_TEXT_BYTES;
	if (scratch->end > TRACE_TEXT_MAX)
		scratch->end = TRACE_TEXT_MAX;
}

static __always_inline void names_end(__u32 scratch_index, __u32 which, __u32 flags)
{
	struct scratch *scratch = bpf_map_lookup_elem(&scratches, &scratch_index);
	struct trace_place *place;

	if (!scratch)
		return;
	place = &scratch->record.place[which & 1];
	place->names_bytes = (__u16)(scratch->at - scratch->from);
	place->flags |= flags;
}

/*
 * Walks up, appending names to place @which of the record in a scratch buffer (NO_SCRATCH: none)
 * and collecting labels. A function of its own to the verifier, which so sees it once; and nothing
 * in it depends on a branch before the loop, which it would else go through once for each.
 */
__noinline int walk_up(__u32 scratch_index, __u32 which, struct walk_request *request)
{
	struct walk w = {};

	if (!request)
		return 0;
	w.scratch = scratch_index;
	w.dentry = request->dentry;
	w.mount = request->mount - layout.mount_mnt;
	w.labels_of = request->labels_of;
	w.generation = request->generation;
	names_begin(scratch_index);
	request->complete = bpf_loop(TRACE_WALK_MAX, walk_step, &w, 0) < (long)TRACE_WALK_MAX;
	request->labels = w.labels;
	names_end(scratch_index, which, w.flags | (request->complete ? 0 : TRACE_PLACE_CUT));
	return 0;
}

/* Appends the names above the struct path at an address to place @which of the record. */
static __always_inline void place_names(__u32 scratch_index, __u32 which, __u64 path)
{
	struct walk_request request = {};

	request.mount = READ(__u64, path, path_mnt);
	request.dentry = READ(__u64, path, path_dentry);
	walk_up(scratch_index, which, &request);
}
