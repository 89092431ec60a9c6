/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What the kernel takes for a gated call at least: the round trip of a connect(2) with nobody
 * deciding anything, step by step with the system calls that the gate makes for one. Its listener
 * is the gate's own (notify.h); no trace, no policy and no record are there.
 *
 *	bench_notify			all steps
 *	bench_notify NAME BATCHES BATCH	one of them as payload.c does it: nanoseconds a call of
 *					each batch, for bench_gate.py to put beside a session's
 */

#include <errno.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "monitor/gate/notify.h"
#include "tests/bench/samples.h"

enum {
	CALLS = 2000, /* a sample */
	QUICK_CALLS = 50,
	ROUNDS = 15,
	STEPS = 8
};

struct served {
	struct notify notify;
	int others_fd; /* a set of what else is waited for, in which nothing happens */
	int pid_fd;    /* the caller's */
	int program_fd;
};

static void wait_for_call(struct served *s)
{
	struct pollfd watched[] = {{.fd = s->notify.fd, .events = POLLIN},
				   {.fd = s->others_fd, .events = POLLIN}};

	(void)poll(watched, 2, 1000);
}

static void read_memory(struct served *s)
{
	const struct seccomp_notif *call = s->notify.request;
	struct sockaddr_in to;
	const struct iovec local = {.iov_base = &to, .iov_len = sizeof(to)};
	struct iovec remote = {.iov_len = sizeof(to)};

	(void)memcpy(&remote.iov_base, &call->data.args[1], sizeof(remote.iov_base));
	(void)process_vm_readv((pid_t)call->pid, &local, 1, &remote, 1, 0);
}

static int take_socket(struct served *s)
{
	return (int)syscall(SYS_pidfd_getfd, s->pid_fd, s->notify.request->data.args[0], 0);
}

static void take_and_close(struct served *s)
{
	(void)close(take_socket(s));
}

static void ask_protocol(struct served *s)
{
	const int socket_fd = take_socket(s);
	int protocol = 0;
	socklen_t len = sizeof(protocol);

	(void)getsockopt(socket_fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &len);
	(void)close(socket_fd);
}

static void ask_valid(struct served *s)
{
	(void)notify_is_valid(&s->notify, s->notify.request->id);
}

static void run_program(struct served *s)
{
	uint64_t context[8] = {0};
	union bpf_attr attr = {0};

	attr.test.prog_fd = (uint32_t)s->program_fd;
	attr.test.ctx_in = (uintptr_t)context;
	attr.test.ctx_size_in = sizeof(context);
	(void)syscall(SYS_bpf, BPF_PROG_TEST_RUN, &attr, sizeof(attr));
}

/* Each with all that is done for a call between its coming and its answer; the first waits in the
 * receiving itself. */
static const struct step {
	const char *name;
	const char *what;
	bool polls;
	int answer; /* errno; 0: it goes on */
	void (*look[3])(struct served *s);
} steps[STEPS] = {
	{"answered", "received and answered", false, ENETUNREACH, {0}},
	{"waited", "waited for beside others", true, ENETUNREACH, {0}},
	{"memory", "and the memory read", true, ENETUNREACH, {read_memory}},
	{"socket", "and the socket taken", true, ENETUNREACH, {read_memory, take_and_close}},
	{"refused", "and its protocol asked for", true, ENETUNREACH, {read_memory, ask_protocol}},
	{"udp", "and let through (UDP)", true, 0, {read_memory, ask_protocol}},
	{"valid",
	 "refused, and asked whether it still waits",
	 true,
	 ENETUNREACH,
	 {read_memory, ask_protocol, ask_valid}},
	{"program",
	 "refused, an empty BPF_PROG_RUN instead of these",
	 true,
	 ENETUNREACH,
	 {run_program}},
};

static void stop(const char *what)
{
	(void)fprintf(stderr, "bench_notify: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Under the filter: connects for ever; to itself, if it is let. */
static void call_for_ever(int listener_to)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_connect, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};
	const struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(80)};
	const int socket_fd = socket(AF_INET, SOCK_DGRAM, 0);
	long listener;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	listener = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
			   &program);
	if (write(listener_to, &listener, sizeof(listener)) < 0 || listener < 0)
		_exit(1);
	for (;;)
		(void)connect(socket_fd, (const struct sockaddr *)&to, sizeof(to));
}

/* A program that does nothing, of the kind that reads the memory of others; negative: not here. */
static int load_program(void)
{
	const struct bpf_insn returns_0[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	union bpf_attr attr = {0};

	attr.prog_type = BPF_PROG_TYPE_SYSCALL;
	attr.insns = (uintptr_t)returns_0;
	attr.insn_cnt = sizeof(returns_0) / sizeof(returns_0[0]);
	attr.license = (uintptr_t) "GPL";
	attr.prog_flags = BPF_F_SLEEPABLE;
	return (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
}

static double sample(struct served *s, const struct step *step, unsigned calls)
{
	const double start = clock_us();

	for (unsigned i = 0; i < calls; i++) {
		if (step->polls)
			wait_for_call(s);
		if (notify_recv(&s->notify) != 0)
			stop("receiving a notification");
		for (size_t k = 0; k < 3 && step->look[k]; k++)
			step->look[k](s);
		if (notify_answer(&s->notify, s->notify.request->id, step->answer) != 0)
			stop("answering it");
	}
	return (clock_us() - start) / calls;
}

static void measure(struct served *s)
{
	static double samples[STEPS][ROUNDS];
	const unsigned calls = is_quick() ? QUICK_CALLS : CALLS;
	const size_t rounds = is_quick() ? 2 : ROUNDS;

	for (size_t i = 0; i < STEPS; i++)
		(void)sample(s, &steps[i], calls);
	for (size_t round = 0; round < rounds; round++) {
		for (size_t i = 0; i < STEPS; i++) {
			const size_t turn = (i + round) % STEPS;

			samples[turn][round] = sample(s, &steps[turn], calls);
		}
	}
	for (size_t i = 0; i < STEPS; i++)
		if (steps[i].look[0] != run_program || s->program_fd >= 0)
			samples_row(steps[i].what, "us", samples[i], NULL, NULL, rounds);
}

static void measure_one(struct served *s, char **argv)
{
	const long batches = strtol(argv[2], NULL, 10);
	const long batch = strtol(argv[3], NULL, 10);

	for (size_t i = 0; i < STEPS; i++)
		for (long b = 0; strcmp(argv[1], steps[i].name) == 0 && b < batches; b++)
			(void)printf("%.1f\n", sample(s, &steps[i], (unsigned)batch) * 1000);
}

int main(int argc, char **argv)
{
	struct served served = {.others_fd = epoll_create1(EPOLL_CLOEXEC),
				.program_fd = load_program()};
	struct error err = {0};
	int ends[2];
	long number = -1;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		stop("a socket pair");
	pid = fork();
	if (pid == 0)
		call_for_ever(ends[1]);
	if (pid < 0 || read(ends[0], &number, sizeof(number)) < 0 || number < 0)
		stop("a child with a listener");
	served.pid_fd = (int)syscall(SYS_pidfd_open, pid, 0);
	number = syscall(SYS_pidfd_getfd, served.pid_fd, number, 0);
	if (number < 0 || notify_init(&served.notify, (int)number, true, &err) < 0)
		stop("its listener");
	if (argc == 4)
		measure_one(&served, argv);
	else
		measure(&served);
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	notify_done(&served.notify);
	return 0;
}
