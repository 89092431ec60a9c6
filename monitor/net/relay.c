/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/net/relay.h"

#include <errno.h>
#include <string.h>

#include <utlist.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/limits.h"
#include "monitor/net/connection.h"
#include "monitor/net/resolver.h"

#define SWEEP_MS 200u  /* runs while there is something to look at */
#define OWN_MS	 5000u /* for so long the host's addresses are taken as known */

/* ---- what dials ask for ---- */

/* The addresses of the host may change at any time, and a list for each dial would cost. */
static int note_own_addresses(struct relay *relay)
{
	struct cidr *own;
	int r;

	if (relay->own && uv_now(relay->loop) - relay->own_ms < OWN_MS)
		return 0;
	r = upstream_own_addresses(&own, &relay->own_count, NULL);
	if (r < 0)
		return r;
	free(relay->own);
	relay->own = own;
	relay->own_ms = uv_now(relay->loop);
	return 0;
}

const char *relay_refusal(void *ctx, const uint8_t address[16])
{
	struct relay *relay = ctx;

	if (note_own_addresses(relay) < 0)
		return "of no known kind, since this host does not tell its own addresses";
	return upstream_address_refusal(
		address, &(struct upstream_rules){.allowed = relay->allowed,
						  .allowed_count = relay->allowed_count,
						  .own = relay->own,
						  .own_count = relay->own_count});
}

struct resolver *relay_resolver(struct relay *relay)
{
	const struct resolver_config config = {.loop = relay->loop,
					       .server = relay->resolver_server};

	/* Without one, names are not reachable, which is what the program is told. */
	if (!relay->resolver && resolver_start(&config, &relay->resolver, NULL) == 0)
		relay->handles++;
	return relay->resolver;
}

/* ---- what is about to be sent ---- */

const char *relay_ask(struct relay *relay, const struct relay_head *head,
		      const struct endpoint *destination)
{
	struct first_target target = {.endpoint = *destination};
	struct relay_head asked = *head;

	if (!endpoint_parse(head->host, &target.endpoint))
		target.name = head->host;
	asked.target = &target;
	if (!head->seen->broken)
		(void)names_agree(head->seen, &target, &asked.disagrees);
	/* cppcheck-suppress returnDanglingLifetime ; by contract what comes back is static */
	return relay->ops->head(relay->ctx, &asked);
}

void relay_head_again(void *token)
{
	struct relay_waiter *waiter = token;

	waiter->again(waiter);
}

/* ---- who arrives ---- */

static int on_open(void *ctx, const struct endpoint *at, net_socket_cb done, void *done_ctx)
{
	struct relay *relay = ctx;

	return relay->ops->listen(relay->ctx, at, done, done_ctx);
}

static struct connection *next_of(const struct relay *relay, const struct listener *listener)
{
	struct connection *connection;

	DL_SEARCH_SCALAR(relay->connections, connection, listener, listener);
	return connection;
}

static void on_opened(void *ctx, struct listener *listener, int error)
{
	struct relay *relay = ctx;
	struct connection *connection;
	struct connection *next;

	if (error) {
		/* Each lets go of it; with the last one it is gone. */
		while ((connection = next_of(relay, listener)))
			connection_listens(connection, error);
		return;
	}
	DL_FOREACH_SAFE (relay->connections, connection, next) {
		if (connection->listener == listener)
			connection_listens(connection, 0);
	}
}

/* Is what was accepted the other end of the program's own socket? */
static bool is_other_end(const struct connection *connection, const struct endpoint *peer)
{
	struct endpoint own;

	return connection->stage == CONNECTION_CLAIMED && connection->socket_fd >= 0 &&
	       endpoint_of_socket(connection->socket_fd, &own) == 0 && endpoint_equal(&own, peer);
}

static struct connection *find_arrival(const struct relay *relay, const struct listener *listener,
				       const struct endpoint *peer)
{
	struct connection *connection;

	DL_FOREACH (relay->connections, connection)
		if (connection->listener == listener && is_other_end(connection, peer))
			return connection;
	return NULL;
}

static void on_accepted(void *ctx, struct listener *listener, int program_fd,
			const struct endpoint *peer)
{
	const struct linger at_once = {.l_onoff = 1};
	struct relay *relay = ctx;
	struct connection *connection = find_arrival(relay, listener, peer);

	if (connection) {
		connection_accept(connection, program_fd);
		return;
	}
	(void)setsockopt(program_fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close_fd(&program_fd);
	relay->ops->stray(relay->ctx, listener_endpoint(listener));
}

static const struct listeners_ops listeners_ops = {
	.open = on_open, .opened = on_opened, .accepted = on_accepted};

/* ---- calls ---- */

static void on_sweep(uv_timer_t *timer)
{
	struct relay *relay = timer->data;
	struct connection *connection;
	struct connection *next;

	DL_FOREACH_SAFE (relay->connections, connection, next)
		connection_check_time(connection);
	const bool has_listeners = listeners_sweep(relay->listeners);
	const bool has_udp = udp_sweep(relay->udp);

	if (!has_listeners && !has_udp && !relay->connections)
		(void)uv_timer_stop(timer);
}

static void start_sweep(struct relay *relay)
{
	if (!uv_is_active((uv_handle_t *)&relay->sweep))
		(void)uv_timer_start(&relay->sweep, on_sweep, SWEEP_MS, SWEEP_MS);
}

int relay_connect(struct relay *relay, const struct relay_request *request)
{
	if (relay->stopping || relay->count >= MAX_NET_CONNECTIONS)
		return -ENOBUFS;
	start_sweep(relay);
	awake_moved(&relay->awake, uv_hrtime());
	return connection_start(relay, request);
}

int relay_send(struct relay *relay, const struct relay_request *request)
{
	if (relay->stopping)
		return -ENOBUFS;
	start_sweep(relay);
	return udp_send(relay->udp, request);
}

enum relay_answer relay_answer(struct relay *relay, const void *owner, uint64_t ticket,
			       const struct endpoint *destination, int *ret_error)
{
	struct connection *connection;

	DL_FOREACH (relay->connections, connection) {
		if (connection->stage == CONNECTION_WAITING && connection->caller.owner == owner &&
		    connection->ticket == ticket)
			break;
	}
	if (!connection)
		return udp_answer(relay->udp, owner, ticket, destination, ret_error);
	if (!destination || !endpoint_equal(destination, &connection->destination)) {
		/* Another thread has put another address in its place: that one is judged. */
		connection_end(connection, "changed");
		return RELAY_UNKNOWN;
	}
	return connection_answer(connection, ret_error);
}

void relay_drain(struct relay *relay, const void *owner)
{
	struct connection *connection;
	struct connection *next;

	DL_FOREACH_SAFE (relay->connections, connection, next) {
		if (connection->caller.owner != owner)
			continue;
		connection->caller.owner = NULL;
		if (connection->flow)
			flow_drain(connection->flow);
		else if (connection->stage == CONNECTION_WAITING)
			connection_end(connection, "given up");
	}
	udp_drain(relay->udp, owner);
}

void relay_yield(struct relay *relay, uint16_t port)
{
	listeners_yield(relay->listeners, port);
	udp_yield(relay->udp, port);
}

/* ---- life ---- */

struct relay *relay_start(const struct relay_config *config)
{
	struct relay *relay = xcalloc(1, sizeof(*relay));

	relay->loop = config->loop;
	relay->ops = config->ops;
	relay->ctx = config->ctx;
	relay->resolver_server = config->resolver ? xstrdup(config->resolver) : NULL;
	relay->allowed = xcalloc(config->allowed_count, sizeof(*relay->allowed));
	relay->allowed_count = config->allowed_count;
	relay->canaries = config->canaries;
	for (size_t i = 0; i < config->allowed_count; i++)
		relay->allowed[i] = config->allowed[i];
	relay->udp = udp_new(relay);
	relay->listeners = listeners_new(relay->loop, &listeners_ops, relay);
	(void)uv_timer_init(relay->loop, &relay->sweep);
	relay->sweep.data = relay;
	relay->handles++;
	awake_init(&relay->awake, relay->loop);
	relay->awake.idle.data = relay;
	relay->handles++;
	deferred_init(&relay->deferred, relay->loop);
	relay->handles += DEFERRED_HANDLES;
	return relay;
}

void relay_handle_closed(struct relay *relay)
{
	void (*closed)(void *ctx) = relay->closed;
	void *ctx = relay->ctx;

	if (--relay->handles)
		return;
	pipes_done(&relay->pipes);
	free(relay->resolver_server);
	free(relay->allowed);
	free(relay->own);
	free(relay);
	closed(ctx);
}

static void on_own_closed(uv_handle_t *handle)
{
	relay_handle_closed(handle->data);
}

static void on_resolver_closed(void *ctx)
{
	relay_handle_closed(ctx);
}

void relay_take_arrivals(struct relay *relay)
{
	listeners_accept(relay->listeners);
}

void relay_stop(struct relay *relay, void (*closed)(void *ctx))
{
	relay->stopping = true;
	relay->closed = closed;
	while (relay->connections)
		connection_end(relay->connections, "session ended");
	udp_free(take_ptr(relay->udp));
	listeners_free(take_ptr(relay->listeners));
	if (relay->resolver)
		resolver_stop(take_ptr(relay->resolver), on_resolver_closed, relay);
	uv_close((uv_handle_t *)&relay->awake.idle, on_own_closed);
	deferred_close(&relay->deferred, relay, on_own_closed);
	uv_close((uv_handle_t *)&relay->sweep, on_own_closed);
}
