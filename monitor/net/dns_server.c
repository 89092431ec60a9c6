/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "monitor/net/dns_server_internal.h"

#define DEFAULT_IDLE_MS 10000u

void dns_server_again(void *waiter)
{
	struct dns_waiter *w = waiter;

	w->again(w);
}

static enum dns_outcome decide(struct dns_server *server, struct dns_waiter *waiter,
			       const struct dns_query *query, const char **ret_reason)
{
	const enum dns_outcome outcome =
		server->ops->decide(server->ctx, query, waiter, ret_reason);

	if (waiter)
		waiter->is_again = outcome == DNS_WAITS;
	return outcome;
}

int dns_server_answer(struct dns_server *server, struct dns_waiter *waiter, const uint8_t *bytes,
		      size_t len, uint8_t ret[DNS_REPLY_BYTES])
{
	struct dns_reply reply = {.ede = DNS_EDE_NONE};
	struct dns_query query;
	const int code = dns_query_parse(bytes, len, &query);
	const char *reason = NULL;
	enum dns_outcome outcome = DNS_MAY_BE_ANSWERED;

	if (code == DNS_DROP)
		return 0;
	if (code == DNS_NOERROR)
		outcome = decide(server, waiter, &query, &reason);
	if (outcome == DNS_WAITS)
		return -EAGAIN;
	if (code != DNS_NOERROR) {
		reply.rcode = (unsigned)code;
	} else if (outcome == DNS_IS_REFUSED) {
		/* REFUSED would say it better, but musl takes that for no answer, and waits. */
		reply = (struct dns_reply){
			.rcode = DNS_NXDOMAIN, .ede = DNS_EDE_FILTERED, .ede_text = reason};
	} else if (dns_answer(server->names, &query, &reply) == -ENOSPC) {
		server->ops->full(server->ctx);
	}
	return (int)dns_reply_write(&query, &reply, ret);
}

void dns_server_handle_closed(struct dns_server *server)
{
	if (--server->handles > 0)
		return;
	if (server->closed)
		server->closed(server->closed_ctx);
	free(server);
}

void dns_server_on_closed(uv_handle_t *handle)
{
	dns_server_handle_closed(handle->data);
}

int dns_server_start(const struct dns_server_config *config, struct dns_server **ret,
		     struct error *err)
{
	struct dns_server *server = xcalloc(1, sizeof(*server));
	int listener_fds[2] = {config->listener_fds[0], config->listener_fds[1]};
	int r = 0;

	server->loop = config->loop;
	server->names = config->names;
	server->ops = config->ops;
	server->ctx = config->ctx;
	server->idle_ms = config->idle_ms ? config->idle_ms : DEFAULT_IDLE_MS;
	(void)uv_timer_init(server->loop, &server->idle);
	server->idle.data = server;
	server->handles = 1;
	for (unsigned i = 0; i < 2; i++) {
		server->udp[i].server = server;
		server->udp[i].socket_fd = config->udp_fds[i];
	}
	for (unsigned i = 0; i < 2 && r == 0; i++) {
		r = dns_udp_start(server, &server->udp[i], err);
		if (r == 0)
			r = dns_tcp_start(server, &server->listeners[i], &listener_fds[i], err);
	}
	close_fd(&listener_fds[0]);
	close_fd(&listener_fds[1]);
	if (r < 0)
		dns_server_stop(server, NULL, NULL);
	else
		*ret = server;
	return r;
}

void dns_server_stop(struct dns_server *server, void (*closed)(void *ctx), void *ctx)
{
	server->is_stopping = true;
	server->closed = closed;
	server->closed_ctx = ctx;
	dns_held_stop(server);
	for (unsigned i = 0; i < 2; i++)
		dns_udp_stop(&server->udp[i]);
	dns_tcp_stop(server);
	uv_close((uv_handle_t *)&server->idle, dns_server_on_closed);
}
