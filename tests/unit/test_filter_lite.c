/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/test.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <string.h>

#include "common/syscall_table.h"
#include "sandbox/filter.h"

/*
 * What isolation lite adds to the filter, asked call by call. The program is run here, by the few
 * instructions of classic BPF that libseccomp writes.
 */

static uint32_t run(const struct seccomp_data *data)
{
	uint32_t a = 0;

	for (size_t pc = 0; pc < filter_lite_code_len; pc++) {
		const struct sock_filter *i = &filter_lite_code[pc];
		bool jumps = false;

		switch (i->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			assert_true(i->k + sizeof(a) <= sizeof(*data));
			memcpy(&a, (const char *)data + i->k, sizeof(a));
			continue;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= i->k;
			continue;
		case BPF_JMP | BPF_JA:
			pc += i->k;
			continue;
		case BPF_RET | BPF_K:
			return i->k;
		case BPF_JMP | BPF_JEQ | BPF_K:
			jumps = a == i->k;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			jumps = a >= i->k;
			break;
		case BPF_JMP | BPF_JGT | BPF_K:
			jumps = a > i->k;
			break;
		case BPF_JMP | BPF_JSET | BPF_K:
			jumps = a & i->k;
			break;
		default:
			fail_msg("instruction %zu has code %#x", pc, i->code);
		}
		pc += jumps ? i->jt : i->jf;
	}
	fail_msg("the program has no end");
	return 0;
}

/* Return: 0 when it is let through, else the errno. */
static int ask(const char *name, const uint64_t args[6])
{
	const int nr = syscall_number(name);
	struct seccomp_data data = {.nr = nr, .arch = AUDIT_ARCH_X86_64};
	uint32_t answer;

	if (nr < 0)
		fail_msg("no call of the name %s", name);
	memcpy(data.args, args, sizeof(data.args));
	answer = run(&data);
	if (answer == SECCOMP_RET_ALLOW)
		return 0;
	assert_int_equal(answer & SECCOMP_RET_ACTION_FULL, SECCOMP_RET_ERRNO);
	return (int)(answer & SECCOMP_RET_DATA);
}

static const struct {
	const char *name;
	int errno_value;
	uint64_t args[6];
} rows[] = {
	{"socket", EAFNOSUPPORT, {1, 1}},
	{"socket", EAFNOSUPPORT, {2, 1}},
	{"socket", EAFNOSUPPORT, {16, 3}},
	{"connect", EPERM, {0}},
	{"bind", EPERM, {0}},
	{"listen", EPERM, {0}},
	{"sendto", 0, {3, 4, 5, 6, 0, 0}},
	{"sendto", EPERM, {3, 4, 5, 6, 7, 8}},
	{"sendto", EPERM, {3, 4, 5, 6, 1ull << 32, 8}},
	{"sendmsg", 0, {0}}, /* the gate's, on what is connected */
	{"recvfrom", 0, {0}},
	{"shmget", ENOSYS, {0}},
	{"shmat", ENOSYS, {0}},
	{"shmctl", ENOSYS, {0}},
	{"semget", ENOSYS, {0}},
	{"semop", ENOSYS, {0}},
	{"semtimedop", ENOSYS, {0}},
	{"semctl", ENOSYS, {0}},
	{"msgget", ENOSYS, {0}},
	{"msgsnd", ENOSYS, {0}},
	{"msgrcv", ENOSYS, {0}},
	{"msgctl", ENOSYS, {0}},
	{"mq_open", ENOSYS, {0}},
	{"mq_unlink", ENOSYS, {0}},
	{"inotify_init", ENOSYS, {0}},
	{"inotify_init1", ENOSYS, {0}},
	{"inotify_add_watch", ENOSYS, {0}},
	{"statmount", ENOSYS, {0}},
	{"listmount", ENOSYS, {0}},
	{"prlimit64", 0, {0, 7, 8, 9}},
	{"prlimit64", EPERM, {1, 7, 0, 9}},
	{"prlimit64", EPERM, {0xffffffff, 7, 8, 9}},
	{"setpriority", 0, {0, 0, 5}},
	{"setpriority", 0, {1, 0, 5}},
	{"setpriority", EPERM, {2, 0, 5}},
	{"setpriority", EPERM, {2ull | 1ull << 32, 0, 5}},
	{"setpriority", EPERM, {0, 1, 5}},
	{"ioprio_set", 0, {1, 0, 5}},
	{"ioprio_set", EPERM, {1, 1, 5}},
	{"ioprio_set", EPERM, {3, 0, 5}},
	{"sched_setaffinity", 0, {0}},
	{"sched_setaffinity", EPERM, {1}},
	{"sched_setparam", EPERM, {1}},
	{"sched_setscheduler", EPERM, {1}},
	{"sched_setattr", EPERM, {1}},
	{"ioctl", 0, {0, 0x5401}},
	{"ioctl", 0, {0, 0x541b}},
	{"ioctl", ENOTTY, {0, 0x40086602}}, /* FS_IOC_SETFLAGS */
	{"ioctl", ENOTTY, {0, 0x401c5820}}, /* FS_IOC_FSSETXATTR */
	{"ioctl", ENOTTY, {0, 0x40087602}}, /* FS_IOC_SETVERSION */
	{"ioctl", ENOTTY, {0, 0x5000940e}}, /* BTRFS_IOC_SUBVOL_CREATE */
	{"ioctl", ENOTTY, {0, 0x40086602ull | 1ull << 40}},
	{"kill", 0, {1, 9}}, /* Landlock's */
	{"execve", 0, {0}},
	{"openat", 0, {0}},
};

static void test_each_row(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const int said = ask(rows[i].name, rows[i].args);

		if (said != rows[i].errno_value)
			fail_msg("row %zu, %s: %d instead of %d", i, rows[i].name, said,
				 rows[i].errno_value);
	}
}

/* Connected kinds of pairs only, whatever flags stand beside the kind. */
static void test_pairs(void **state)
{
	static const uint64_t flags[] = {0, 02000000, 04000, 02004000};

	(void)state;
	for (uint64_t type = 0; type < 16; type++)
		for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
			const uint64_t args[6] = {1, type | flags[i]};
			const int expected = type == 1 || type == 5 ? 0 : EAFNOSUPPORT;

			if (ask("socketpair", args) != expected)
				fail_msg("type %u with flags %#x", (unsigned)type,
					 (unsigned)flags[i]);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_row),
		cmocka_unit_test(test_pairs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
