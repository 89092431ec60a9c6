/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A relay on a loop, with a program inside and a server outside that are sockets of this process.
 * To be linked with --wrap of dial_start() and of what moved_clock.h says.
 */

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#include "monitor/net/relay.h"

#define INSIDE	  "127.0.0.2" /* where the program means to go */
#define OUTSIDE	  "127.0.0.3" /* where the relay dials */
#define NS_PER_MS UINT64_C(1000000)
#define WAIT_MS	  45000u

struct world {
	uv_loop_t loop;
	uv_timer_t tick; /* of real time: the loop never waits for longer */
	struct relay *relay;
	struct endpoint destination;
	int type;
	int listener_fd; /* outside */
	int program_fd;
	int server_fd; /* what the program is joined with */
	net_socket_cb done;
	void *done_ctx;
	bool resumed, stopped;
	char reason[64]; /* empty: not over */
	int error;
};

/* A dial's limit passes in real time; 0: what the relay says. */
extern uint32_t dial_ms;

/* @type: of the sockets. The clock is the real one again. */
struct world *world_set_up(int type);
void world_tear_down(struct world *w);
/* For a test that looks at what comes after; world_tear_down() does it else. */
void world_stop_relay(struct world *w);
int connect_to(int fd, const char *address, uint16_t port);

uint64_t real_ms(void);
#define WAIT_FOR(_w, _claim)                                    \
	do {                                                    \
		const uint64_t _end = real_ms() + WAIT_MS;      \
		while (!(_claim)) {                             \
			assert_true(real_ms() < _end);          \
			(void)uv_run(&(_w)->loop, UV_RUN_ONCE); \
		}                                               \
	} while (0)

/* Some looks at what has lasted for how long. */
void let_pass(struct world *w, uint64_t ms);
/* The same, and it is over, however long the machine takes for a look. */
void let_pass_until(struct world *w, uint64_t ms, const char *reason);

/* The call of the program, up to its answer. The listener that it is given is bound to @port. */
enum relay_answer ask_at(struct world *w, uint16_t port, int *ret_error);
/* The same; the listener is where it is to be. */
enum relay_answer ask(struct world *w, int *ret_error);
/* The program is joined with the server. */
void join(struct world *w);
/* A byte from the program to the server. */
void exchange(struct world *w);

/* Of a group's set-up: the network that its worlds are in. */
int own_network(void **state);
