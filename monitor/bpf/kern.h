/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once

/*
 * Members of the kernel's own structures that the programs read. Their offsets are looked up by
 * name in the running kernel's BTF by the reader (monitor/trace/layout.c) and handed over as
 * constants, which the verifier folds: the object fits any kernel that has these names.
 *
 * Why not CO-RE relocations: a light skeleton has the kernel resolve them, and it searches its
 * whole BTF again for nearly each one (a cache of 31 types); with the 340 of this object that took
 * a quarter of a second, and libbpf's own resolution 8-14 ms. One pass over the BTF is far less.
 *
 * Checked against the sources of 6.1 to 6.18. A member inside an anonymous union or struct is found
 * (dentry.d_name and file.f_path moved into one in 6.17).
 */

#include <linux/types.h>

/*
 * X(name here, structure, member): an offset in bytes. Grouped by structure. A member that is a bit
 * must be the first of its byte, or the lookup fails.
 */
#define TRACE_LAYOUT(X)                                           \
	X(task_pid, task_struct, pid)                             \
	X(task_tgid, task_struct, tgid)                           \
	X(task_comm, task_struct, comm)                           \
	X(task_stack, task_struct, stack)                         \
	X(task_exit_code, task_struct, exit_code)                 \
	X(task_real_parent, task_struct, real_parent)             \
	X(task_group_leader, task_struct, group_leader)           \
	X(task_start_time, task_struct, start_time)               \
	X(task_thread_pid, task_struct, thread_pid)               \
	X(task_fs, task_struct, fs)                               \
	X(task_files, task_struct, files)                         \
	X(task_signal, task_struct, signal)                       \
	X(task_mm, task_struct, mm)                               \
	X(task_cred, task_struct, cred)                           \
	X(task_real_cred, task_struct, real_cred)                 \
	X(mm_arg_start, mm_struct, arg_start)                     \
	X(mm_arg_end, mm_struct, arg_end)                         \
	X(mm_env_start, mm_struct, env_start)                     \
	X(mm_env_end, mm_struct, env_end)                         \
	X(signal_live, signal_struct, live)                       \
	X(signal_pids, signal_struct, pids)                       \
	X(signal_group_exit_code, signal_struct, group_exit_code) \
	X(signal_flags, signal_struct, flags)                     \
	X(signal_reaper, signal_struct, is_child_subreaper)       \
	X(pid_level, pid, level)                                  \
	X(pid_numbers, pid, numbers)                              \
	X(upid_nr, upid, nr)                                      \
	X(files_fdt, files_struct, fdt)                           \
	X(files_fdtab, files_struct, fdtab)                       \
	X(fdtable_max_fds, fdtable, max_fds)                      \
	X(fdtable_fd, fdtable, fd)                                \
	X(fs_pwd, fs_struct, pwd)                                 \
	X(path_mnt, path, mnt)                                    \
	X(path_dentry, path, dentry)                              \
	X(file_mode, file, f_mode)                                \
	X(file_flags, file, f_flags)                              \
	X(file_path, file, f_path)                                \
	X(file_inode, file, f_inode)                              \
	X(file_private_data, file, private_data)                  \
	X(dentry_parent, dentry, d_parent)                        \
	X(dentry_name, dentry, d_name)                            \
	X(dentry_inode, dentry, d_inode)                          \
	X(dentry_sb, dentry, d_sb)                                \
	X(qstr_len, qstr, len)                                    \
	X(qstr_name, qstr, name)                                  \
	X(inode_mode, inode, i_mode)                              \
	X(inode_ino, inode, i_ino)                                \
	X(inode_sb, inode, i_sb)                                  \
	X(inode_rdev, inode, i_rdev)                              \
	X(inode_generation, inode, i_generation)                  \
	X(inode_mapping, inode, i_mapping)                        \
	X(mapping_mmap, address_space, i_mmap)                    \
	X(sb_dev, super_block, s_dev)                             \
	X(sb_magic, super_block, s_magic)                         \
	X(sb_flags, super_block, s_flags)                         \
	X(mount_parent, mount, mnt_parent)                        \
	X(mount_mountpoint, mount, mnt_mountpoint)                \
	X(mount_mnt, mount, mnt)                                  \
	X(vfsmount_root, vfsmount, mnt_root)                      \
	X(vfsmount_flags, vfsmount, mnt_flags)                    \
	X(vfsmount_sb, vfsmount, mnt_sb)                          \
	X(vma_end, vm_area_struct, vm_end)                        \
	X(vma_file, vm_area_struct, vm_file)                      \
	X(bprm_file, linux_binprm, file)                          \
	X(bprm_p, linux_binprm, p)                                \
	X(bprm_exec, linux_binprm, exec)                          \
	X(bprm_buf, linux_binprm, buf)                            \
	X(socket_sk, socket, sk)                                  \
	X(socket_socket, socket_alloc, socket)                    \
	X(socket_inode, socket_alloc, vfs_inode)                  \
	X(sock_common, sock, __sk_common)                         \
	X(sock_socket, sock, sk_socket)                           \
	X(unix_peer, unix_sock, peer)                             \
	X(sock_family, sock_common, skc_family)                   \
	X(sock_port, sock_common, skc_dport)                      \
	X(sock_daddr, sock_common, skc_daddr)                     \
	X(sock_rcv_saddr, sock_common, skc_rcv_saddr)             \
	X(sock_v6_daddr, sock_common, skc_v6_daddr)               \
	X(siginfo_code, kernel_siginfo, si_code)                  \
	X(regs_di, pt_regs, di)                                   \
	X(regs_si, pt_regs, si)                                   \
	X(regs_dx, pt_regs, dx)                                   \
	X(regs_r10, pt_regs, r10)                                 \
	X(regs_r8, pt_regs, r8)                                   \
	X(regs_orig_ax, pt_regs, orig_ax)

#define TRACE_LAYOUT_MEMBER(name, structure, member) __u32 name;

struct trace_layout {
	TRACE_LAYOUT(TRACE_LAYOUT_MEMBER)
	__u32 upid_bytes;     /* size of an element of pid.numbers */
	__u32 exit_arguments; /* of the tracepoint sched_process_exit */
	/* Of a struct backing_file, behind the file in it: its user_path (Linux 6.8); 0: none. */
	__u32 user_path;
};

#undef TRACE_LAYOUT_MEMBER
