/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What one decision costs with few and with many rules: the families that ship, and rules like
 * theirs with constants of their own up to the number asked for. The actions are those of ordinary
 * work, most of which no rule matches, and one that a rule denies. Each decision is timed alone;
 * the median of timing nothing is taken off.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "monitor/policy/policy.h"

#define COUNT(_rows) (sizeof(_rows) / sizeof((_rows)[0]))

enum {
	ROUNDS = 40000
};

/* '#' is the number of the rule; the examples are made of hit and of an empty action. */
static const struct template
{
	const char *on, *when, *verdict, *hit, *more;
}

templates[] = {
	{"exec", "command(action.argv) in ['tool#', 'tool#-cli'] || action.name == 'tool#'", "deny",
	 "\"name\":\"tool#\"", ""},
	{"net.connect", "inCIDR(action.address, ['10.%.0.0/16', 'fd00:#::/32'])", "deny",
	 "\"address\":\"10.%.0.1\"", ""},
	{"net.connect", "hostMatches(action.host, ['*.service#.example', 'service#.example'])",
	 "deny", "\"host\":\"a.service#.example\"", ""},
	{"file.open",
	 "action.result >= 0 && glob(action.path, ['**/.tool#/credentials', '~/.t#/**'])", "log",
	 "\"path\":\"/w/.tool#/credentials\"", "\"label\":[\"l%\"],"},
	{"net.connect", "action.family == 'unix' && glob(action.path, '/run/service#/**')", "deny",
	 "\"family\":\"unix\",\"path\":\"/run/service#/s\"", ""},
	{"net.connect", "!action.loopback && action.port in [2#, 3#]", "deny", "\"port\":2#", ""},
	{"exec", "action.argv.exists(a, a == '--flag#' || a.startsWith('pool#+'))", "deny",
	 "\"argv\":[\"--flag#\"]", ""},
	{"exec", "action.path.startsWith('/opt/tool#/') && action.provenance == 'session'", "kill",
	 "\"path\":\"/opt/tool#/x\",\"provenance\":\"session\"", ""},
	{"net.listen", "'l%' in session.labels && action.port == 1#", "deny", NULL, ""},
	{"exec", "action.name in ['scan#', 'probe#']", "deny", "\"name\":\"scan#\"",
	 "\"count\":{\"window\":\"60s\",\"at_least\":1},"},
	{"exec", "action.name == 'push#'", "deny", "\"name\":\"push#\"",
	 "\"sequence\":{\"within\":\"60s\",\"by\":\"lineage\",\"steps\":[{\"on\":[\"exec\","
	 "\"file.open\"],\"when\":\"glob(action.path, '**/.seq#/**')\",\"missing\":true}]},"},
	{"net.connect", "!action.loopback && action.port in [4#, 5#]", "deny", "\"port\":4#",
	 "\"budget\":{\"of\":\"connections\",\"per\":\"session\",\"limit\":0},"},
};

static double now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void row(const char *what, double value, const char *unit)
{
	(void)printf("%-52s %10.2f %s\n", what, value, unit);
}

static void stop(const char *what, const struct error *err)
{
	(void)fprintf(stderr, "bench_policy: %s %s\n", what, err ? err->text : "");
	exit(1);
}

static int ascending(const void *a, const void *b)
{
	const double x = *(const double *)a;
	const double y = *(const double *)b;

	return (x > y) - (x < y);
}

/* '#' becomes the number, '%' a number of at most two digits. */
static void put(struct buf *out, const char *text, unsigned n)
{
	for (; *text; text++) {
		if (*text == '#')
			buf_printf(out, "%u", n);
		else if (*text == '%')
			buf_printf(out, "%u", n % 50);
		else
			buf_putc(out, *text);
	}
}

static void put_rule(struct buf *out, unsigned n)
{
	const struct template *t = &templates[n % COUNT(templates)];
	_cleanup_buf_ struct buf text = BUF_INIT(0);

	buf_printf(&text,
		   "%s{\"id\":\"r#\",\"category\":\"bench\",\"severity\":\"low\",\"on\":[\"%s\"],"
		   "\"when\":\"",
		   n ? ",\n" : "", t->on);
	put(out, text.data, n);
	put(out, t->when, n);
	buf_printf(out, "\",\"verdict\":\"%s\",\"because\":\"bench\",", t->verdict);
	put(out, t->more, n);
	put(out, "\"match\":[{\"action\":{\"kind\":\"", n);
	buf_puts(out, t->on);
	put(out, t->hit ? "\"," : "\",\"port\":1#}, \"labels\":[\"l%\"]}],", n);
	if (t->hit) {
		put(out, t->hit, n);
		buf_puts(out, "}}],");
	}
	buf_printf(out, "\"not_match\":[{\"action\":{\"kind\":\"%s\"}}]}", t->on);
}

/* How many of TOTAL rules are those that ship: none where they would be all. */
static unsigned shipped_among(unsigned total)
{
	const char *paths[] = {BENCH_POLICIES};
	struct policy *policy = NULL;
	struct error err = {0};
	unsigned count;

	if (policy_load(paths, 1, &policy, &err) < 0)
		stop("", &err);
	count = (unsigned)policy_rule_count(policy);
	(void)policy_free(policy);
	return count < total ? count : 0;
}

static struct policy *load(unsigned count)
{
	char path[] = "/tmp/cordon-bench-XXXXXX.json";
	const char *paths[2] = {path, BENCH_POLICIES};
	_cleanup_close_ int policy_fd = mkstemps(path, 5);
	_cleanup_buf_ struct buf text = BUF_INIT(0);
	const unsigned shipped = shipped_among(count);
	struct policy *policy = NULL;
	struct error err = {0};
	int r;

	buf_puts(&text, "{\"policy\":\"bench\",\"version\":1,\"rules\":[");
	for (unsigned n = 0; n < count - shipped; n++)
		put_rule(&text, n);
	buf_puts(&text, "]}");
	if (policy_fd < 0 || write(policy_fd, text.data, text.len) != (ssize_t)text.len)
		stop("cannot write a policy to /tmp", NULL);
	r = policy_load(paths, shipped ? 2 : 1, &policy, &err);
	(void)unlink(path);
	if (r < 0)
		stop("", &err);
	return policy;
}

static const struct str compile[] = {
	STR("gcc"),	     STR("-O2"), STR("-Wall"),	       STR("-c"),
	STR("src/parser.c"), STR("-o"),	 STR("build/parser.o")};
static const struct str denied[] = {STR("ssh"), STR("host")};

static const struct {
	const char *name;
	struct action action;
} actions[] = {
	{"exec of a compiler",
	 {.kind = ACTION_EXEC,
	  .exe = STR("/usr/bin/make"),
	  .path = STR("/usr/bin/x86_64-linux-gnu-gcc-12"),
	  .name = STR("x86_64-linux-gnu-gcc-12"),
	  .provenance = STR("image"),
	  .cwd = STR("/workspace"),
	  .argv = {compile, COUNT(compile)}}},
	{"exec that is denied",
	 {.kind = ACTION_EXEC,
	  .path = STR("/usr/bin/ssh"),
	  .name = STR("ssh"),
	  .provenance = STR("image"),
	  .argv = {denied, COUNT(denied)}}},
	{"connect on loopback",
	 {.kind = ACTION_CONNECT,
	  .family = STR("inet"),
	  .protocol = STR("tcp"),
	  .address = STR("127.0.0.1"),
	  .host = STR("127.0.0.1"),
	  .port = 8080,
	  .loopback = true}},
	{"connect to a name",
	 {.kind = ACTION_CONNECT,
	  .family = STR("inet"),
	  .protocol = STR("tcp"),
	  .address = STR("198.18.0.7"),
	  .host = STR("files.packages.example"),
	  .port = 443}},
	{"open of a source file",
	 {.kind = ACTION_FILE_OPEN,
	  .exe = STR("/usr/bin/python3.11"),
	  .path = STR("/workspace/project/src/package/module/parser.py"),
	  .result = 3}},
};

static void bench_action(const struct policy *policy, unsigned rules, size_t which, double nothing)
{
	static double times[ROUNDS];
	struct policy_state *state = policy_state_new(policy);
	struct action action = actions[which].action;
	char what[96];

	policy_state_add_labels(state, 1);
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct decision d;
		double start;

		action.pid = 1 + i % 8;
		action.time_ns = UINT64_C(1000000000) * (i + 1);
		start = now_ns();
		policy_decide(policy, state, &action, &d);
		times[i] = now_ns() - start - nothing;
	}
	qsort(times, ROUNDS, sizeof(times[0]), ascending);
	(void)snprintf(what, sizeof(what), "%5u rules: %s, p50", rules, actions[which].name);
	row(what, times[ROUNDS / 2], "ns");
	(void)snprintf(what, sizeof(what), "%5u rules: %s, p99", rules, actions[which].name);
	row(what, times[(size_t)ROUNDS / 100 * 99], "ns");
	(void)policy_state_free(state);
}

static double time_of_nothing(void)
{
	static double times[ROUNDS];

	for (unsigned i = 0; i < ROUNDS; i++) {
		const double start = now_ns();

		times[i] = now_ns() - start;
	}
	qsort(times, ROUNDS, sizeof(times[0]), ascending);
	return times[ROUNDS / 2];
}

int main(void)
{
	static const unsigned counts[] = {10, 100, 1000, 10000};

	for (size_t i = 0; i < COUNT(counts); i++) {
		const double start = now_ns();
		struct policy *policy = load(counts[i]);
		char what[96];

		(void)snprintf(what, sizeof(what), "%5zu rules: load, check, compile",
			       policy_rule_count(policy));
		row(what, (now_ns() - start) / 1e6, "ms");
		for (size_t a = 0; a < COUNT(actions); a++)
			bench_action(policy, counts[i], a, time_of_nothing());
		(void)policy_free(policy);
	}
	return 0;
}
