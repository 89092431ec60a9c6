/* SPDX-License-Identifier: Apache-2.0 */

/*
 * One NOTIF_ID_VALID covers all that was read before it, so it has to come behind the last read.
 * The caller is this process itself: when the decoder asks whether the call still waits, what was
 * read is changed under it, or the answer is no.
 */

#include "tests/support/test.h"

#include <arpa/inet.h>
#include <linux/audit.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "monitor/gate/decode.h"

#ifdef __aarch64__
#define ARCH_NATIVE AUDIT_ARCH_AARCH64
#else
#define ARCH_NATIVE AUDIT_ARCH_X86_64
#endif
#define ARG(_pointer) ((uint64_t)(uintptr_t)(_pointer))

/* What the call points to; what is read last stands on a page of its own, as pages are kept. */
static struct {
	int socket_fd; /* as the call has it: the first of these, until it is changed */
	int tcp_fd, udp_fd;
	struct sockaddr_in to;
	struct msghdr message;
	char path[64];
	_Alignas(CHILD_PAGE_BYTES) char argument[CHILD_PAGE_BYTES];
	_Alignas(CHILD_PAGE_BYTES) char variable[CHILD_PAGE_BYTES];
	char *argv[3], *env[2];
} caller;

static struct {
	unsigned asked;	      /* by the decoder */
	bool (*answer)(void); /* NULL: it still waits */
	unsigned decided;
	char seen[256];
} owner;

static void set_caller(void)
{
	(void)dup2(caller.tcp_fd, caller.socket_fd);
	caller.to = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(443)};
	caller.to.sin_addr.s_addr = inet_addr("192.0.2.7");
	caller.message = (struct msghdr){.msg_name = &caller.to, .msg_namelen = sizeof(caller.to)};
	(void)strcpy(caller.path, "/usr/bin/env");
	(void)strcpy(caller.argument, "argument");
	(void)strcpy(caller.variable, "LD_PRELOAD=a");
	caller.argv[0] = caller.path;
	caller.argv[1] = caller.argument;
	caller.env[0] = caller.variable;
}

static bool change_all(void)
{
	caller.to.sin_addr.s_addr = inet_addr("192.0.2.66");
	caller.message.msg_name = NULL;
	(void)dup2(caller.udp_fd, caller.socket_fd);
	(void)strcpy(caller.path, "/usr/bin/id");
	(void)strcpy(caller.argument, "changed");
	(void)strcpy(caller.variable, "LD_PRELOAD=b");
	return true;
}

static bool say_gone(void)
{
	return false;
}

static bool is_valid(void *ctx)
{
	(void)ctx;
	owner.asked++;
	return owner.answer ? owner.answer() : true;
}

static void put(struct str text)
{
	const size_t len = strlen(owner.seen);

	(void)snprintf(owner.seen + len, sizeof(owner.seen) - len, "%.*s ", (int)text.len,
		       text.at ? text.at : "");
}

static void decide(void *ctx, const struct gate_request *request, struct gate_answer *ret)
{
	const struct action *a = request->action;
	const struct str argument = a->argv.count > 1 ? a->argv.items[1] : (struct str){0};
	const struct str variable =
		a->startup_env.count ? a->startup_env.items[0] : (struct str){0};

	(void)ctx;
	owner.decided++;
	put(a->protocol);
	put(a->address);
	put(a->path);
	put(argument);
	put(variable);
	*ret = (struct gate_answer){.errno_value = EDQUOT};
}

static const struct decode_ops ops = {.is_valid = is_valid, .decide = decide};

static int decode_with(struct decode *d, const struct seccomp_data *data, bool (*answer)(void))
{
	struct gate_answer ret;

	set_caller();
	memset(&owner, 0, sizeof(owner));
	owner.answer = answer;
	return decode_call(d, (uint32_t)syscall(SYS_gettid), data, &ret);
}

/* About a thread that is known already the decoder asks once. */
static void check(struct seccomp_data data, const char *seen)
{
	struct decode d;

	data.arch = ARCH_NATIVE;
	decode_init(&d);
	d.ops = &ops;
	d.diag_fd = -1;
	assert_int_equal(decode_with(&d, &data, NULL), 0);
	assert_int_equal(decode_with(&d, &data, NULL), 0);
	assert_int_equal(owner.asked, 1);
	assert_string_equal(owner.seen, seen);
	assert_int_equal(decode_with(&d, &data, change_all), 0);
	assert_string_equal(owner.seen, seen);
	assert_int_equal(owner.decided, 1);
	assert_int_equal(decode_with(&d, &data, say_gone), DECODE_GONE);
	assert_int_equal(owner.decided, 0);
	decode_done(&d);
}

static void test_net(void **state)
{
	const uint64_t fd = (uint64_t)caller.socket_fd;

	(void)state;
	check((struct seccomp_data){.nr = SYS_connect,
				    .args = {fd, ARG(&caller.to), sizeof(caller.to)}},
	      "tcp 192.0.2.7    ");
	check((struct seccomp_data){.nr = SYS_sendto,
				    .args = {fd, 0, 0, 0, ARG(&caller.to), sizeof(caller.to)}},
	      "tcp 192.0.2.7    ");
	check((struct seccomp_data){.nr = SYS_sendmsg, .args = {fd, ARG(&caller.message)}},
	      "tcp 192.0.2.7    ");
}

static void test_exec(void **state)
{
	(void)state;
	check((struct seccomp_data){.nr = SYS_execve,
				    .args = {ARG(caller.path), ARG(caller.argv), ARG(caller.env)}},
	      "  /usr/bin/env argument LD_PRELOAD=a ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_net), cmocka_unit_test(test_exec)};

	caller.tcp_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	caller.udp_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	caller.socket_fd = dup(caller.tcp_fd);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
