/* SPDX-License-Identifier: Apache-2.0 */
/* What execs may become: told to the kernel before the call goes on. */
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "monitor/bpf/siphash.h"
#include "monitor/trace/bpf_call.h"
#include "monitor/trace/internal.h"
#include "monitor/trace/trace.h"

int approval_key_make(struct trace *trace)
{
	const ssize_t n = getrandom(trace->approval_key, sizeof(trace->approval_key), 0);

	return n == (ssize_t)sizeof(trace->approval_key) ? 0 : -EIO;
}

uint64_t approval_hash(const uint64_t key[2], const void *bytes, size_t len)
{
	__u64 words[TRACE_CHUNK_WORDS];
	struct siphash hash;

	siphash_begin(&hash, key[0], key[1]);
	for (size_t at = 0; at < len; at += sizeof(words)) {
		const size_t left = len - at;

		memset(words, 0, sizeof(words));
		memcpy(words, (const char *)bytes + at,
		       left < sizeof(words) ? left : sizeof(words));
		for (size_t i = 0; i < TRACE_CHUNK_WORDS; i++)
			siphash_word(&hash, words[i]);
	}
	return siphash_end(&hash, 0, len);
}

void approval_drop_all(const struct trace *trace)
{
	const int map_fd = trace_map_fd(trace, TRACE_MAP_APPROVALS);
	uint32_t tid;

	while (bpf_call_map_first(map_fd, &tid) == 0)
		(void)bpf_call_map_delete(map_fd, &tid);
}

int trace_approve_exec(struct trace *trace, uint32_t slot, uint32_t exec_id, uint32_t tid,
		       const struct exec_image *image)
{
	const struct trace_session *session = trace_session(trace, slot);
	const uint64_t bytes = (uint64_t)image->argv_bytes + image->env_bytes + image->name_bytes;
	struct trace_control control = {.op = TRACE_CONTROL_APPROVE, .tid = tid, .slot = slot};
	int r;

	if (!session)
		return -ENOENT;
	if (image->file_fd < 0)
		return -EBADF;
	if (bytes > TRACE_BLOCK_MAX)
		return -E2BIG;
	control.fd = (uint32_t)image->file_fd;
	control.generation = session->generation;
	control.approval = (struct trace_approval){
		.hash = approval_hash(trace->approval_key, image->block, bytes),
		.argv_bytes = image->argv_bytes,
		.env_bytes = image->env_bytes,
		.name_bytes = image->name_bytes,
		.exec_id = exec_id,
	};
	r = trace_control(trace, &control);
	if (r == -E2BIG) /* so a full hash table says */
		r = -ENOSPC;
	if (r < 0) /* one that was there for an earlier call must not stay */
		trace_revoke_exec(trace, tid);
	return r;
}

void trace_revoke_exec(struct trace *trace, uint32_t tid)
{
	(void)bpf_call_map_delete(trace_map_fd(trace, TRACE_MAP_APPROVALS), &tid);
}

int trace_require_approval(struct trace *trace, uint32_t slot, bool required)
{
	if (!trace_session(trace, slot))
		return -ENOENT;
	if (required)
		__atomic_fetch_or(&trace->slots[slot].flags, TRACE_SESSION_VERIFY,
				  __ATOMIC_SEQ_CST);
	else
		__atomic_fetch_and(&trace->slots[slot].flags, ~(uint32_t)TRACE_SESSION_VERIFY,
				   __ATOMIC_SEQ_CST);
	return 0;
}

const char *trace_mismatch_text(int64_t result)
{
	switch ((enum trace_mismatch)result) {
	case TRACE_MISMATCH_NOT_APPROVED:
		return "nothing was approved for this thread";
	case TRACE_MISMATCH_PROGRAM:
		return "another program was loaded";
	case TRACE_MISMATCH_ARGUMENTS:
		return "it has other arguments";
	case TRACE_MISMATCH_ENVIRONMENT:
		return "it has another environment";
	case TRACE_MISMATCH_STRINGS:
		return "its arguments, environment or name are others";
	case TRACE_MISMATCH_UNREADABLE:
		return "its arguments could not be read back";
	case TRACE_MISMATCH_NONE:
		break;
	}
	return "";
}
