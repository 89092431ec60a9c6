/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The name server of a session whose network is relayed: its four sockets, which the init makes,
 * and a verdict on each name that is asked for.
 *
 * The session is ready when they stand: a program that asked before would be told by the kernel
 * that nobody listens, which resolvers take for the end of the matter. Nobody else can have had the
 * ports before, since nothing ran yet.
 */

#include <errno.h>
#include <stdio.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "monitor/judge.h"
#include "monitor/net/dns_server.h"
#include "monitor/session_internal.h"
#include "monitor/session_net.h"

#define DNS_PORT 53
#define SOCKETS	 4u

struct session_dns {
	struct session *session;   /* borrowed: is freed after us */
	struct names *names;	   /* borrowed */
	struct dns_server *server; /* NULL until it stands */
	int socket_fds[SOCKETS];
	unsigned missing;
	int error; /* the first of what was asked for; 0 */
	bool is_stopped;
	bool has_told_full;
	char reason[sizeof(((struct denial *)0)->because)];
};

/* In the order of socket_fds. */
static const struct {
	enum socket_kind kind;
	const char *address;
} wanted[SOCKETS] = {
	{SOCKET_DATAGRAM, "0.0.0.0"},
	{SOCKET_DATAGRAM, "::"},
	{SOCKET_LISTEN, "0.0.0.0"},
	{SOCKET_LISTEN, "::"},
};

/* ---- what is asked for ---- */

/*
 * Who asks: a datagram does not say. If of the executions that have ever turned to a name server
 * one alone is left, it is that one.
 */
static struct execution *asker(const struct session *session)
{
	struct execution *found = NULL;

	for (struct execution *e = session->executions; e; e = e->next) {
		if (!e->asks_names)
			continue;
		if (found)
			return NULL;
		found = e;
	}
	return found;
}

static void refuse(struct session_dns *dns, struct execution *execution,
		   const struct denial *denial)
{
	(void)snprintf(dns->reason, sizeof(dns->reason), "%s", denial->because);
	if (execution)
		execution_refused(execution, denial);
}

static void on_forget(void *ctx, struct dns_waiter *waiter)
{
	struct session_dns *dns = ctx;

	session_forget_call(dns->session, &(struct call_waiter){.ctx = waiter});
}

/* Who waited is who asked first, whoever else has asked since. */
static enum dns_outcome on_decide(void *ctx, const struct dns_query *query,
				  struct dns_waiter *waiter, const char **ret_reason)
{
	struct session_dns *dns = ctx;
	const bool was_known = waiter && waiter->is_again && waiter->asker;
	struct execution *execution =
		was_known ? execution_find(dns->session, waiter->asker) : asker(dns->session);
	const struct call_waiter again = {.again = dns_server_again, .ctx = waiter};
	char room[10];
	const struct action action = {
		.kind = ACTION_DNS,
		.time_ns = monotonic_ns(),
		.exec_id = execution ? execution->id : 0,
		.call_id = str_of(execution ? execution->call_id : NULL),
		.call_tool = str_of(execution ? execution->tool : NULL),
		.declared = declared_list(execution ? execution->declared : 0),
		.host = str_of(query->name),
		.qtype = str_of(dns_type_name(query->type, room)),
		.label_max = query->label_max,
		.entropy = query->entropy,
	};
	const struct stop stop = {.waiter = &again, .evidence = {.action = &action}};
	struct judgement judgement;
	struct denial denial;

	if (was_known && !execution) {
		on_forget(dns, waiter);
		*ret_reason = "Who asked for it has ended.";
		return DNS_IS_REFUSED;
	}
	judge(dns->session, &action, waiter ? &stop : NULL, &judgement, &denial);
	if (waiter && judgement.later) {
		waiter->asker = action.exec_id;
		return DNS_WAITS;
	}
	if (waiter)
		on_forget(dns, waiter);
	if (judgement.proceed)
		return DNS_MAY_BE_ANSWERED;
	refuse(dns, execution, &denial);
	*ret_reason = dns->reason;
	return DNS_IS_REFUSED;
}

/* Told once: who asks for that many names goes on with it. */
static void on_full(void *ctx)
{
	struct session_dns *dns = ctx;
	struct json_writer *w;

	if (dns->has_told_full)
		return;
	dns->has_told_full = true;
	w = event_begin(dns->session, "net.names_full", NULL, 0);
	json_begin_object(w, "fields");
	json_put_u64(w, "names", names_count(dns->names));
	json_end_object(w);
	event_end(dns->session);
}

static const struct dns_server_ops server_ops = {
	.decide = on_decide, .forget = on_forget, .full = on_full};

/* ---- life ---- */

static void free_dns(void *ctx)
{
	struct session_dns *dns = ctx;
	struct session *session = dns->session;

	for (unsigned i = 0; i < SOCKETS; i++)
		close_fd(&dns->socket_fds[i]);
	free(dns);
	session_handle_closed(session);
}

static void stand(struct session_dns *dns)
{
	struct session *session = dns->session;
	const struct dns_server_config config = {
		.loop = session->supervisor->loop,
		.names = dns->names,
		.udp_fds = {take_fd(&dns->socket_fds[0]), take_fd(&dns->socket_fds[1])},
		.listener_fds = {take_fd(&dns->socket_fds[2]), take_fd(&dns->socket_fds[3])},
		.ops = &server_ops,
		.ctx = dns,
	};
	struct error err;

	if (dns_server_start(&config, &dns->server, &err) < 0)
		session_fail(session, &err);
	else if (!session->failed && session->stage == SESSION_READY)
		session->ops->ready(session->ctx);
}

static void on_socket(struct session_dns *dns, unsigned i, int result)
{
	struct error err;

	if (result >= 0)
		dns->socket_fds[i] = result;
	else if (!dns->error)
		dns->error = result;
	if (--dns->missing > 0)
		return;
	if (dns->is_stopped) {
		free_dns(dns);
	} else if (dns->error) {
		(void)error_errno(&err, dns->error,
				  "open the sockets of the session's name server");
		session_fail(dns->session, &err);
	} else {
		stand(dns);
	}
}

static void on_udp(void *ctx, int result)
{
	on_socket(ctx, 0, result);
}

static void on_udp6(void *ctx, int result)
{
	on_socket(ctx, 1, result);
}

static void on_tcp(void *ctx, int result)
{
	on_socket(ctx, 2, result);
}

static void on_tcp6(void *ctx, int result)
{
	on_socket(ctx, 3, result);
}

struct session_dns *session_dns_start(struct session *session, struct names *names)
{
	static const socket_cb callbacks[SOCKETS] = {on_udp, on_udp6, on_tcp, on_tcp6};
	struct session_dns *dns = xcalloc(1, sizeof(*dns));
	int r;

	dns->session = session;
	dns->names = names;
	dns->missing = SOCKETS;
	session->handles++;
	for (unsigned i = 0; i < SOCKETS; i++)
		dns->socket_fds[i] = -1;
	for (unsigned i = 0; i < SOCKETS; i++) {
		r = session_ask_socket(session, wanted[i].kind, wanted[i].address, DNS_PORT,
				       callbacks[i], dns);
		if (r < 0)
			on_socket(dns, i, r);
	}
	return dns;
}

void session_dns_end(struct session_dns *dns)
{
	dns->is_stopped = true;
	if (dns->server)
		dns_server_stop(take_ptr(dns->server), free_dns, dns);
	else if (dns->missing == 0)
		free_dns(dns);
}
