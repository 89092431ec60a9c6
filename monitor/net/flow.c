/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Theory of operation
 *
 * A pump each way, the one that leads out behind a screen; one poll handle a socket. After every
 * turn each socket is watched for what the pumps wait for on it and nothing else: a side that
 * nobody reads or writes now does not wake the loop, and its bytes stay in its sender's kernel.
 *
 * A socket that is waited for nowhere would not tell of a reset either. It is then watched for
 * urgent data, with which epoll reports errors too. Urgent data itself is left unread, so the first
 * time it comes that watch is given up: it would wake the loop for ever.
 *
 * Closing with data unread, or with SO_LINGER set to nothing, makes the kernel send RST: so is a
 * reset carried over.
 */

#include "monitor/net/flow.h"

#include <errno.h>
#include <sys/socket.h>
#include <time.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "monitor/net/pump.h"
#include "monitor/net/screen.h"

struct side {
	int fd;
	uv_poll_t poll; /* from flow_start()'s end on */
	bool is_open;	/* that handle */
	int events;	/* that poll was started for; 0: none */
	bool no_urgent; /* urgent data is there: not to be waited for again */
};

struct flow {
	struct side program, upstream;
	struct screen out;
	struct pump in;
	int out_state, in_state; /* enum pump_state */
	unsigned handles;	 /* and one while it starts */
	bool draining;
	bool has_ended;
	uint64_t started_ns, moved_ns, held_ns;
	struct awake *awake;	     /* borrowed; or NULL */
	struct turn *turn;	     /* likewise */
	struct turn_task end_of_one; /* of its sides is to be passed on */
	const struct flow_ops *ops;
	void *ctx;
};

static uint64_t now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void flow_totals(const struct flow *flow, struct flow_totals *ret)
{
	*ret = (struct flow_totals){
		.bytes_out = flow->out.pump.bytes,
		.bytes_in = flow->in.bytes,
		.started_ns = flow->started_ns,
		.moved_ns = flow->moved_ns,
		.held_ns = flow->held_ns,
		.waits = flow->out.waits,
	};
}

static void release(struct flow *flow)
{
	if (--flow->handles == 0)
		free(flow);
}

static void on_closed(uv_handle_t *handle)
{
	release(handle->data);
}

static void reset_at_close(int socket_fd)
{
	const struct linger at_once = {.l_onoff = 1};

	(void)setsockopt(socket_fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
}

static void close_side(struct side *side, bool reset)
{
	if (side->is_open)
		uv_close((uv_handle_t *)&side->poll, on_closed);
	if (reset)
		reset_at_close(side->fd);
	close_fd(&side->fd);
}

static void end(struct flow *flow, const char *reason, bool reset)
{
	struct flow_totals totals;

	if (flow->has_ended)
		return;
	flow->has_ended = true;
	if (flow->turn)
		turn_drop(flow->turn, &flow->end_of_one);
	screen_done(&flow->out);
	pump_done(&flow->in);
	close_side(&flow->program, reset);
	close_side(&flow->upstream, reset);
	flow_totals(flow, &totals);
	flow->ops->ended(flow->ctx, flow, &totals, reason);
}

static const char *reason_of(int error, const char *reset_reason)
{
	switch (error) {
	case -ECONNRESET:
	case -EPIPE:
		return reset_reason;
	case -ETIMEDOUT:
		return "timed out";
	case -ENOBUFS:
		return "too much held";
	case -EMFILE:
	case -ENFILE:
		return "out of file descriptors";
	default:
		return "broken";
	}
}

static void on_poll(uv_poll_t *poll, int status, int events);

static void watch(struct side *side, bool reads, bool writes)
{
	int events = (reads ? UV_READABLE : 0) | (writes ? UV_WRITABLE : 0);

	if (!events && !side->no_urgent)
		events = UV_PRIORITIZED;
	/* Starting a handle anew costs two system calls. */
	if (events != side->events)
		(void)uv_poll_start(&side->poll, events, on_poll);
	side->events = events;
}

static void shut_one(void *ctx)
{
	struct flow *flow = ctx;
	int r = 0;

	if (flow->out_state == PUMP_ENDED)
		r = pump_shut(&flow->out.pump);
	else if (flow->in_state == PUMP_ENDED)
		r = pump_shut(&flow->in);
	if (r < 0)
		end(flow, reason_of(r, "reset"), true);
}

static bool has_end_to_pass_on(const struct flow *flow)
{
	return (flow->out_state == PUMP_ENDED && !flow->out.pump.shut) ||
	       (flow->in_state == PUMP_ENDED && !flow->in.shut);
}

/*
 * The end of one direction is passed on; where both have ended, closing does that. Nobody waits for
 * it as for bytes and calls, and it wakes a server that these may be about to wake anyway.
 * Return: NULL; or why the flow is over, in order.
 */
static const char *pass_end_on(struct flow *flow)
{
	if (flow->out_state == PUMP_ENDED && flow->in_state == PUMP_ENDED)
		return "closed";
	if (has_end_to_pass_on(flow) && flow->turn)
		turn_add(flow->turn, &flow->end_of_one);
	else if (has_end_to_pass_on(flow))
		shut_one(flow);
	return flow->out_state == PUMP_ENDED && flow->draining ? "closed" : NULL;
}

/* Moves what can be moved, each way that is asked for. Return: false when the flow has ended. */
static bool run(struct flow *flow, bool out, bool in)
{
	const char *over;
	const uint64_t out_before = flow->out.pump.bytes;
	const uint64_t in_before = flow->in.bytes;
	const char *refusal = NULL;

	if (out)
		flow->out_state = screen_run(&flow->out);
	if (in)
		flow->in_state = pump_run(&flow->in);
	if (flow->out.pump.bytes != out_before && flow->ops->sent)
		refusal = flow->ops->sent(flow->ctx, flow->out.pump.bytes - out_before);
	if (flow->out.pump.bytes != out_before || flow->in.bytes != in_before) {
		flow->moved_ns = now_ns();
		if (flow->awake)
			awake_moved(flow->awake, flow->moved_ns);
	}
	if (!screen_is_holding(&flow->out))
		flow->held_ns = 0;
	else if (!flow->held_ns)
		flow->held_ns = now_ns();
	if (flow->out.refusal || refusal)
		end(flow, flow->out.refusal ? flow->out.refusal : refusal, true);
	else if (flow->out_state < 0)
		end(flow, reason_of(flow->out_state, "reset"), true);
	else if (flow->in_state < 0)
		end(flow, reason_of(flow->in_state, "reset"), true);
	else if ((over = pass_end_on(flow)))
		end(flow, over, false);
	return !flow->has_ended;
}

static void watch_both(struct flow *flow)
{
	watch(&flow->program, flow->out_state == PUMP_READS, flow->in_state == PUMP_WRITES);
	watch(&flow->upstream, flow->in_state == PUMP_READS, flow->out_state == PUMP_WRITES);
}

static void serve(struct flow *flow, bool out, bool in)
{
	if (run(flow, out, in))
		watch_both(flow);
}

/* What a side had said before it broke is still there to be read. Return: as run(). */
static bool take_last_words(struct flow *flow, bool is_program)
{
	const struct pump *pump = is_program ? &flow->out.pump : &flow->in;
	uint64_t before;

	do {
		before = pump->bytes;
		if (!run(flow, is_program, !is_program))
			return false;
	} while (pump->bytes != before);
	return true;
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct flow *flow = poll->data;
	const bool is_program = poll == &flow->program.poll;
	struct side *side = is_program ? &flow->program : &flow->upstream;
	const int out_event = is_program ? UV_READABLE : UV_WRITABLE;
	const int in_event = is_program ? UV_WRITABLE : UV_READABLE;
	/* What is neither, is a hang-up: both will tell. */
	const bool is_other = status < 0 || !(events & (UV_READABLE | UV_WRITABLE));
	int error = 0;
	socklen_t len = sizeof(error);

	if (flow->has_ended)
		return;
	if (events & UV_PRIORITIZED)
		side->no_urgent = true;
	/* epoll's error alone; libuv has stopped the handle. */
	if (status < 0) {
		side->events = 0;
		if (!take_last_words(flow, is_program))
			return;
		(void)getsockopt(side->fd, SOL_SOCKET, SO_ERROR, &error, &len);
		if (error) {
			end(flow, reason_of(-error, "reset"), true);
			return;
		}
	}
	serve(flow, is_other || (events & out_event), is_other || (events & in_event));
}

static const char *on_head(void *ctx, const struct first_seen *seen,
			   const struct scan_result *searched)
{
	struct flow *flow = ctx;

	return flow->ops->head(flow->ctx, seen, searched);
}

static int start_side(struct flow *flow, uv_loop_t *loop, struct side *side)
{
	const int r = uv_poll_init(loop, &side->poll, side->fd);

	if (r < 0)
		return r;
	side->poll.data = flow;
	side->is_open = true;
	flow->handles++;
	return 0;
}

static int start_sides(struct flow *flow, uv_loop_t *loop)
{
	int r = start_side(flow, loop, &flow->program);

	if (r == 0)
		r = start_side(flow, loop, &flow->upstream);
	if (r == 0) {
		watch_both(flow);
		return 0;
	}
	flow->has_ended = true;
	if (flow->turn)
		turn_drop(flow->turn, &flow->end_of_one);
	screen_done(&flow->out);
	pump_done(&flow->in);
	close_side(&flow->program, true);
	close_side(&flow->upstream, true);
	return r;
}

int flow_start(const struct flow_config *config, struct flow **ret)
{
	struct flow *flow = xcalloc(1, sizeof(*flow));
	struct pump out;
	int r = 0;

	flow->handles = 1;
	flow->program.fd = config->program_fd;
	flow->upstream.fd = config->upstream_fd;
	flow->awake = config->awake;
	flow->turn = config->turn;
	flow->end_of_one = (struct turn_task){.run = shut_one, .ctx = flow};
	flow->ops = config->ops;
	flow->ctx = config->ctx;
	flow->started_ns = flow->moved_ns = now_ns();
	pump_init(&out, config->program_fd, config->upstream_fd, config->pipes);
	screen_init(&flow->out, &out, config->held, config->canaries,
		    config->ops->head ? on_head : NULL, flow);
	pump_init(&flow->in, config->upstream_fd, config->program_fd, config->pipes);
	*ret = flow;
	/*
	 * Who connects has something to say, by now most often has said it, and is not to wait
	 * until the loop knows both sockets. The answer to what just went out cannot be there.
	 */
	if (run(flow, true, false) && (flow->out.pump.bytes || run(flow, false, true)))
		r = start_sides(flow, config->loop);
	release(flow);
	if (r < 0)
		*ret = NULL;
	return r;
}

void flow_let_go(struct flow *flow)
{
	if (screen_let_go(&flow->out) || flow->out.waits)
		serve(flow, true, false);
	else if (flow->out.refusal)
		end(flow, flow->out.refusal, true);
}

void flow_resume(struct flow *flow)
{
	screen_resume(&flow->out);
	serve(flow, true, false);
}

void flow_reset(struct flow *flow, const char *reason)
{
	end(flow, reason, true);
}

void flow_finish(struct flow *flow, const char *reason)
{
	/* The end is read by itself, behind the last bytes. */
	if (run(flow, true, true) && run(flow, true, false))
		end(flow, reason, flow->out_state != PUMP_ENDED);
}

void flow_drain(struct flow *flow)
{
	flow->draining = true;
	serve(flow, true, true);
}
