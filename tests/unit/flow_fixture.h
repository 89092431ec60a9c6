/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A relayed connection over loopback: pumps, screen and flow, with both ends in the test's hand. */

#include "tests/support/test.h"

#include "monitor/net/flow.h"

#define LIMIT_MS 45000
#define CANARY	 "blue-heron-7731" /* the second text of set_up_canaries() */

struct fixture {
	uv_loop_t loop;
	uv_timer_t limit;
	struct pipes pipes;
	struct turn end_of_turn;
	size_t held;
	struct flow *flow;
	int program_fd, upstream_fd; /* the far ends: what the program and the server have */
	int inside_fd, outside_fd;   /* the near ones, until start() */
	const char *refuse;	     /* the answer to every head */
	unsigned heads;
	struct scan_set *canaries;
	const char *refuse_found;      /* the answer when a text was found */
	const char *refuse_unsearched; /* and when not all was searched */
	uint64_t found;		       /* as of the last question */
	unsigned finds;		       /* questions about one */
	const char *unsearched;	       /* as of the last question */
	unsigned gaps;		       /* questions with one */
	char protocol[16];
	uint64_t told; /* bytes, by sent() */
	struct flow_totals totals;
	char reason[64]; /* of its end; empty while it lives */
	bool timed_out;
};

int set_up(void **state);
/* Up to flow_start(), which is left to start(). */
int set_up_unstarted(void **state);
void start(struct fixture *f);
int set_up_canaries(void **state);
int tear_down(void **state);
/* From now on. */
void set_limit(struct fixture *f, uint64_t ms);

/* One turn, waiting for something to happen. */
void turn(struct fixture *f);
void some_turns(struct fixture *f);
/* Until what was said has arrived and is held: half a head, or what head() said screen_later of. */
void wait_until_held(struct fixture *f);
void run_to_its_end(struct fixture *f, const char *reason);

void say(int end_fd, const char *text);
/* What arrives until `text` is there, and it must be that. */
void hear(struct fixture *f, int end_fd, const char *text);
/* 0: the end, in order. */
int errno_of_recv(struct fixture *f, int end_fd);

#define WITH_FLOW(_test)     cmocka_unit_test_setup_teardown(_test, set_up, tear_down)
#define WITHOUT_FLOW(_test)  cmocka_unit_test_setup_teardown(_test, set_up_unstarted, tear_down)
#define WITH_CANARIES(_test) cmocka_unit_test_setup_teardown(_test, set_up_canaries, tear_down)
