/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What one decision costs with few and with many rules: the families that ship, and rules like
 * theirs with constants of their own up to the number asked for. The actions are those of ordinary
 * work, most of which no rule matches, and one that a rule denies. Each decision is timed alone;
 * the median of timing nothing is taken off. Beside it stands the limit: as many conditions of the
 * same sort, written in C one after the other, which look back at nothing. Then what a load takes,
 * and the memory of a session that has seen 100,000 events.
 */

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "monitor/policy/policy.h"
#include "tests/bench/policy_limit.h"
#include "tests/bench/samples.h"

#define COUNT(_rows) (sizeof(_rows) / sizeof((_rows)[0]))

enum {
	SAMPLES = 12,
	QUICK_SAMPLES = 2,
	ROUNDS = 4000, /* decisions of a sample */
	EVENTS = 100000
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

static struct policy *load_shipped(void)
{
	const char *paths[] = {BENCH_POLICIES};
	struct policy *policy = NULL;
	struct error err = {0};

	if (policy_load(paths, 1, &policy, &err) < 0)
		stop("", &err);
	return policy;
}

/* How many of TOTAL rules are those that ship: none where they would be all. */
static unsigned shipped_among(unsigned total)
{
	struct policy *policy = load_shipped();
	const unsigned count = (unsigned)policy_rule_count(policy);

	(void)policy_free(policy);
	return count < total ? count : 0;
}

/* @ret_ms: what loading takes; may be NULL. */
static struct policy *load(unsigned count, double *ret_ms)
{
	char path[] = "/tmp/cordon-bench-XXXXXX.json";
	const char *paths[2] = {path, BENCH_POLICIES};
	_cleanup_close_ int policy_fd = mkstemps(path, 5);
	_cleanup_buf_ struct buf text = BUF_INIT(0);
	const unsigned shipped = shipped_among(count);
	struct policy *policy = NULL;
	struct error err = {0};
	double start;
	int r;

	buf_puts(&text, "{\"policy\":\"bench\",\"version\":1,\"rules\":[");
	for (unsigned n = 0; n < count - shipped; n++)
		put_rule(&text, n);
	buf_puts(&text, "]}");
	if (policy_fd < 0 || write(policy_fd, text.data, text.len) != (ssize_t)text.len)
		stop("cannot write a policy to /tmp", NULL);
	start = clock_us();
	r = policy_load(paths, shipped ? 2 : 1, &policy, &err);
	if (ret_ms)
		*ret_ms = (clock_us() - start) / 1e3;
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

/* One of these is timed. */
struct work {
	const struct policy *policy; /* NULL: the limit, or nothing */
	struct policy_state *state;
	enum verdict (*direct)(const struct action *action);
	struct action action;
	unsigned events;
};

static void work_once(struct work *w)
{
	struct decision d;

	if (w->policy)
		policy_decide(w->policy, w->state, &w->action, &d);
	else if (w->direct && w->direct(&w->action) != VERDICT_ALLOW)
		stop("the limit denies what nothing denies", NULL);
}

/* Medians and 99th percentiles of one round, in nanoseconds. */
static void time_round(struct work *w, double *ret_p50, double *ret_p99)
{
	static double times[ROUNDS];

	for (unsigned i = 0; i < ROUNDS; i++) {
		double start;

		w->action.pid = 1 + i % 8;
		w->action.time_ns = UINT64_C(1000000000) * ++w->events;
		start = clock_us();
		work_once(w);
		times[i] = (clock_us() - start) * 1e3;
	}
	qsort(times, ROUNDS, sizeof(times[0]), ascending);
	*ret_p50 = times[ROUNDS / 2];
	*ret_p99 = times[(size_t)ROUNDS / 100 * 99];
}

/* At least a nanosecond, which no clock here tells apart: a ratio is taken of it. */
static double above(double value, double nothing)
{
	return value > nothing + 1 ? value - nothing : 1;
}

static void bench_action(const struct policy *policy, unsigned rules, size_t which)
{
	const size_t samples = is_quick() ? QUICK_SAMPLES : SAMPLES;
	struct work nothing = {.action = actions[which].action};
	struct work own = {.policy = policy,
			   .state = policy_state_new(policy),
			   .action = actions[which].action};
	struct work limit = {.direct = rules == 10     ? direct_10
				       : rules == 1000 ? direct_1000
						       : NULL,
			     .action = actions[which].action};
	double p50[SAMPLES], p99[SAMPLES], least[SAMPLES], none, ignored;
	char what[96];

	policy_state_add_labels(own.state, 1);
	for (size_t i = 0; i < samples; i++) {
		time_round(&nothing, &none, &ignored);
		time_round(&own, &p50[i], &p99[i]);
		time_round(&limit, &least[i], &ignored);
		p50[i] = above(p50[i], none);
		p99[i] = above(p99[i], none);
		least[i] = above(least[i], none);
	}
	(void)snprintf(what, sizeof(what), "%u rules: %s, p50", rules, actions[which].name);
	samples_row(what, "ns", p50, "ifs in C", limit.direct ? least : NULL, samples);
	(void)snprintf(what, sizeof(what), "%u rules: %s, p99", rules, actions[which].name);
	samples_row(what, "ns", p99, NULL, NULL, samples);
	(void)policy_state_free(own.state);
}

static void bench_load(unsigned rules)
{
	const size_t samples = is_quick() ? QUICK_SAMPLES : SAMPLES;
	double ms[SAMPLES];
	char what[96];

	for (size_t i = 0; i < samples; i++)
		(void)policy_free(load(rules, &ms[i]));
	(void)snprintf(what, sizeof(what), "%u rules: load, check, compile", rules);
	samples_row(what, "ms", ms, NULL, NULL, samples);
}

/* Each event with a process, a file and a host of its own, so that every table fills. */
static double kib_of_session(const struct policy *policy)
{
	const size_t before = mallinfo2().uordblks;
	struct policy_state *state = policy_state_new(policy);
	double kib;

	for (unsigned i = 0; i < EVENTS; i++) {
		struct action action = actions[i % COUNT(actions)].action;
		struct decision d;
		char path[64];
		char host[64];

		(void)snprintf(path, sizeof(path), "/home/agent/.config/%u/credentials", i);
		(void)snprintf(host, sizeof(host), "h%u.example", i);
		action.pid = 1 + i;
		action.exec_id = 1 + i;
		action.time_ns = UINT64_C(1000000) * (i + 1);
		if (action.kind == ACTION_FILE_OPEN)
			action.path = str_of(path);
		if (action.kind == ACTION_CONNECT)
			action.host = str_of(host);
		policy_decide(policy, state, &action, &d);
	}
	kib = (double)(mallinfo2().uordblks - before) / 1024;
	(void)policy_state_free(state);
	return kib;
}

static void bench_state(const char *rules, const struct policy *policy)
{
	const size_t samples = is_quick() ? QUICK_SAMPLES : SAMPLES;
	double kib[SAMPLES];
	char what[96];

	for (size_t i = 0; i < samples; i++)
		kib[i] = kib_of_session(policy);
	(void)snprintf(what, sizeof(what), "%s: state after 100,000 events", rules);
	samples_row(what, "KiB", kib, NULL, NULL, samples);
}

int main(void)
{
	static const unsigned counts[] = {10, 100, 1000, 10000};
	struct policy *policy = load_shipped();

	bench_state("those that ship", policy);
	(void)policy_free(policy);
	for (size_t i = 0; i < COUNT(counts); i++) {
		if (counts[i] <= 1000)
			bench_load(counts[i]);
		policy = load(counts[i], NULL);
		for (size_t a = 0; a < COUNT(actions); a++)
			bench_action(policy, counts[i], a);
		if (counts[i] == 1000)
			bench_state("1000 rules", policy);
		(void)policy_free(policy);
	}
	return 0;
}
