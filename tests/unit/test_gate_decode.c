/* SPDX-License-Identifier: Apache-2.0 */

/*
 * One NOTIF_ID_VALID covers all that was read before it, so it has to come behind the last read.
 * The caller is this process itself: when the decoder asks whether the call still waits, what was
 * read is changed under it, or the answer is no. Of a known thread whose socket is looked at it
 * need not ask: that its pidfd gave the socket away says as much, if nothing else can have said so.
 */

#include "tests/support/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
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
	int socket_fd;
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

static void begin(struct decode *d)
{
	*d = (struct decode){.ops = &ops, .diag_fd = -1};
	decode_init(d);
}

/* A call on the network of a thread that is met for the first time. */
static void check_met(const struct seccomp_data *data, const char *seen)
{
	bool (*const answers[])(void) = {NULL, change_all, say_gone};
	struct decode d;

	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		begin(&d);
		(void)decode_with(&d, data, answers[i]);
		assert_int_equal(owner.decided, answers[i] != say_gone);
		if (answers[i] != say_gone) {
			assert_int_equal(owner.asked, 1);
			assert_string_equal(owner.seen, seen);
		}
		decode_done(&d);
	}
}

/* Its pidfd becomes one of a process that is no more. */
static void lose_thread(struct decode *d)
{
	const pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	assert_true(pid > 0);
	(void)close(d->target.pid_fd);
	d->target.pid_fd = (int)syscall(SYS_pidfd_open, pid, 0);
	assert_true(d->target.pid_fd >= 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void check_net(struct seccomp_data data, const char *protocol)
{
	char seen[64];
	struct decode d;

	data.arch = ARCH_NATIVE;
	(void)snprintf(seen, sizeof(seen), "%s 192.0.2.7    ", protocol);
	check_met(&data, seen);
	begin(&d);
	assert_int_equal(decode_with(&d, &data, NULL), 0);
	assert_int_equal(decode_with(&d, &data, say_gone), 0);
	assert_int_equal(owner.asked, 0);
	assert_string_equal(owner.seen, seen);
	lose_thread(&d);
	assert_int_equal(decode_with(&d, &data, say_gone), 0);
	assert_int_equal(owner.decided, 0);
	assert_int_equal(decode_with(&d, &data, NULL), 0);
	lose_thread(&d);
	assert_int_equal(decode_with(&d, &data, change_all), 0);
	assert_int_equal(owner.asked, 1);
	assert_string_equal(owner.seen, seen);
	decode_done(&d);
}

/* About a known thread the decoder asks once. */
static void check_exec(struct seccomp_data data, const char *seen)
{
	struct decode d;

	data.arch = ARCH_NATIVE;
	begin(&d);
	assert_int_equal(decode_with(&d, &data, NULL), 0);
	assert_int_equal(decode_with(&d, &data, change_all), 0);
	assert_int_equal(owner.asked, 1);
	assert_int_equal(owner.decided, 1);
	assert_string_equal(owner.seen, seen);
	assert_int_equal(decode_with(&d, &data, say_gone), DECODE_GONE);
	assert_int_equal(owner.decided, 0);
	decode_done(&d);
}

static void check_calls(const char *protocol)
{
	const uint64_t fd = (uint64_t)caller.socket_fd;

	check_net((struct seccomp_data){.nr = SYS_connect,
					.args = {fd, ARG(&caller.to), sizeof(caller.to)}},
		  protocol);
	check_net((struct seccomp_data){.nr = SYS_sendto,
					.args = {fd, 0, 0, 0, ARG(&caller.to), sizeof(caller.to)}},
		  protocol);
	check_net((struct seccomp_data){.nr = SYS_sendmsg, .args = {fd, ARG(&caller.message)}},
		  protocol);
}

static void test_net(void **state)
{
	(void)state;
	check_calls("tcp");
}

static void test_exec(void **state)
{
	(void)state;
	check_exec((struct seccomp_data){.nr = SYS_execve,
					 .args = {ARG(caller.path), ARG(caller.argv),
						  ARG(caller.env)}},
		   "  /usr/bin/env argument LD_PRELOAD=a ");
}

/* As container profiles do: then an errno of it says nothing of the thread. The last test. */
static void test_refused_getfd(void **state)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pidfd_getfd, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};

	(void)state;
	assert_int_equal(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	assert_int_equal(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program), 0);
	check_calls("other");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_net), cmocka_unit_test(test_exec),
					   cmocka_unit_test(test_refused_getfd)};

	caller.socket_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
