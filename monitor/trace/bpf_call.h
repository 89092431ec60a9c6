/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * bpf(2), the few commands that the trace needs; each returns 0 (or what it says) or negative
 * errno.
 */

#include <stdint.h>

#define BPF_CALL_RETRIES \
	100 /* of a call that had no memory; see bpf_call_map_set() in the source */

int bpf_call_map_set(int map_fd, const void *key, const void *value);
int bpf_call_map_get(int map_fd, const void *key, void *ret_value);
/* Any key of the map; -ENOENT when it is empty. */
int bpf_call_map_first(int map_fd, void *ret_key);
/* The one behind @key, or the first if there is none of that; -ENOENT at the end. */
int bpf_call_map_next(int map_fd, const void *key, void *ret_key);
int bpf_call_map_delete(int map_fd, const void *key);
/* Runs a SEC("syscall") program on @ctx, which it may change. */
int bpf_call_run(int program_fd, void *ctx, uint32_t ctx_bytes);
/*
 * May we load a program for the kernel's security hooks at all? -EPERM where nobody lets us, told
 * by one that is not valid and hence costs nothing: else it is refused for that, which is 0.
 */
int bpf_call_may_load_lsm(void);
/* How often the kernel skipped a program, because it was running on that CPU already. */
int bpf_call_skips(int program_fd, uint64_t *ret);
/* Attaches a tp_btf, LSM, fentry or fexit program. Return: the link's descriptor. */
int bpf_call_attach(int program_fd);
