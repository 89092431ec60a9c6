/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/gate/decode_net.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#define MAX_MESSAGES 1024 /* UIO_MAXIOV: sendmmsg(2) silently takes no more */

/* Where a message goes; *ret_at is 0 if it names no address. */
static int message_name(const struct msghdr *message, uint64_t *ret_at, uint32_t *ret_len)
{
	const int len = (int)message->msg_namelen;

	if (len < 0)
		return -EINVAL;
	*ret_at = len ? (uint64_t)(uintptr_t)message->msg_name : 0;
	/* The kernel cuts here where it refuses elsewhere. */
	*ret_len = (unsigned)len > MAX_ADDRESS_BYTES ? MAX_ADDRESS_BYTES : (unsigned)len;
	return 0;
}

/* Reads the destination of each message that has one, repeated ones once, into d->bytes. */
static int read_messages(struct decode *d, uint64_t at, unsigned count)
{
	struct net_destination to;
	struct msghdr message;
	uint64_t name_at = 0;
	uint32_t name_len = 0;

	for (unsigned i = 0; i < count; i++) {
		int r = child_mem_read(&d->mem, at + i * sizeof(struct mmsghdr), &message,
				       sizeof(message));

		if (r == 0)
			r = message_name(&message, &name_at, &name_len);
		if (r < 0)
			return r;
		if (!name_at)
			continue;
		memset(&to, 0, sizeof(to));
		r = net_call_read(d, name_at, name_len, &to);
		if (r < 0)
			return r;
		if (d->bytes.len >= sizeof(to) &&
		    memcmp(d->bytes.data + d->bytes.len - sizeof(to), &to, sizeof(to)) == 0)
			continue;
		buf_put(&d->bytes, &to, sizeof(to));
	}
	return 0;
}

/* A kill, then a refusal, then what is not decided yet. */
static unsigned strictness(const struct gate_answer *answer)
{
	if (answer->kill_execution)
		return 3;
	if (answer->later)
		return 1;
	return answer->proceed ? 0 : 2;
}

static void keep_stricter(struct gate_answer *strictest, const struct gate_answer *one)
{
	if (strictness(one) > strictness(strictest))
		*strictest = *one;
}

/* sendmsg and sendmmsg: the strictest answer to any message is the answer to all. */
int net_call_messages(struct decode *d, struct net_call *call, uint64_t at, unsigned count,
		      struct gate_answer *ret)
{
	struct gate_answer strictest = {.proceed = true};
	int r = read_messages(d, at, count > MAX_MESSAGES ? MAX_MESSAGES : count);

	if (r < 0)
		return r;
	for (size_t i = 0; i < d->bytes.len; i += sizeof(struct net_destination)) {
		struct gate_answer one = {.errno_value = EPERM};
		struct net_destination to;

		memcpy(&to, d->bytes.data + i, sizeof(to));
		r = net_call_decide(d, call, &to, &one);
		if (r == DECODE_GONE)
			return r;
		if (r < 0)
			one = (struct gate_answer){.errno_value = -r};
		keep_stricter(&strictest, &one);
	}
	*ret = strictest;
	return 0;
}
