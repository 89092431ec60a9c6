/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/prove/denied.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/syscall_table.h"
#include "sandbox/filter_rules.h"

/* Arguments that no call can do anything with: a bad descriptor, a bad pointer, unknown flags. */
#define NOTHING UINT64_MAX

/* Calls that are refused with certain arguments only, with arguments that are not. */
static const struct {
	const char *name;
	uint64_t args[6];
} twins[] = {
	{"clone", {SIGCHLD}},
	{"chmod", {NOTHING, 0755}},
	{"fchmod", {NOTHING, 0755}},
	{"fchmodat", {NOTHING, NOTHING, 0755}},
	{"fchmodat2", {NOTHING, NOTHING, 0755}},
	{"creat", {NOTHING, 0644}},
	{"mknod", {NOTHING, S_IFIFO | 0644}},
	{"mknodat", {NOTHING, NOTHING, S_IFIFO | 0644}},
	{"open", {NOTHING, 0100, 0644}},
	{"openat", {NOTHING, NOTHING, 0100, 0644}},
	{"ioctl", {NOTHING, 0x5413}},
	{"prctl", {16, NOTHING}},
	{"socket", {AF_UNIX, SOCK_STREAM, 0}},
	{"socketpair", {AF_UNIX, SOCK_STREAM, 0, NOTHING}},
	{"personality", {0xffffffff}},
	{"mmap", {0, 0, 0, MAP_PRIVATE | MAP_ANONYMOUS, NOTHING}},
	{"memfd_create", {NOTHING, 0}},
	{"shmget", {0, 0, 0}},
	{"fcntl", {NOTHING, F_GETFD}},
	{"setrlimit", {RLIMIT_NOFILE, NOTHING}},
	{"prlimit64", {0, RLIMIT_CORE, 0, NOTHING}},
};

/* Two calls refuse families above the highest by a comparison, which is no row of the table. */
static const char *const family_calls[] = {"socket", "socketpair"};
static const uint64_t high_families[] = {17, 38, 40, 44, 45, 0xffffffff, 0x100000011};

#define FAMILIES (sizeof(high_families) / sizeof(high_families[0]))

size_t denied_count(void)
{
	return filter_denied_count + filter_bits_count + 2 * FAMILIES;
}

static void fill_name(struct denied_case *ret, const char *name, int errno_value)
{
	ret->name = name;
	ret->nr = (unsigned)syscall_number(name);
	ret->errno_value = errno_value;
	for (size_t i = 0; i < 6; i++)
		ret->args[i] = NOTHING;
}

static void fill_twin(struct denied_case *ret)
{
	for (size_t i = 0; i < sizeof(twins) / sizeof(twins[0]); i++)
		if (strcmp(twins[i].name, ret->name) == 0) {
			memcpy(ret->twin, twins[i].args, sizeof(ret->twin));
			ret->has_twin = 1;
		}
}

void harmless_arguments(const char *name, uint64_t ret[6])
{
	struct denied_case c = {.name = name};

	fill_twin(&c);
	memcpy(ret, c.twin, sizeof(c.twin));
}

static void fill_bits(const struct filter_bits *bits, size_t i, struct denied_case *ret)
{
	fill_name(ret, bits->name, bits->errno_value);
	fill_twin(ret);
	/* Start from what is harmless, so that this one condition is what the filter answers to. */
	memcpy(ret->args, ret->twin, sizeof(ret->args));
	for (size_t k = 0; k < 2 && bits->when[k].mask; k++) {
		uint64_t *arg = &ret->args[bits->when[k].arg];

		*arg = bits->when[k].differs ? NOTHING
					     : (*arg & ~bits->when[k].mask) | bits->when[k].value;
	}
	(void)snprintf(ret->id, sizeof(ret->id), "denied.%s-%zu", bits->name, i);
}

void denied_case(size_t i, struct denied_case *ret)
{
	*ret = (struct denied_case){0};
	if (i < filter_denied_count) {
		fill_name(ret, filter_denied[i].name, filter_denied[i].errno_value);
		(void)snprintf(ret->id, sizeof(ret->id), "denied.%s", ret->name);
		return;
	}
	i -= filter_denied_count;
	if (i < filter_bits_count) {
		fill_bits(&filter_bits[i], i, ret);
		return;
	}
	i -= filter_bits_count;
	fill_name(ret, family_calls[i / FAMILIES], EAFNOSUPPORT);
	fill_twin(ret);
	memcpy(ret->args, ret->twin, sizeof(ret->args));
	ret->args[0] = high_families[i % FAMILIES];
	(void)snprintf(ret->id, sizeof(ret->id), "denied.%s-family-%llu", ret->name,
		       (unsigned long long)ret->args[0]);
}

static int call(unsigned nr, const uint64_t args[6])
{
	const long r = syscall((long)nr, args[0], args[1], args[2], args[3], args[4], args[5]);

	if (r == 0 && nr == SYS_clone)
		_exit(0); /* the child that it made */
	return r < 0 ? errno : 0;
}

_Noreturn static void *keep_busy(void *arg)
{
	(void)arg;
	for (;;)
		(void)usleep(50);
}

/* The phases are alone, threads, and twin. */
static int make_call(size_t i, const char *phase)
{
	struct denied_case c;
	pthread_t thread;

	denied_case(i, &c);
	(void)setsid(); /* no terminal that could be hung up */
	(void)alarm(20);
	if (strcmp(phase, "threads") == 0 && pthread_create(&thread, NULL, keep_busy, NULL) != 0)
		return 255;
	return call(c.nr, strcmp(phase, "twin") == 0 ? c.twin : c.args);
}

int denied_main(int argc, char **argv)
{
	if (argc < 2)
		return 2;
	for (size_t i = 0; i < denied_count(); i++) {
		const pid_t child = fork();
		int status = 0;

		if (child == 0)
			_exit(make_call(i, argv[1]));
		if (child < 0 || waitpid(child, &status, 0) < 0)
			return 1;
		(void)printf("@@ %zu %s %d\n", i, WIFSIGNALED(status) ? "signal" : "errno",
			     WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	}
	return 0;
}
