/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A connection from the arrival of its socket on: joined with what was dialled, or handed to who
 * answers by itself; and the times that either may take.
 */

#include "common/cleanup.h"
#include "monitor/net/connection.h"

#define DRAIN_MS 10000u		    /* the program is gone and upstream takes nothing */
#define WORD_MS	 200u		    /* a first word, if nothing follows */
#define HELD_MS	 10000u		    /* half a head, which is never passed on */
#define IDLE_MS	 UINT64_C(900000)   /* a quarter of an hour */
#define MOST_MS	 UINT64_C(86400000) /* a day */

static void on_flow_ended(void *ctx, struct flow *flow, const struct flow_totals *totals,
			  const char *reason)
{
	struct connection *connection = ctx;

	(void)flow;
	connection->flow = NULL;
	connection_over(connection, totals, reason);
}

static const char *on_head(void *ctx, const struct first_seen *seen,
			   const struct scan_result *searched)
{
	struct connection *connection = ctx;
	const struct relay_head head = {
		.token = connection,
		.caller = &connection->caller,
		.host = connection->host,
		.upstream = &connection->upstream,
		.seen = seen,
		.searched = searched,
	};

	return relay_ask(connection->relay, &head, &connection->destination);
}

void connection_again(struct relay_waiter *waiter)
{
	struct connection *connection = (struct connection *)waiter;

	if (connection->flow)
		flow_resume(connection->flow);
}

static const char *on_sent(void *ctx, uint64_t bytes)
{
	struct connection *connection = ctx;
	const struct relay *relay = connection->relay;

	return relay->ops->sent(relay->ctx, &(struct relay_sent){
						    .caller = &connection->caller,
						    .destination = &connection->destination,
						    .host = connection->host,
						    .bytes = bytes,
						    .is_told = &connection->is_told,
					    });
}

static const struct flow_ops flow_ops = {.head = on_head, .sent = on_sent, .ended = on_flow_ended};

/* ---- what is served ---- */

void connection_serve(struct connection *connection)
{
	struct relay *relay = connection->relay;
	const struct relay_arrival arrival = {
		.token = connection,
		.socket_fd = take_fd(&connection->program_fd),
		.caller = &connection->caller,
		.destination = &connection->destination,
		.host = connection->host,
	};

	(void)uv_timer_stop(&connection->timer);
	connection->stage = CONNECTION_FLOWING;
	if (relay->ops->serve(relay->ctx, &arrival) < 0)
		connection_over(connection, NULL, "out of file descriptors");
}

void relay_served(void *token, uint64_t bytes_out, uint64_t bytes_in, const char *reason)
{
	const struct flow_totals totals = {.bytes_out = bytes_out, .bytes_in = bytes_in};

	connection_over(token, &totals, reason);
}

/* ---- the flow ---- */

void connection_join(struct connection *connection)
{
	struct relay *relay = connection->relay;
	const struct flow_config config = {
		.loop = relay->loop,
		.program_fd = take_fd(&connection->program_fd),
		.upstream_fd = take_fd(&connection->upstream_fd),
		.pipes = &relay->pipes,
		.held = &relay->held,
		.awake = &relay->awake,
		.turn = &relay->turn,
		.canaries = relay->canaries,
		.ops = &flow_ops,
		.ctx = connection,
	};

	(void)uv_timer_stop(&connection->timer);
	connection->stage = CONNECTION_FLOWING;
	if (flow_start(&config, &connection->flow) < 0)
		connection_over(connection, NULL, "out of file descriptors");
	else if (connection->flow && !connection->caller.owner)
		flow_drain(connection->flow);
}

void connection_check_time(struct connection *connection)
{
	const uint64_t now_ns = uv_hrtime();
	struct flow_totals totals;
	uint64_t idle_ms;
	uint64_t held_ms;

	if (!connection->flow)
		return;
	flow_totals(connection->flow, &totals);
	idle_ms = (now_ns - totals.moved_ns) / 1000000u;
	held_ms = totals.held_ns ? (now_ns - totals.held_ns) / 1000000u : 0;
	if (uv_now(connection->relay->loop) - connection->started_ms >= MOST_MS)
		flow_reset(connection->flow, "total time limit");
	else if (idle_ms >= (connection->caller.owner ? IDLE_MS : DRAIN_MS) &&
		 !(totals.waits && connection->caller.owner))
		flow_reset(connection->flow,
			   connection->caller.owner ? "idle time limit" : "program ended");
	else if (held_ms >= HELD_MS)
		flow_reset(connection->flow, "first bytes incomplete");
	else if (held_ms >= WORD_MS)
		flow_let_go(connection->flow);
}
