/* SPDX-License-Identifier: Apache-2.0 */
/*
 * filter-gen: makes the seccomp filter once, at build time, and prints it as C.
 *
 * libseccomp builds the body from filter_rules.c (default allow, refusals by rule, foreign
 * architectures and x32 killed). It cannot say "numbers that do not exist yet", so a short
 * prologue before the body gives ENOSYS to every number that is not in the system call table; all
 * jumps of the body are relative, so it may be put anywhere.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <seccomp.h>

#include "common/syscall_table.h"
#include "sandbox/filter_rules.h"

#define X32_BIT 0x40000000u

static void die(const char *what, const char *name, int r)
{
	(void)fprintf(stderr, "filter-gen: %s %s: %s\n", what, name, strerror(-r));
	exit(1); /* NOLINT(concurrency-mt-unsafe): one thread */
}

static int number_of(const char *name)
{
	const int nr = syscall_number(name);

	if (nr < 0)
		die("no such system call:", name, -ENOENT);
	return nr;
}

static void add_denied(scmp_filter_ctx ctx, const struct filter_denied *denied, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct filter_denied *d = &denied[i];
		const int r = seccomp_rule_add(ctx, SCMP_ACT_ERRNO((uint16_t)d->errno_value),
					       number_of(d->name), 0);

		if (r < 0)
			die("deny", d->name, r);
	}
}

static struct scmp_arg_cmp compare(const struct filter_match *m)
{
	return m->differs ? (struct scmp_arg_cmp)SCMP_CMP(m->arg, SCMP_CMP_NE, m->value)
			  : (struct scmp_arg_cmp)SCMP_CMP(m->arg, SCMP_CMP_MASKED_EQ, m->mask,
							  m->value);
}

/* @action where both conditions of @when hold. */
static int add_when(scmp_filter_ctx ctx, uint32_t action, const char *name,
		    const struct filter_match when[2])
{
	struct scmp_arg_cmp conditions[2];
	unsigned count = 0;

	for (unsigned k = 0; k < 2 && when[k].mask; k++)
		conditions[count++] = compare(&when[k]);
	return seccomp_rule_add_array(ctx, action, number_of(name), count, conditions);
}

static void add_bits(scmp_filter_ctx ctx, const struct filter_bits *bits, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct filter_bits *b = &bits[i];
		const int r =
			add_when(ctx, SCMP_ACT_ERRNO((uint16_t)b->errno_value), b->name, b->when);

		if (r < 0)
			die("deny with arguments", b->name, r);
	}
}

static void add_lite(scmp_filter_ctx ctx)
{
	add_denied(ctx, filter_lite_denied, filter_lite_denied_count);
	add_bits(ctx, filter_lite_bits, filter_lite_bits_count);
}

static void add_families(scmp_filter_ctx ctx)
{
	static const char *const calls[] = {"socket", "socketpair"};

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		const int r =
			seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EAFNOSUPPORT), number_of(calls[i]), 1,
					 SCMP_A0(SCMP_CMP_GT, FILTER_FAMILY_MAX));

		if (r < 0)
			die("families", calls[i], r);
	}
}

static void add_notify(scmp_filter_ctx ctx, const struct filter_gated *g, unsigned count,
		       struct scmp_arg_cmp when)
{
	const int r =
		seccomp_rule_add_array(ctx, SCMP_ACT_NOTIFY, number_of(g->name), count, &when);

	if (r < 0)
		die("gate", g->name, r);
}

static void add_gated(scmp_filter_ctx ctx, bool files)
{
	for (size_t i = 0; i < filter_gated_count; i++) {
		const struct filter_gated *g = &filter_gated[i];
		const unsigned arg = (unsigned)(g->arg < 0 ? 0 : g->arg);

		if (g->files && !files)
			continue;
		if (!g->bits)
			add_notify(ctx, g, g->arg < 0 ? 0 : 1, SCMP_CMP(arg, SCMP_CMP_NE, 0));
		for (uint64_t left = g->bits; left; left &= left - 1) {
			const uint64_t bit = left & -left;

			add_notify(ctx, g, 1,
				   SCMP_CMP(arg, SCMP_CMP_MASKED_EQ, bit | g->unless, bit));
		}
	}
}

static void add_gated_when(scmp_filter_ctx ctx)
{
	for (size_t i = 0; i < filter_gated_when_count; i++) {
		const struct filter_gated_when *g = &filter_gated_when[i];
		const int r = add_when(ctx, SCMP_ACT_NOTIFY, g->name, g->when);

		if (r < 0)
			die("gate with arguments", g->name, r);
	}
}

static unsigned times_allowed(const char *name)
{
	unsigned times = 0;

	for (size_t i = 0; i < filter_allowed_count; i++)
		times += strcmp(filter_allowed[i], name) == 0;
	return times;
}

static unsigned times_denied(const char *name)
{
	unsigned times = 0;

	for (size_t i = 0; i < filter_denied_count; i++)
		times += strcmp(filter_denied[i].name, name) == 0;
	return times;
}

/* Nothing is let through, or refused, because somebody forgot about it. */
static void check_decided(void)
{
	for (unsigned nr = 0; nr < SYSCALL_TABLE_END; nr++) {
		const char *name = syscall_name(nr);

		if (name && times_allowed(name) + times_denied(name) != 1)
			die("not exactly once in filter_allowed or filter_denied:", name, -EINVAL);
	}
	for (size_t i = 0; i < filter_allowed_count; i++)
		(void)number_of(filter_allowed[i]);
	for (size_t i = 0; i < filter_bits_count; i++)
		if (!times_allowed(filter_bits[i].name))
			die("refused whole, hence no conditions:", filter_bits[i].name, -EINVAL);
	for (size_t i = 0; i < filter_gated_count; i++)
		if (!times_allowed(filter_gated[i].name))
			die("refused, hence not gated:", filter_gated[i].name, -EINVAL);
	for (size_t i = 0; i < filter_gated_when_count; i++)
		if (!times_allowed(filter_gated_when[i].name))
			die("refused, hence not gated:", filter_gated_when[i].name, -EINVAL);
	for (size_t i = 0; i < filter_files_denied_count; i++)
		if (!times_allowed(filter_files_denied[i].name))
			die("refused anyway:", filter_files_denied[i].name, -EINVAL);
	for (size_t i = 0; i < filter_lite_denied_count; i++)
		if (!times_allowed(filter_lite_denied[i].name))
			die("refused anyway:", filter_lite_denied[i].name, -EINVAL);
}

enum variant {
	PLAIN,	/* refuses */
	GATED,	/* refuses, and notifies of exec and network */
	HANDS,	/* refuses all but what the hands do */
	NOTIFY, /* notifies of these and of files; refuses only what does not go with that */
	LITE,	/* refuses what isolation lite does, and nothing else */
};

static size_t build_body(enum variant variant, struct sock_filter *ret, size_t max)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	const size_t skipped = variant == HANDS ? FILTER_BITS_OF_HANDS : 0;
	const int body_fd = memfd_create("filter", MFD_CLOEXEC);
	ssize_t n;
	int r;

	if (!ctx || body_fd < 0)
		die("start", "libseccomp", -ENOMEM);
	r = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (!r)
		r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (r < 0)
		die("set", "attributes", r);
	if (variant == LITE)
		add_lite(ctx);
	if (variant == PLAIN || variant == GATED || variant == HANDS) {
		add_denied(ctx, filter_denied, filter_denied_count);
		add_bits(ctx, filter_bits + skipped, filter_bits_count - skipped);
		add_families(ctx);
	}
	if (variant == NOTIFY)
		add_denied(ctx, filter_files_denied, filter_files_denied_count);
	if (variant == GATED || variant == NOTIFY) {
		add_gated(ctx, variant == NOTIFY);
		add_gated_when(ctx);
	}
	r = seccomp_export_bpf(ctx, body_fd);
	if (r < 0)
		die("export", "filter", r);
	seccomp_release(ctx);
	n = pread(body_fd, ret, max * sizeof(*ret), 0);
	(void)close(body_fd);
	if (n <= 0 || (size_t)n == max * sizeof(*ret))
		die("read back", "filter", -E2BIG);
	return (size_t)n / sizeof(*ret);
}

struct program {
	struct sock_filter code[4096];
	size_t len;
};

static void put(struct program *p, struct sock_filter instruction)
{
	if (p->len == sizeof(p->code) / sizeof(p->code[0]))
		die("build", "filter", -E2BIG);
	p->code[p->len++] = instruction;
}

/* first..last get ENOSYS: "if (nr < first) skip 2; if (nr <= last) return ENOSYS". */
static void put_hole(struct program *p, unsigned first, unsigned last)
{
	put(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, first, 0, 2));
	put(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, last, 1, 0));
	put(p, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS));
}

static void put_prologue(struct program *p)
{
	size_t guard;
	unsigned first = 0;

	put(p, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
					    offsetof(struct seccomp_data, arch)));
	guard = p->len;
	put(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0, 0));
	put(p, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
					    offsetof(struct seccomp_data, nr)));
	for (unsigned nr = 0; nr < SYSCALL_TABLE_END; nr++) {
		if (!syscall_name(nr))
			continue;
		if (nr > first)
			put_hole(p, first, nr - 1);
		first = nr + 1;
	}
	put_hole(p, first, X32_BIT - 1);
	/* Another architecture: on to the body, which kills. */
	p->code[guard].jf = (unsigned char)(p->len - guard - 1);
}

static void print_program(const char *name, enum variant variant)
{
	static struct program p;
	size_t n;

	p.len = 0;
	put_prologue(&p);
	n = build_body(variant, p.code + p.len, sizeof(p.code) / sizeof(p.code[0]) - p.len);
	p.len += n;
	(void)printf("const struct sock_filter %s[] = {\n", name);
	for (size_t i = 0; i < p.len; i++)
		(void)printf("\t{0x%02x, %u, %u, 0x%08x},\n", (unsigned)p.code[i].code,
			     (unsigned)p.code[i].jt, (unsigned)p.code[i].jf, p.code[i].k);
	(void)printf("};\n\nconst unsigned short %s_len = %zu;\n\n", name, p.len);
}

int main(void)
{
	check_decided();
	(void)printf("/* Made by filter-gen from sandbox/filter_rules.c; do not edit. */\n"
		     "#include \"sandbox/filter.h\"\n\n");
	print_program("filter_plain_code", PLAIN);
	print_program("filter_gated_code", GATED);
	print_program("filter_hands_code", HANDS);
	print_program("filter_files_code", NOTIFY);
	print_program("filter_lite_code", LITE);
	return ferror(stdout) || fflush(stdout) ? 1 : 0;
}
