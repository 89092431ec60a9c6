/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What one decision costs with few and with many rules: the families that ship, and rules like
 * theirs with constants of their own up to the number asked for; and such rules alone, of which the
 * actions here meet none. So neither row of an action should grow with the number, and the two
 * differ by what the shipped rules really ask about the action. The actions are those of ordinary
 * work, most of which no rule matches, and one that a rule denies. Each decision is timed alone;
 * the median of timing nothing is taken off. Beside it stands the limit: as many conditions of the
 * same sort, written in C one after the other, which look back at nothing. Then what a load takes,
 * and the memory of a session that has seen 100,000 events.
 */

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "monitor/policy/decide.h"
#include "monitor/policy/policy.h"
#include "monitor/policy/policy_state.h"
#include "tests/bench/policy_limit.h"
#include "tests/bench/policy_rules.h"
#include "tests/bench/samples.h"

#define COUNT(_rows) (sizeof(_rows) / sizeof((_rows)[0]))

enum {
	SAMPLES = 12,
	QUICK_SAMPLES = 2,
	ROUNDS = 4000, /* decisions of a sample */
	EVENTS = 100000
};

static int ascending(const void *a, const void *b)
{
	const double x = *(const double *)a;
	const double y = *(const double *)b;

	return (x > y) - (x < y);
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
	{"open of a library",
	 {.kind = ACTION_FILE_OPEN,
	  .exe = STR("python3"),
	  .path = STR("/usr/lib/x86_64-linux-gnu/libm.so.6"),
	  .result = 3}},
	{"rename",
	 {.kind = ACTION_FILE_CHANGE,
	  .exe = STR("git"),
	  .op = STR("rename"),
	  .path = STR("/workspace/project/.git/index.lock"),
	  .target = STR("/workspace/project/.git/index"),
	  .write = true}},
	{"fork", {.kind = ACTION_FORK, .exe = STR("make"), .parent = 1}},
};

typedef enum verdict (*limit_fn)(const struct action *action);

/* One of these is timed. */
struct work {
	const struct policy *policy; /* NULL: the limit, or nothing */
	struct policy_state *state;
	limit_fn direct;
	struct action action;
	unsigned events;
};

static void work_once(struct work *w)
{
	struct decision d;

	if (w->policy)
		policy_decide(w->policy, w->state, &w->action, &d);
	else if (w->direct && w->direct(&w->action) != VERDICT_ALLOW)
		bench_stop("the limit denies what nothing denies", NULL);
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

static limit_fn limit_of(unsigned rules)
{
	return rules == 10 ? direct_10 : rules == 1000 ? direct_1000 : NULL;
}

static void bench_action(const struct policy *policy, const struct rule_set *set, size_t which)
{
	const size_t samples = is_quick() ? QUICK_SAMPLES : SAMPLES;
	struct work nothing = {.action = actions[which].action};
	struct work own = {.policy = policy,
			   .state = policy_state_new(policy),
			   .action = actions[which].action};
	struct work limit = {.direct = set->shipped ? NULL : limit_of(set->count),
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
	(void)snprintf(what, sizeof(what), "%s: %s, p50", set->name, actions[which].name);
	samples_row(what, "ns", p50, "ifs in C", limit.direct ? least : NULL, samples);
	(void)snprintf(what, sizeof(what), "%s: %s, p99", set->name, actions[which].name);
	samples_row(what, "ns", p99, NULL, NULL, samples);
	(void)policy_state_free(own.state);
}

static void bench_load(const struct rule_set *set)
{
	const size_t samples = is_quick() ? QUICK_SAMPLES : SAMPLES;
	double ms[SAMPLES];
	char what[96];

	for (size_t i = 0; i < samples; i++)
		(void)policy_free(rule_set_load(set, &ms[i]));
	(void)snprintf(what, sizeof(what), "%s: load, check, compile", set->name);
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

/* Of the paths that are opened. */
static void bench_labels(const struct policy *policy)
{
	const size_t samples = is_quick() ? QUICK_SAMPLES : SAMPLES;
	double ns[SAMPLES];

	for (size_t i = 0; i < samples; i++) {
		const double start = clock_us();
		uint64_t labels = 0;

		for (unsigned n = 0; n < ROUNDS; n++)
			labels |= policy_labels_of_path(policy,
							actions[n % COUNT(actions)].action.path);
		ns[i] = (clock_us() - start) * 1e3 / ROUNDS;
		if (labels)
			bench_stop("a file has a label that has none", NULL);
	}
	samples_row("those that ship: labels of a path", "ns", ns, NULL, NULL, samples);
}

int main(void)
{
	static const struct rule_set sets[] = {
		{"10 rules alone", 10, false},	   {"100 rules alone", 100, false},
		{"1000 rules alone", 1000, false}, {"10000 rules alone", 10000, false},
		{"those that ship", 0, true},	   {"1000 rules", 1000, true},
		{"10000 rules", 10000, true},
	};

	for (size_t i = 0; i < COUNT(sets); i++) {
		const struct rule_set *set = &sets[i];
		struct policy *policy = rule_set_load(set, NULL);

		if (set->count && set->count <= 1000)
			bench_load(set);
		for (size_t a = 0; a < COUNT(actions); a++)
			bench_action(policy, set, a);
		if (set->shipped && !set->count)
			bench_labels(policy);
		if (set->shipped && set->count <= 1000)
			bench_state(set->name, policy);
		(void)policy_free(policy);
	}
	return 0;
}
