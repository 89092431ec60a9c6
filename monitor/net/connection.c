/* SPDX-License-Identifier: Apache-2.0 */

/*
 * One connection from the call that asks for it to the arrival of its socket. Two things are under
 * way at the same time, the dial and the listener; with a blocking socket the call waits for both,
 * and gets the true errno. Where both are there at once, it is not even held. With one that does
 * not block it may not wait long: after HOLD_MS it goes on as soon as there is a listener, and if
 * the dial fails later, that shows as a reset.
 */

#include <errno.h>
#include <fcntl.h>

#include <utlist.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/release.h"
#include "monitor/net/connection.h"

#define DIAL_MS	   30000u /* what a blocking connect(2) may take */
#define HOLD_MS	   250u	  /* one that does not block */
#define GIVE_UP_MS 35000u /* the dial has its own time; this is for a listener that never comes */
#define ARRIVAL_MS 10000u /* from the call's going on to the socket's arrival */

static void on_timer_closed(uv_handle_t *handle)
{
	struct connection *connection = handle->data;
	struct relay *relay = connection->relay;

	free(without_const(connection->caller.exe));
	free(without_const(connection->caller.call_id));
	free(without_const(connection->caller.call_tool));
	free(connection->host);
	free(connection);
	relay_handle_closed(relay);
}

static void let_go_of_listener(struct connection *connection)
{
	turn_drop(&connection->relay->turn, &connection->arrival);
	if (connection->listener)
		listener_release(take_ptr(connection->listener));
	release_socket(&connection->socket_fd);
}

static void reset_fd(int *socket_fd)
{
	const struct linger at_once = {.l_onoff = 1};

	if (*socket_fd >= 0)
		(void)setsockopt(*socket_fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close_fd(socket_fd);
}

void connection_over(struct connection *connection, const struct flow_totals *totals,
		     const char *reason)
{
	struct relay *relay = connection->relay;
	const struct relay_end end = {
		.token = connection,
		.caller = &connection->caller,
		.destination = &connection->destination,
		.host = connection->host,
		.upstream = connection->upstream,
		.bytes_out = totals ? totals->bytes_out : 0,
		.bytes_in = totals ? totals->bytes_in : 0,
		.duration_ms = uv_now(relay->loop) - connection->started_ms,
		.reason = reason,
		.error = connection->error,
		.refusal = connection->refusal,
	};

	connection->stage = CONNECTION_ENDED;
	/* The analyzer takes one that was appended behind another for the head of the list.
	 * NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
	DL_DELETE(relay->connections, connection);
	relay->count--;
	let_go_of_listener(connection);
	dial_cancel(take_ptr(connection->dial));
	close_fd(&connection->upstream_fd);
	reset_fd(&connection->program_fd);
	uv_close((uv_handle_t *)&connection->timer, on_timer_closed);
	relay->ops->closed(relay->ctx, &end);
}

void connection_end(struct connection *connection, const char *reason)
{
	if (connection->flow)
		flow_finish(connection->flow, reason);
	else if (connection->stage != CONNECTION_ENDED)
		connection_over(connection, NULL, reason);
}

void connection_accept(struct connection *connection, int program_fd)
{
	int socket_fd = take_fd(&connection->socket_fd);

	connection->program_fd = program_fd;
	let_go_of_listener(connection);
	if (connection->by_decoy)
		connection_serve(connection);
	else if (connection->upstream_fd >= 0)
		connection_join(connection);
	else if (connection->error)
		connection_over(connection, NULL, "not connected");
	/* Else the dial, which has a limit of its own, is waited for. What was said is on its way
	 * by now, and what is left to do here keeps nobody waiting. */
	release_socket(&socket_fd);
}

/* ---- the outcome ---- */

static bool has_outcome(const struct connection *connection)
{
	if (connection->error)
		return true;
	if (!connection->listener || !listener_is_open(connection->listener))
		return false;
	return connection->upstream_fd >= 0 || connection->by_decoy ||
	       (connection->may_go_on && !connection->is_blocking);
}

static void look(struct connection *connection)
{
	struct relay *relay = connection->relay;

	switch (connection->stage) {
	case CONNECTION_WAITING:
		if (!has_outcome(connection))
			return;
		if (!relay->ops->is_waiting(relay->ctx, connection->caller.owner,
					    connection->ticket))
			connection_over(connection, NULL, "given up");
		else /* asks connection_answer(), and may end it */
			relay->ops->resume(relay->ctx, connection->caller.owner,
					   connection->ticket);
		return;
	case CONNECTION_CLAIMED:
		if (connection->program_fd < 0)
			return;
		if (connection->error)
			connection_over(connection, NULL, "not connected");
		else if (connection->upstream_fd >= 0)
			connection_join(connection);
		return;
	case CONNECTION_FLOWING:
	case CONNECTION_ENDED:
		return;
	}
}

static void on_timer(uv_timer_t *timer)
{
	struct connection *connection = timer->data;
	const uint64_t waited = uv_now(connection->relay->loop) - connection->started_ms;

	if (connection->stage == CONNECTION_CLAIMED && connection->program_fd < 0) {
		connection_over(connection, NULL, "never arrived");
		return;
	}
	if (connection->stage != CONNECTION_WAITING)
		return;
	connection->may_go_on = true;
	if (waited >= GIVE_UP_MS && !connection->error)
		connection->error = -ETIMEDOUT;
	else
		(void)uv_timer_start(timer, on_timer, GIVE_UP_MS - waited, 0);
	look(connection);
}

/*
 * The answer wakes the caller on this processor: most often it has connected, and said something,
 * before we are back, and its server need not wait until all that happened meanwhile is seen to.
 */
static void look_for_arrival(void *ctx)
{
	struct connection *connection = ctx;

	listener_accept(connection->listener);
}

enum relay_answer connection_answer(struct connection *connection, int *ret_error)
{
	if (connection->stage != CONNECTION_WAITING)
		return RELAY_UNKNOWN; /* not the call that was stopped */
	if (!has_outcome(connection))
		return RELAY_WAITS;
	/* Handed in from outside: connect(2) would dial with it, past all that is here. */
	if (!connection->error &&
	    !listener_shares_network(connection->listener, connection->socket_fd)) {
		*ret_error = connection->error = -EPERM;
		connection_over(connection, NULL, "socket of another network");
		return RELAY_FAILED;
	}
	if (connection->error) {
		*ret_error = connection->error;
		connection_over(connection, NULL, "not connected");
		return RELAY_FAILED;
	}
	connection->stage = CONNECTION_CLAIMED;
	(void)uv_timer_start(&connection->timer, on_timer, ARRIVAL_MS, 0);
	turn_add(&connection->relay->turn, &connection->arrival);
	return RELAY_GOES_ON;
}

static void take_result(struct connection *connection, const struct dial_result *result)
{
	connection->dial = NULL;
	connection->upstream_fd = result->upstream_fd;
	connection->upstream = result->address;
	connection->refusal = result->refusal;
	if (!connection->error)
		connection->error = result->error;
}

static void on_dialled(void *ctx, const struct dial_result *result)
{
	take_result(ctx, result);
	look(ctx);
}

void connection_listens(struct connection *connection, int error)
{
	if (error && !connection->error)
		connection->error = error;
	if (error) {
		dial_cancel(take_ptr(connection->dial));
		let_go_of_listener(connection);
	}
	look(connection);
}

/* ---- the beginning ---- */

static char *copy(const char *text)
{
	return xstrdup(text ? text : "");
}

static struct connection *connection_new(struct relay *relay, const struct relay_request *request)
{
	struct connection *connection = xcalloc(1, sizeof(*connection));

	connection->waiter.again = connection_again;
	connection->relay = relay;
	connection->arrival = (struct turn_task){.run = look_for_arrival, .ctx = connection};
	connection->caller = request->caller;
	connection->caller.exe = copy(request->caller.exe);
	connection->caller.call_id = copy(request->caller.call_id);
	connection->caller.call_tool = copy(request->caller.call_tool);
	connection->ticket = request->ticket;
	connection->destination = request->destination;
	connection->by_decoy = request->by_decoy;
	connection->host = xstrdup(request->host);
	connection->upstream_fd = connection->program_fd = connection->socket_fd = -1;
	connection->started_ms = uv_now(relay->loop);
	(void)uv_timer_init(relay->loop, &connection->timer);
	connection->timer.data = connection;
	relay->handles++;
	relay->count++;
	DL_APPEND(relay->connections, connection);
	return connection;
}

static int prepare(struct connection *connection, int *socket_fd)
{
	struct relay *relay = connection->relay;

	if (!socket_fd)
		return -EPERM; /* whose it is could not be told when it arrives */
	connection->socket_fd = take_fd(socket_fd);
	return listeners_use(relay->listeners, &connection->destination, &connection->listener);
}

int connection_start(struct relay *relay, const struct relay_request *request)
{
	struct connection *connection = connection_new(relay, request);
	struct dial_result result = {.upstream_fd = -1};
	struct endpoint numeric;
	const bool is_name = !endpoint_parse(request->host, &numeric);
	const struct dial_config dial = {
		.loop = relay->loop,
		.resolver = is_name && !request->by_decoy ? relay_resolver(relay) : NULL,
		.refusal = relay_refusal,
		.refusal_ctx = relay,
		.host = connection->host,
		.port = request->destination.port,
		.timeout_ms = DIAL_MS,
		.at_once = &result,
		.done = on_dialled,
		.ctx = connection,
	};
	int r = prepare(connection, request->socket_fd);

	if (r < 0) {
		connection->error = r;
		connection_over(connection, NULL, "not connected");
		return r;
	}
	if (!request->by_decoy) {
		connection->dial = dial_start(&dial);
		if (!connection->dial)
			take_result(connection, &result);
	}
	if (has_outcome(connection))
		return connection_answer(connection, &r) == RELAY_GOES_ON ? RELAY_NOW : r;
	connection->is_blocking = !(fcntl(connection->socket_fd, F_GETFL) & O_NONBLOCK);
	(void)uv_timer_start(&connection->timer, on_timer,
			     connection->is_blocking ? GIVE_UP_MS : HOLD_MS, 0);
	return 0;
}
