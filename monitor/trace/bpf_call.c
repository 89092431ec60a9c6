/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/trace/bpf_call.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/bpf.h>

static int call(enum bpf_cmd command, union bpf_attr *attr)
{
	const long r = syscall(SYS_bpf, command, attr, sizeof(*attr));

	return r < 0 ? -errno : (int)r;
}

/*
 * Elements are taken from a small reserve of this CPU that the kernel refills a moment later; out
 * of memory right after a series of updates mostly means "not yet".
 */
static int call_with_memory(enum bpf_cmd command, union bpf_attr *attr)
{
	int r = call(command, attr);

	for (int i = 0; r == -ENOMEM && i < BPF_CALL_RETRIES; i++) {
		(void)sched_yield();
		r = call(command, attr);
	}
	return r;
}

static uint64_t address(const void *p)
{
	return (uint64_t)(uintptr_t)p;
}

int bpf_call_map_set(int map_fd, const void *key, const void *value)
{
	union bpf_attr attr = {0};

	attr.map_fd = (uint32_t)map_fd;
	attr.key = address(key);
	attr.value = address(value);
	attr.flags = BPF_ANY;
	return call_with_memory(BPF_MAP_UPDATE_ELEM, &attr);
}

int bpf_call_map_get(int map_fd, const void *key, void *ret_value)
{
	union bpf_attr attr = {0};

	attr.map_fd = (uint32_t)map_fd;
	attr.key = address(key);
	attr.value = address(ret_value);
	return call(BPF_MAP_LOOKUP_ELEM, &attr);
}

int bpf_call_map_first(int map_fd, void *ret_key)
{
	union bpf_attr attr = {0};

	attr.map_fd = (uint32_t)map_fd;
	attr.next_key = address(ret_key);
	return call(BPF_MAP_GET_NEXT_KEY, &attr);
}

int bpf_call_map_next(int map_fd, const void *key, void *ret_key)
{
	union bpf_attr attr = {0};

	attr.map_fd = (uint32_t)map_fd;
	attr.key = address(key);
	attr.next_key = address(ret_key);
	return call(BPF_MAP_GET_NEXT_KEY, &attr);
}

int bpf_call_map_delete(int map_fd, const void *key)
{
	union bpf_attr attr = {0};

	attr.map_fd = (uint32_t)map_fd;
	attr.key = address(key);
	return call(BPF_MAP_DELETE_ELEM, &attr);
}

int bpf_call_run(int program_fd, void *ctx, uint32_t ctx_bytes)
{
	union bpf_attr attr = {0};

	attr.test.prog_fd = (uint32_t)program_fd;
	attr.test.ctx_in = address(ctx);
	attr.test.ctx_size_in = ctx_bytes;
	return call(BPF_PROG_RUN, &attr);
}

int bpf_call_may_load_lsm(void)
{
	const struct bpf_insn returns_0[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	union bpf_attr attr = {0};
	int r;

	attr.prog_type = BPF_PROG_TYPE_LSM;
	attr.expected_attach_type = BPF_LSM_MAC;
	attr.insns = address(returns_0);
	attr.insn_cnt = sizeof(returns_0) / sizeof(returns_0[0]);
	attr.license = address("GPL");
	attr.attach_btf_id = 1; /* no function */
	r = call(BPF_PROG_LOAD, &attr);
	if (r >= 0)
		(void)close(r);
	return r == -EPERM ? r : 0;
}

int bpf_call_skips(int program_fd, uint64_t *ret)
{
	struct bpf_prog_info info = {0};
	union bpf_attr attr = {0};
	int r;

	attr.info.bpf_fd = (uint32_t)program_fd;
	attr.info.info = address(&info);
	attr.info.info_len = sizeof(info);
	r = call(BPF_OBJ_GET_INFO_BY_FD, &attr);
	*ret = info.recursion_misses;
	return r;
}

int bpf_call_attach(int program_fd)
{
	union bpf_attr attr = {0};

	attr.raw_tracepoint.prog_fd = (uint32_t)program_fd;
	return call(BPF_RAW_TRACEPOINT_OPEN, &attr);
}
