/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The relay with real sockets: programs that connect, servers, and what may happen to either in any
 * order. Two bytes of the input are one event. What arrives is what was said, in its order, and no
 * more of it than was counted; an end is carried over, and nobody sees a reset or an end without a
 * cause; each connection is told to be closed once; and no descriptor, handle or byte is left.
 */

#include "tests/support/fuzz.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>

#include "common/cleanup.h"
#include "tests/fuzz/relay_world.h"

static int accept_soon(int server_fd)
{
	struct pollfd readable = {.fd = server_fd, .events = POLLIN};

	(void)poll(&readable, 1, (int)(PATIENCE / 1000000u));
	return accept4(server_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

static void start(struct world *w, struct pair *pair, uint8_t how)
{
	int own_fd; /* as the gate has one */
	int r;

	if (pair->ticket)
		return;
	pair->ticket = ++w->tickets;
	pair->head = heads[how % HEADS];
	pair->program.fd =
		socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | (how & 4 ? SOCK_NONBLOCK : 0), 0);
	take_little(pair->program.fd);
	own_fd = fcntl(pair->program.fd, F_DUPFD_CLOEXEC, 3);
	r = relay_connect(w->relay,
			  &(struct relay_request){
				  .caller = {.owner = pair, .exec_id = (uint32_t)(pair - w->pairs)},
				  .ticket = pair->ticket,
				  .destination = w->inside,
				  .host = "127.0.0.1",
				  .socket_fd = &own_fd});
	fuzz_expect(r >= 0);
	pair->waits = r == 0;
	pair->upstream.fd = accept_soon(w->server_fd);
	fuzz_expect(pair->upstream.fd >= 0);
	pair->upstream.is_there = true;
	if (r == RELAY_NOW)
		go_on(w, pair);
}

static void stray(struct world *w)
{
	char byte;

	if (w->stray_fd >= 0)
		fuzz_expect(recv(w->stray_fd, &byte, 1, MSG_DONTWAIT) <= 0);
	close_fd(&w->stray_fd);
	w->stray_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	connect_to(&w->inside, w->stray_fd);
	(void)send(w->stray_fd, "stray", 5, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* A third of a second lets a word go; the others are limits. */
static void pass_time(struct world *w, uint8_t how)
{
	static const uint64_t ns[] = {NS_PER_S / 3, 11 * NS_PER_S, 1000 * NS_PER_S};
	const size_t which = how % (sizeof(ns) / sizeof(ns[0]));
	struct connection *connection;
	struct connection *next;

	passed_ns += ns[which];
	for (unsigned i = 0; i < PAIRS && which; i++)
		w->pairs[i].may_break = true;
	for (connection = w->relay->connections; connection; connection = next) {
		next = connection->next;
		connection_check_time(connection);
	}
}

static void drain(struct world *w, struct pair *pair)
{
	if (!pair->ticket)
		return;
	pair->may_break = true;
	pair->waits = false;
	relay_drain(w->relay, pair);
}

static void refuse(struct pair *pair, uint8_t how)
{
	pair->may_break = true;
	pair->refuses = how & 1;
	pair->budget = how & 2 ? (uint64_t)how << 4 : 0;
}

/* The call is asked about again without a cause, with another address, or is given up. */
static void disturb(struct world *w, struct pair *pair, uint8_t how)
{
	if (!pair->waits)
		return;
	pair->may_break |= how & 3;
	pair->is_changed |= how & 1;
	if (how & 2)
		pair->waits = false;
	else
		ask_again(w, pair);
}

static void happen(struct world *w, uint8_t what, uint8_t how)
{
	struct pair *pair = &w->pairs[what >> 4 & (PAIRS - 1)];
	const size_t bytes = how & 1 ? (size_t)how << 8 : how / 2 + 1u;
	struct side *side = what & 1 ? &pair->program : &pair->upstream;

	switch (what & 15) {
	case 0:
	case 1:
		start(w, pair, how);
		break;
	case 2:
		answer_orders(w, how != 255);
		break;
	case 3:
		say(pair, side, pair->head, bytes);
		break;
	case 4:
		say(pair, side, "", bytes);
		break;
	case 5:
		(void)program_hears(pair, bytes);
		break;
	case 6:
		(void)upstream_hears(pair, bytes);
		break;
	case 7:
	case 8:
		say_all(side);
		break;
	case 9:
	case 10:
		leave(pair, side, how & 1);
		break;
	case 11:
		refuse(pair, how);
		break;
	case 12:
		turns(w, how & 7);
		break;
	case 13:
		pass_time(w, how);
		break;
	case 14:
		disturb(w, pair, how);
		break;
	default:
		if (how & 1)
			stray(w);
		else if (how & 2)
			relay_yield(w->relay, w->inside.port);
		else
			drain(w, pair);
	}
}

/* ---- the end ---- */

static bool is_settled(const struct pair *pair)
{
	const struct side *program = &pair->program;
	const struct side *upstream = &pair->upstream;
	/* Half a head is held until more comes, or the end. */
	const bool goes_out = program->shut || pair->head == heads[0] ||
			      (pair->head == heads[1] && program->said >= strlen(heads[1]));

	return program->heard == upstream->said && program->hears_end == upstream->shut &&
	       (!goes_out ||
		(upstream->heard == program->said && upstream->hears_end == program->shut));
}

static void settle(struct world *w, struct pair *pair)
{
	const uint64_t until = uv_hrtime() + PATIENCE;

	if (!pair->ticket || pair->may_break || pair->waits)
		return;
	while (!is_settled(pair)) {
		turns(w, 1);
		const bool came = program_hears(pair, SAY_BYTES);

		if (!upstream_hears(pair, SAY_BYTES) && !came)
			(void)poll(NULL, 0, 1);
		fuzz_expect(uv_hrtime() < until);
	}
	fuzz_expect(pair->told == pair->upstream.heard || !pair->program.shut);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct world w;
	static bool is_warm;
	struct fuzz_fds before;

	if (!is_warm) { /* libuv keeps descriptors from the first loop on; splice(2) signals */
		(void)signal(SIGPIPE, SIG_IGN);
		(void)uv_loop_init(&w.loop);
		(void)uv_loop_close(&w.loop);
		is_warm = true;
	}
	before = fuzz_free_fds();
	world_begin(&w);
	for (size_t i = 0; i + 2 <= size && i < (size_t)2 * MAX_EVENTS; i += 2)
		happen(&w, data[i], data[i + 1]);
	if (!(size & 1))
		answer_orders(&w, true);
	turns(&w, 1);
	for (unsigned i = 0; i < PAIRS; i++)
		settle(&w, &w.pairs[i]);
	world_end(&w);
	fuzz_expect_free(&before);
	return 0;
}
