/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/filter_rules.h"
#include "sandbox/filter_table.h"

#include <errno.h>

/*
 * What namespaces and mounts hold elsewhere. All of it is refused outright: an answer of the gate
 * to a call that then goes on would rest on memory that the program can still change.
 */
const struct filter_denied filter_lite_denied[] = {
	/* the host's network, its UNIX sockets, its interfaces: no socket, hence no address */
	{"socket", EAFNOSUPPORT},
	{"connect", EPERM},
	{"bind", EPERM},
	{"listen", EPERM},
	/* the host's IPC objects; libraries take it for a kernel without them */
	{"shmget", ENOSYS},
	{"shmat", ENOSYS},
	{"shmctl", ENOSYS},
	{"shmdt", ENOSYS},
	{"semget", ENOSYS},
	{"semop", ENOSYS},
	{"semtimedop", ENOSYS},
	{"semctl", ENOSYS},
	{"msgget", ENOSYS},
	{"msgsnd", ENOSYS},
	{"msgrcv", ENOSYS},
	{"msgctl", ENOSYS},
	{"mq_open", ENOSYS},
	{"mq_unlink", ENOSYS},
	/* names and accesses of files that cannot be opened; who watches falls back to looking */
	{"inotify_init", ENOSYS},
	{"inotify_init1", ENOSYS},
	{"inotify_add_watch", ENOSYS},
	/* the host's mounts */
	{"statmount", ENOSYS},
	{"listmount", ENOSYS},
};

const size_t filter_lite_denied_count = sizeof(filter_lite_denied) / sizeof(filter_lite_denied[0]);

#define TYPE 0xfull /* of a socket, without its flags */
/* ioctl(2) numbers of one family, whatever their size and direction. */
#define FAMILY(_letter)                     \
	{                                   \
		1, 0xff00, (_letter), false \
	}

/* clang-format off: tables */
const struct filter_bits filter_lite_bits[] = {
	/* pairs are SOCK_STREAM 1 or SOCK_SEQPACKET 5: a datagram of any other can name its target
	 */
	{"socketpair", EAFNOSUPPORT, {{1, TYPE, 0, false}}},
	{"socketpair", EAFNOSUPPORT, {{1, 0x2, 0x2, false}}},
	{"socketpair", EAFNOSUPPORT, {{1, 0x8, 0x8, false}}},
	{"socketpair", EAFNOSUPPORT, {{1, 0x5, 0x4, false}}},
	/* whole users */
	{"setpriority", EPERM, {IS(0, 2)}}, /* PRIO_USER */
	{"ioprio_set", EPERM, {IS(0, 3)}},  /* IOPRIO_WHO_USER */
	/* flags, subvolumes and the like, which a descriptor for reading is enough for */
	{"ioctl", ENOTTY, {FAMILY(0x9400)}}, /* btrfs, clones */
	{"ioctl", ENOTTY, {FAMILY(0x6600)}}, /* 'f': FS_IOC_SETFLAGS, ext4, f2fs */
	{"ioctl", ENOTTY, {FAMILY(0x5800)}}, /* 'X': FS_IOC_FSSETXATTR, xfs */
	{"ioctl", ENOTTY, {FAMILY(0x7600)}}, /* 'v': FS_IOC_SETVERSION */
	/* another process of the same user: its limits, its priority, its CPUs; 0 is the caller */
	{"prlimit64", EPERM, {NOT_ZERO(0)}},
	{"setpriority", EPERM, {NOT_ZERO(1)}},
	{"ioprio_set", EPERM, {NOT_ZERO(1)}},
	{"sched_setaffinity", EPERM, {NOT_ZERO(0)}},
	{"sched_setparam", EPERM, {NOT_ZERO(0)}},
	{"sched_setscheduler", EPERM, {NOT_ZERO(0)}},
	{"sched_setattr", EPERM, {NOT_ZERO(0)}},
	/* an address */
	{"sendto", EPERM, {NOT_ZERO(4)}},
};
/* clang-format on */

const size_t filter_lite_bits_count = sizeof(filter_lite_bits) / sizeof(filter_lite_bits[0]);
