/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/prove/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/json_write.h"

#define GREEN  "\033[32m"
#define YELLOW "\033[33m"
#define RED    "\033[31m"
#define PLAIN  "\033[0m"

static const char *const verdicts[] = {"held", "FAILED", "skipped", "interrupted"};

static const struct {
	const char *prefix;
	const char *attempt;
	const char *wall;
} groups[] = {
	{"view.", "see what is outside the view", "mount namespace, pivot_root, Landlock"},
	{"write.", "change files outside", "read-only binds, overlay, Landlock"},
	{"process.", "reach other processes, outlive the call", "pid namespaces, Landlock"},
	{"call.", "attack another call of the session", "pid namespace of each call"},
	{"session.", "attack another session, the supervisor", "namespaces of each session"},
	{"network.", "reach the network, sockets of the host", "network namespace, Landlock"},
	{"kernel.", "gain privilege, reach kernel surfaces", "seccomp, no capabilities"},
	{"denied.", "each refused system call", "seccomp"},
	{"number.", "each number there is, known or not", "seccomp"},
	{"exec.", "run a program that policy forbids", "gate"},
	{"gate.", "wear the gate out, blind it", "gate"},
	{"file.", "change a file that policy protects", "gate, hands"},
	{"file-race.", "swap links, memory, descriptors meanwhile", "gate, hands"},
	{"file-way.", "go around the gate of files", "seccomp"},
	{"race.", "swap what was checked for another", "verification at exec (BPF)"},
	{"handed.", "get out by what a run is started with", "none is started with it"},
	{"hands.", "have the hands reach what is theirs", "another process follows links"},
	{"limit.", "exhaust the host", "cgroup or rlimits, tmpfs, keeper"},
	{"share.", "use up what a user has of the kernel", "rlimits, user namespace, devpts"},
};

#define GROUPS (sizeof(groups) / sizeof(groups[0]))

static bool use_colour(void)
{
	/* NOLINTNEXTLINE(concurrency-mt-unsafe) */
	return isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
}

static const char *coloured(const char *colour)
{
	return use_colour() ? colour : "";
}

bool result_is_good(const struct result *r)
{
	return r->verdict == SKIPPED || (r->verdict == HELD && r->control_ok);
}

static bool is_of(const struct result *r, size_t group)
{
	return strncmp(r->id, groups[group].prefix, strlen(groups[group].prefix)) == 0;
}

struct group_count {
	unsigned held, bad, skipped;
};

static struct group_count count_group(const struct results *results, size_t group)
{
	struct group_count count = {0};

	for (size_t i = 0; i < results->count; i++) {
		const struct result *r = &results->rows[i];

		if (!is_of(r, group))
			continue;
		count.bad += !result_is_good(r);
		count.skipped += r->verdict == SKIPPED;
		count.held += r->verdict != SKIPPED && result_is_good(r);
	}
	return count;
}

unsigned report_idle_groups(const struct results *results)
{
	unsigned idle = 0;

	for (size_t g = 0; g < GROUPS; g++) {
		const struct group_count count = count_group(results, g);

		idle += count.skipped && !count.held && !count.bad;
	}
	return idle;
}

void report_progress(size_t done, const char *id)
{
	if (!isatty(STDERR_FILENO))
		return;
	if (id)
		(void)fprintf(stderr, "\r\033[K%4zu done, now %s", done, id);
	else
		(void)fputs("\r\033[K", stderr);
	(void)fflush(stderr);
}

void report_row(const struct result *r)
{
	if (!r)
		(void)printf("%-28s %-10s %-38s %-8s %-8s\n", "PROBE", "CLASS", "WALL", "RESULT",
			     "CONTROL");
	else
		(void)printf("%-28s %-10s %-38s %s%-8s%s %-8s %s\n", r->id, r->classes, r->wall,
			     result_is_good(r) ? "" : coloured(RED), verdicts[r->verdict],
			     result_is_good(r) ? "" : coloured(PLAIN),
			     r->verdict == SKIPPED || r->verdict == INTERRUPTED ? "-"
			     : r->control_ok					? "ok"
										: "FAILED",
			     r->note);
	(void)fflush(stdout);
}

/* Each reason once, with the number of rows that have it. */
static void print_skipped(const struct results *results)
{
	for (size_t i = 0; i < results->count; i++) {
		const struct result *r = &results->rows[i];
		unsigned same = 0;
		bool first = true;

		if (r->verdict != SKIPPED)
			continue;
		for (size_t k = 0; k < results->count; k++) {
			const struct result *other = &results->rows[k];

			if (other->verdict != SKIPPED || strcmp(other->note, r->note) != 0)
				continue;
			first = first && k >= i;
			same++;
		}
		if (first)
			(void)printf("skipped, %u: %s\n", same, r->note);
	}
}

void report_groups(const struct results *results)
{
	(void)printf("%-10s %-41s %-38s %4s %6s %7s\n", "PROBES", "ATTEMPT", "WALL", "HELD",
		     "FAILED", "SKIPPED");
	for (size_t g = 0; g < GROUPS; g++) {
		const struct group_count count = count_group(results, g);
		const char *colour = count.bad ? RED : count.held ? GREEN : YELLOW;

		if (count.held + count.bad + count.skipped == 0)
			continue;
		(void)printf("%-10.*s %-41s %-38s %s%4u %6u %7u%s\n",
			     (int)strlen(groups[g].prefix) - 1, groups[g].prefix, groups[g].attempt,
			     groups[g].wall, coloured(colour), count.held, count.bad, count.skipped,
			     coloured(PLAIN));
	}
	(void)putchar('\n');
	for (size_t i = 0; i < results->count; i++)
		if (!result_is_good(&results->rows[i]))
			report_row(&results->rows[i]);
	print_skipped(results);
}

void report_sum(const struct results *results)
{
	struct group_count sum = {0};
	const unsigned idle = report_idle_groups(results);

	for (size_t g = 0; g < GROUPS; g++) {
		const struct group_count count = count_group(results, g);

		sum.held += count.held;
		sum.bad += count.bad;
		sum.skipped += count.skipped;
	}
	(void)printf("%u attempts held, each shown to succeed without its wall; %u did not hold or "
		     "lack that proof; %u skipped\n",
		     sum.held, sum.bad, sum.skipped);
	if (idle)
		(void)printf("nothing was tried of %u group%s\n", idle, idle == 1 ? "" : "s");
}

static void begin_result(struct json_writer *w, const struct result *r)
{
	json_begin_object(w, NULL);
	json_put_string(w, "probe", r->id);
	json_put_string(w, "classes", r->classes);
	json_put_string(w, "wall", r->wall);
}

static void put_result(struct json_writer *w, const struct result *r)
{
	begin_result(w, r);
	json_put_string(w, "result", r->verdict == FAILED ? "failed" : verdicts[r->verdict]);
	json_put_bool(w, "control_ok", r->control_ok);
	json_put_string(w, "note", r->note);
	json_end_object(w);
}

void report_json(const struct results *results)
{
	_cleanup_buf_ struct buf out = BUF_INIT(0);
	struct json_writer w = {.out = &out, .indent = true};
	bool all = results->count > 0 && report_idle_groups(results) == 0;

	json_begin_object(&w, NULL);
	json_begin_array(&w, "probes");
	for (size_t i = 0; i < results->count; i++) {
		all = all && result_is_good(&results->rows[i]);
		put_result(&w, &results->rows[i]);
	}
	json_end_array(&w);
	json_put_bool(&w, "all_held", all);
	json_end_object(&w);
	(void)puts(out.data);
}

void report_names_json(const struct results *results)
{
	_cleanup_buf_ struct buf out = BUF_INIT(0);
	struct json_writer w = {.out = &out, .indent = true};

	json_begin_object(&w, NULL);
	json_begin_array(&w, "probes");
	for (size_t i = 0; i < results->count; i++) {
		begin_result(&w, &results->rows[i]);
		json_end_object(&w);
	}
	json_end_array(&w);
	json_end_object(&w);
	(void)puts(out.data);
}
