/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The probes of `cordon doctor`. Each one tries the thing itself: a list such as
 * /sys/kernel/security/lsm tells what was compiled in, not what this process may do.
 *
 * What changes the process or could hang runs in a forked child with a time limit, and reports
 * through a pipe.
 */

#include <stdbool.h>
#include <stddef.h>

enum probe_state {
	PROBE_HOLDS,
	PROBE_WEAKER, /* sessions run, with less behind them; the detail says what */
	PROBE_MISSING,
};

struct probe_result {
	enum probe_state state;
	char detail[400];
	char remedy[400]; /* how to get it; empty if there is nothing to get */
};

struct probe {
	const char *name;  /* stable, for --json */
	const char *title; /* for people */
	bool needed;	   /* a default session cannot start without it */
	void (*run)(struct probe_result *ret);
};

extern const struct probe probes[];
extern const size_t probe_count;

/* Sets all of a result; the texts are cut at their size. */
void probe_set(struct probe_result *ret, enum probe_state state, const char *detail, ...)
	__attribute__((format(printf, 3, 4)));
void probe_remedy(struct probe_result *ret, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * probe_in_child - runs fn in a forked child and waits at most PROBE_TIMEOUT_MS for its result,
 * which starts as PROBE_MISSING. A child that dies or hangs leaves PROBE_MISSING with that reason.
 */
#define PROBE_TIMEOUT_MS 30000 /* a limit, not a claim: emulated machines are slow */
void probe_in_child(void (*fn)(struct probe_result *ret), struct probe_result *ret);

struct prove_options {
	bool json;
	bool verbose;
	bool list;	 /* name the attempts, make none */
	char **prefixes; /* borrowed: of the names of those to make, none for all */
	size_t prefix_count;
};

/*
 * Becomes cordon-prove, which attacks a session and shows which walls hold.
 * Return: only if that cannot be, the exit status, with the reason said.
 */
int doctor_prove(const struct prove_options *options);

/* doctor_floor.c */
void probe_namespaces(struct probe_result *ret);
void probe_overlay(struct probe_result *ret);
void probe_idmap(struct probe_result *ret);
/* doctor_filter.c */
void probe_landlock(struct probe_result *ret);
void probe_notify(struct probe_result *ret);
void probe_no_new_privs(struct probe_result *ret);
void probe_io_uring(struct probe_result *ret);
void probe_tiocsti(struct probe_result *ret);
/* doctor_limits.c */
void probe_cgroups(struct probe_result *ret);
/* doctor_setup.c */
void probe_btf(struct probe_result *ret);
void probe_trace(struct probe_result *ret);
void probe_launcher(struct probe_result *ret);
void probe_state(struct probe_result *ret);
void probe_policies(struct probe_result *ret);
void probe_session(struct probe_result *ret);
void probe_lite(struct probe_result *ret);
