/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once

/*
 * Labels go from process to process, through what one can write and another read. Where system
 * calls are seen as they return, no writer is seen before its data is there. So what a labelled
 * process could write has its labels from the moment on that it could: each descriptor that it
 * holds when it is labelled (flow_spread), each that it gets from then on. A reader gets them as
 * its call returns.
 *
 * An object is known by its numbers, not its address: those of a file are the same when its inode
 * was dropped from memory and is read again, and i_generation tells it from one that was there
 * before. Pipes have their one inode; of UNIX sockets it is the peer's. What has no such object is
 * one of the session's, all of it in one set: sockets without a peer, those to the session itself,
 * message queues, pseudo-terminals. Where readers are not seen at all, that is at memory which is
 * shared, and where there is no room for an object, labels are of every process of the session.
 *
 * A session may have labels of what comes over the network: who reads from a socket whose other end
 * may lie outside gets them.
 */

#include "monitor/bpf/files.h"
#include "monitor/bpf/groups.h"
#include "monitor/bpf/outside.h"

#define S_IFIFO	    0010000
#define S_IFREG	    0100000
#define FMODE_WRITE 2u

#define AF_NETLINK 16
#define AF_ALG	   38

#define ANON_INODES 0x09041934u /* their one inode is that of all: eventfd, epoll, bpf, pidfd */
#define PROC_FILES  0x9fa0u
#define PTY_MAJOR   136u /* and seven more */
#define SCAN_FDS    65536u

/* What of the task that is at it; and its table of descriptors, if that is looked through. */
struct flow {
	__u64 table;
	__u64 bits; /* to give, or those got */
	__u32 slot, generation;
};

static __always_inline void flow_everywhere(struct trace_slot *slot, __u64 bits)
{
	if (bits & ~slot->everywhere)
		__sync_fetch_and_or(&slot->everywhere, bits);
}

static __always_inline void flow_to_session(struct trace_slot *slot, __u64 bits)
{
	if (bits & ~slot->unplaced)
		__sync_fetch_and_or(&slot->unplaced, bits);
}

static __always_inline void flow_key(const struct flow *flow, __u64 inode,
				     struct trace_flow_key *ret)
{
	ret->number = READ(__u64, inode, inode_ino);
	ret->device = READ(__u32, READ(__u64, inode, inode_sb), sb_dev);
	ret->version = READ(__u32, inode, inode_generation);
	ret->slot = flow->slot;
	ret->generation = flow->generation;
}

/* An object gets labels; false if there is no room for that. */
static __always_inline bool flow_give(struct trace_slot *slot, const struct flow *flow, __u64 inode)
{
	struct trace_flow_key key = {};
	__u64 bits = flow->bits, *old;

	flow_key(flow, inode, &key);
	old = bpf_map_lookup_elem(&flows, &key);
	if (!old && slot->flows < TRACE_FLOW_SESSION_MAX &&
	    !bpf_map_update_elem(&flows, &key, &bits, BPF_NOEXIST)) {
		__sync_fetch_and_add(&slot->flows, 1);
		return true;
	}
	if (!old) /* another one made it just now, or there is no room */
		old = bpf_map_lookup_elem(&flows, &key);
	if (!old)
		return false;
	if (bits & ~*old)
		__sync_fetch_and_or(old, bits);
	return true;
}

static __always_inline __u64 flow_of(const struct flow *flow, __u64 inode)
{
	struct trace_flow_key key = {};
	const __u64 *found;

	flow_key(flow, inode, &key);
	found = bpf_map_lookup_elem(&flows, &key);
	return found ? *found : 0;
}

static __always_inline __u64 flow_sock(__u64 file)
{
	return READ(__u64, READ(__u64, file, file_private_data), socket_sk);
}

/* Of a UNIX socket: the inode of the one that it is connected to; 0: none, or not accepted yet. */
static __always_inline __u64 flow_peer(__u64 sk)
{
	const __u64 peer = READ(__u64, sk, unix_peer);
	const __u64 socket = peer ? READ(__u64, peer, sock_socket) : 0;

	return socket ? socket + layout.socket_inode - layout.socket_socket : 0;
}

/* May the other end be in the session, too? Of other families than IPv4 it is taken so. */
static __always_inline bool flow_is_inside(__u64 sk, __u32 family)
{
	const __u64 common = sk + layout.sock_common;
	__u32 peer;

	if (family != AF_INET) /* those two reach the kernel alone, or who asks */
		return family != AF_NETLINK && family != AF_ALG;
	peer = READ(__u32, common, sock_daddr);
	return !peer || (peer & 0xff) == LOOPBACK || peer == READ(__u32, common, sock_rcv_saddr);
}

static __always_inline bool flow_is_terminal(const struct trace_slot *slot, __u64 inode)
{
	const __u32 device = READ(__u32, inode, inode_rdev);

	return (slot->flags & TRACE_SESSION_TERMINAL) &&
	       (device == PTMX || (device >> 20) - PTY_MAJOR < 8);
}

/* Is it there to be read by somebody else, too? */
static __always_inline bool flow_is_object(const struct file_view *view)
{
	return view->type == S_IFIFO ||
	       (view->type == S_IFREG && READ(__u32, view->sb, sb_magic) != ANON_INODES);
}

enum flow_memory {
	FLOW_NO_MEMORY,
	FLOW_PART_OF_MEMORY, /* what that process can put anything into */
	FLOW_MEMORY,
};

/* Is it a file of /proc that shows the memory of a process? */
static __always_inline enum flow_memory flow_memory(const struct file_view *view)
{
	char name[8] = {};

	if (view->type != S_IFREG || READ(__u32, view->sb, sb_magic) != PROC_FILES)
		return FLOW_NO_MEMORY;
	bpf_probe_read_kernel(name, sizeof(name),
			      (void *)READ(__u64, view->dentry + layout.dentry_name, qstr_name));
	if (!__builtin_memcmp(name, "mem", 4))
		return FLOW_MEMORY;
	return !__builtin_memcmp(name, "cmdline", 8) || !__builtin_memcmp(name, "environ", 8)
		       ? FLOW_PART_OF_MEMORY
		       : FLOW_NO_MEMORY;
}

/* Not to be told apart by those who ask: what of the session's own set an open file is part of. */
static __always_inline bool flow_is_unplaced(const struct trace_slot *slot, __u64 file,
					     const struct file_view *view, bool gives)
{
	__u32 family;
	__u64 sk;

	if (view->type == S_IFCHR)
		return flow_is_terminal(slot, view->inode);
	if (view->type != S_IFSOCK)
		return false;
	sk = flow_sock(file);
	family = READ(__u16, sk + layout.sock_common, sock_family);
	if (family == AF_UNIX)
		return !gives || !flow_peer(sk);
	return flow_is_inside(sk, family);
}

/*
 * file_view() by single reads: its copies would take the chain of functions from on_sys_exit to
 * here over the 512 bytes of stack that they share on kernels without private stacks.
 */
__noinline int flow_view(__u64 file, struct file_view *ret)
{
	if (!ret)
		return 0;
	ret->dentry = READ(__u64, file + layout.file_path, path_dentry);
	ret->inode = READ(__u64, file, file_inode);
	ret->mode = READ(__u32, file, file_mode);
	ret->type = READ(__u16, ret->inode, inode_mode) & S_IFMT;
	ret->sb = READ(__u64, ret->inode, inode_sb);
	return 0;
}

/* The labels of the current process to what can be written through an open file of it. */
__noinline int flow_out(struct flow *flow, __u64 file)
{
	struct file_view view = {};
	struct trace_slot *slot;
	__u64 inode;
	__u32 index;

	if (!flow)
		return 0;
	index = flow->slot;
	slot = bpf_map_lookup_elem(&slots, &index);
	if (!slot)
		return 0;
	flow_view(file, &view);
	if (!(view.mode & FMODE_WRITE))
		return 0;
	if (flow_is_unplaced(slot, file, &view, true)) {
		flow_to_session(slot, flow->bits);
		return 0;
	}
	if (flow_memory(&view) == FLOW_MEMORY) {
		flow_everywhere(slot, flow->bits);
		return 0;
	}
	inode = view.inode;
	if (view.type == S_IFSOCK) {
		const __u64 sk = flow_sock(file);

		if (READ(__u16, sk + layout.sock_common, sock_family) != AF_UNIX)
			return 0;
		inode = flow_peer(sk);
	} else if (!flow_is_object(&view)) {
		return 0;
	}
	/* Who has mapped it reads without a call. */
	if (!inode || !flow_give(slot, flow, inode) ||
	    (view.type == S_IFREG && READ(__u64, READ(__u64, inode, inode_mapping), mapping_mmap)))
		flow_everywhere(slot, flow->bits);
	return 0;
}

/* What was read through an open file has these labels. */
__noinline int flow_in(struct flow *flow, __u64 file)
{
	struct file_view view = {};
	struct trace_slot *slot;
	__u32 index;

	if (!flow)
		return 0;
	index = flow->slot;
	slot = bpf_map_lookup_elem(&slots, &index);
	if (!slot)
		return 0;
	flow_view(file, &view);
	if (!(view.mode & FMODE_READ))
		return 0;
	if (flow_memory(&view))
		flow->bits |= slot->labels;
	if (slot->unplaced && flow_is_unplaced(slot, file, &view, false))
		flow->bits |= slot->unplaced;
	if (slot->flows && (view.type == S_IFSOCK || flow_is_object(&view)))
		flow->bits |= flow_of(flow, view.inode);
	if (slot->network && view.type == S_IFSOCK && flow_is_network(flow_sock(file)))
		flow->bits |= slot->network;
	return 0;
}

/*
 * The labels of a file that nobody has read yet: its own, those of a folder above it, and of those
 * who could write it.
 */
static __always_inline __u64 flow_of_file(struct trace_slot *slot, struct flow *flow,
					  __u32 scratch_index, struct walk_request *request)
{
	request->labels_of = flow->slot + 1;
	request->generation = flow->generation;
	walk_up(scratch_index, 0, request);
	if (!request->complete)
		return slot->every_label;
	return request->labels | flow_of(flow, READ(__u64, request->dentry, dentry_inode));
}

static long flow_scan(__u32 fd, struct flow *flow)
{
	const __u64 file = READ_AT(__u64, flow->table, (__u64)fd * sizeof(__u64));

	if (file)
		flow_out(flow, file);
	return 0;
}

/* The labels of the current process to all that it can write; its tag knows then. */
__noinline int flow_spread(struct trace_tag *tag, __u64 labels)
{
	struct flow flow = {.bits = labels};
	const struct trace_group *group;
	struct trace_slot *slot;
	__u64 table, id;
	__u32 count;

	if (!tag)
		return 0;
	flow.slot = tag->slot;
	flow.generation = tag->generation;
	slot = bpf_map_lookup_elem(&slots, &flow.slot);
	if (!slot)
		return 0;
	table = READ(__u64, READ(__u64, (__u64)bpf_get_current_task_btf(), task_files), files_fdt);
	flow.table = READ(__u64, table, fdtable_fd);
	count = READ(__u32, table, fdtable_max_fds);
	id = tag->group;
	group = bpf_map_lookup_elem(&groups, &id);
	if (count > SCAN_FDS || !group || (group->flags & TRACE_GROUP_SHARES))
		flow_everywhere(slot, labels);
	else
		bpf_loop(count, flow_scan, &flow, 0);
	tag->spread = labels;
	return 0;
}
