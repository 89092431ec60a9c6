/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once

/* Changes of paths, as the security hooks see them begin. */

#include "monitor/bpf/caller.h"

struct path;
struct dentry;

/* A name in a folder: mount of the folder, dentry of the name. */
struct named {
	__u64 mount, dentry;
};

static __always_inline struct named named_in(const struct path *dir, const struct dentry *dentry)
{
	return (struct named){READ(__u64, (__u64)dir, path_mnt), address_of(dentry)};
}

static __always_inline struct named named(const struct path *path)
{
	return (struct named){READ(__u64, (__u64)path, path_mnt),
			      READ(__u64, (__u64)path, path_dentry)};
}

static __always_inline void change_place(struct scratch *scratch, __u32 which,
					 const struct named *named)
{
	struct walk_request request = {.mount = named->mount, .dentry = named->dentry};

	walk_up(scratch->index, which, &request);
}

/*
 * @second: the other name, or NULL. @text: what a link is to say, or NULL. Files are also made and
 * cut by opens, and named by bind(2): those are no changes here, as they are none at the gate.
 */
static __always_inline int change_begun(const struct named *first, const struct named *second,
					const char *text)
{
	const __u32 nr = current_call();
	struct scratch *scratch;
	struct caller caller;

	if (!first || !caller_is_traced(&caller) || call_kind(nr) != CALL_CHANGE)
		return 0;
	scratch = begun(caller.tag, TRACE_RECORD_CHANGE, nr);
	if (!scratch)
		return 0;
	change_place(scratch, 0, first);
	if (text)
		place_given(scratch, 1, GIVEN_BY_KERNEL, (__u64)text, TRACE_TEXT_BYTES);
	else if (second)
		change_place(scratch, 1, second);
	record_finish(scratch->index);
	return 0;
}

static __always_inline int changed(struct named named)
{
	return change_begun(&named, NULL, NULL);
}

SEC("lsm/path_unlink")

int BPF_PROG(on_unlink, const struct path *dir, struct dentry *dentry)
{
	return changed(named_in(dir, dentry));
}

SEC("lsm/path_rmdir")

int BPF_PROG(on_rmdir, const struct path *dir, struct dentry *dentry)
{
	return changed(named_in(dir, dentry));
}

SEC("lsm/path_mkdir")

int BPF_PROG(on_mkdir, const struct path *dir, struct dentry *dentry)
{
	return changed(named_in(dir, dentry));
}

SEC("lsm/path_mknod")

int BPF_PROG(on_mknod, const struct path *dir, struct dentry *dentry)
{
	return changed(named_in(dir, dentry));
}

SEC("lsm/path_truncate")

int BPF_PROG(on_truncate, const struct path *path)
{
	return changed(named(path));
}

SEC("lsm/path_chmod")

int BPF_PROG(on_chmod, const struct path *path)
{
	return changed(named(path));
}

SEC("lsm/path_chown")

int BPF_PROG(on_chown, const struct path *path)
{
	return changed(named(path));
}

SEC("lsm/path_symlink")

int BPF_PROG(on_symlink, const struct path *dir, struct dentry *dentry, const char *text)
{
	const struct named link = named_in(dir, dentry);

	return change_begun(&link, NULL, text);
}

/* Both in one mount: link(2) refuses anything else before. */
SEC("lsm/path_link")

int BPF_PROG(on_link, struct dentry *old, const struct path *dir, struct dentry *dentry)
{
	const struct named from = named_in(dir, old), to = named_in(dir, dentry);

	return change_begun(&from, &to, NULL);
}

SEC("lsm/path_rename")

int BPF_PROG(on_rename, const struct path *old_dir, struct dentry *old, const struct path *dir,
	     struct dentry *dentry)
{
	const struct named from = named_in(old_dir, old), to = named_in(dir, dentry);

	return change_begun(&from, &to, NULL);
}
