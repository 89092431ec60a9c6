/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/fuzz/relay_world.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "common/cleanup.h"
#include "tests/support/fuzz.h"

static struct pair *pair_of(void *ctx, const struct relay_caller *caller)
{
	return &((struct world *)ctx)->pairs[caller->exec_id];
}

void connect_to(const struct endpoint *at, int socket_fd)
{
	union socket_address to;
	const socklen_t len = endpoint_to_socket(at, &to);

	(void)connect(socket_fd, &to.generic, len);
}

void go_on(const struct world *w, struct pair *pair)
{
	pair->waits = false;
	connect_to(&w->inside, pair->program.fd);
	pair->program.is_there = true;
}

/* What the gate does with a stopped call. */
void ask_again(struct world *w, struct pair *pair)
{
	struct endpoint to = w->inside;
	enum relay_answer answer;
	int error = 0;

	to.port ^= pair->is_changed;
	answer = relay_answer(w->relay, pair, pair->ticket, &to, &error);
	if (answer == RELAY_WAITS)
		return;
	pair->waits = false;
	fuzz_expect(answer != RELAY_UNKNOWN || pair->is_changed || pair->may_break);
	fuzz_expect((answer == RELAY_FAILED) == (error < 0));
	if (answer == RELAY_GOES_ON)
		go_on(w, pair);
	else
		leave(pair, &pair->program, false);
}

static int on_listen(void *ctx, const struct endpoint *at, net_socket_cb done, void *done_ctx)
{
	struct world *w = ctx;

	if (w->order_count == MAX_EVENTS)
		return -ENOBUFS;
	w->orders[w->order_count++] = (struct order){done, done_ctx, *at};
	return 0;
}

static bool on_is_waiting(void *ctx, void *owner, uint64_t ticket)
{
	const struct pair *pair = owner;

	(void)ctx;
	return pair && pair->waits && pair->ticket == ticket;
}

static void on_resume(void *ctx, void *owner, uint64_t ticket)
{
	(void)ticket;
	ask_again(ctx, owner);
}

static const char *on_head(void *ctx, const struct relay_head *head)
{
	return pair_of(ctx, head->caller)->refuses ? "refused by policy" : NULL;
}

static const char *on_sent(void *ctx, const struct relay_sent *sent)
{
	struct pair *pair = pair_of(ctx, sent->caller);

	fuzz_expect(sent->bytes > 0);
	pair->told += sent->bytes;
	return pair->budget && pair->told > pair->budget ? "over a budget" : NULL;
}

static void on_closed(void *ctx, const struct relay_end *end)
{
	const struct world *w = ctx;
	struct pair *pair = pair_of(ctx, end->caller);
	const bool in_order = strcmp(end->reason, "closed") == 0;

	fuzz_expect(pair->closed++ == 0);
	fuzz_expect(pair->told == end->bytes_out && w->relay->count + 1 <= PAIRS);
	fuzz_expect(w->relay->count || w->relay->held == 0);
	if (in_order && !pair->may_break)
		fuzz_expect(pair->program.shut && pair->upstream.shut &&
			    end->bytes_out == pair->program.said &&
			    end->bytes_in == pair->upstream.said);
	pair->bytes_out = end->bytes_out;
	pair->bytes_in = end->bytes_in;
}

static void on_stray(void *ctx, const struct endpoint *destination)
{
	(void)ctx;
	(void)destination;
}

static const struct relay_ops ops = {.listen = on_listen,
				     .is_waiting = on_is_waiting,
				     .resume = on_resume,
				     .head = on_head,
				     .sent = on_sent,
				     .closed = on_closed,
				     .stray = on_stray};

/* ---- life ---- */

/* So that there is back pressure soon. */
void take_little(int socket_fd)
{
	const int bytes = 4096;

	(void)setsockopt(socket_fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	(void)setsockopt(socket_fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
}

static int listen_at(const struct endpoint *at)
{
	union socket_address to;
	const socklen_t len = endpoint_to_socket(at, &to);
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	const int on = 1;

	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	take_little(fd);
	if (bind(fd, &to.generic, len) == 0 && listen(fd, 64) == 0)
		return fd;
	(void)close(fd);
	return -1;
}

/* What the session's init does. */
void answer_orders(struct world *w, bool well)
{
	for (unsigned i = 0; i < w->order_count; i++) {
		const struct order order = w->orders[i];
		const int fd = well ? listen_at(&order.at) : -1;

		w->orders[i].done = NULL;
		if (order.done)
			order.done(order.ctx, fd < 0 ? -EADDRINUSE : fd);
	}
	w->order_count = 0;
}

void turns(struct world *w, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		(void)uv_run(&w->loop, UV_RUN_NOWAIT);
}

void world_begin(struct world *w)
{
	struct endpoint outside;

	*w = (struct world){.stray_fd = -1};
	passed_ns = 0;
	for (unsigned i = 0; i < PAIRS; i++)
		w->pairs[i].program.fd = w->pairs[i].upstream.fd = -1;
	fuzz_expect(uv_loop_init(&w->loop) == 0);
	(void)endpoint_parse("127.0.0.1", &outside);
	outside.port = 0;
	w->server_fd = listen_at(&outside);
	fuzz_expect(endpoint_of_socket(w->server_fd, &w->inside) == 0);
	(void)endpoint_parse("127.0.0.2", &w->inside);
	w->relay = relay_start(&(struct relay_config){.loop = &w->loop, .ops = &ops, .ctx = w});
}

static void on_relay_freed(void *ctx)
{
	((struct world *)ctx)->relay_is_freed = true;
}

void world_end(struct world *w)
{
	relay_stop(w->relay, on_relay_freed);
	answer_orders(w, false);
	(void)uv_run(&w->loop, UV_RUN_DEFAULT);
	fuzz_expect(w->relay_is_freed);
	for (unsigned i = 0; i < PAIRS; i++) {
		struct pair *pair = &w->pairs[i];

		fuzz_expect(pair->closed == (pair->ticket != 0));
		fuzz_expect(pair->upstream.heard <= pair->bytes_out &&
			    pair->bytes_out <= pair->program.said);
		fuzz_expect(pair->program.heard <= pair->bytes_in &&
			    pair->bytes_in <= pair->upstream.said);
		leave(pair, &pair->program, true);
		leave(pair, &pair->upstream, true);
	}
	close_fd(&w->stray_fd);
	close_fd(&w->server_fd);
	fuzz_expect(uv_loop_close(&w->loop) == 0);
}
