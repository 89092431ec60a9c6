/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The relayed network of a session: what the gate lets through is handed to the relay, and what
 * became of it goes to the record.
 *
 * A call that policy allows is stopped once more, until the relay has dialled: see relay.h. When it
 * comes back it is not judged again, for it was let through, and the connection stands.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "monitor/net/names.h"
#include "monitor/net/relay.h"
#include "monitor/session_internal.h"

#define DNS_PORT 53

struct session_net {
	struct session *session; /* borrowed: is freed after us */
	struct names *names;
	struct session_dns *dns;
	struct relay *relay;
	struct session_decoy *decoy; /* NULL: nothing is answered by one */
};

/* ---- what an action is to the network ---- */

static bool is_inet(const struct action *action)
{
	return str_eq(action->family, STR("inet")) || str_eq(action->family, STR("inet6"));
}

static bool is_tcp(const struct action *action)
{
	return str_eq(action->protocol, STR("tcp"));
}

static bool is_udp(const struct action *action)
{
	return str_eq(action->protocol, STR("udp"));
}

/* Where it goes, if that is out of the session's own machine. */
static bool leads_out(const struct action *action, struct endpoint *ret)
{
	char text[ENDPOINT_TEXT];

	if ((action->kind != ACTION_CONNECT && action->kind != ACTION_SEND) || !is_inet(action) ||
	    action->loopback || action->address.len >= sizeof(text))
		return false;
	(void)snprintf(text, sizeof(text), "%.*s", (int)action->address.len, action->address.at);
	ret->port = (uint16_t)action->port;
	return endpoint_parse(text, ret);
}

bool session_net_leads_out(const struct session *session, const struct action *action)
{
	struct endpoint to;

	if (!session->net)
		return false;
	return action->kind == ACTION_DNS ||
	       (leads_out(action, &to) && (is_tcp(action) || is_udp(action)));
}

void session_net_name(const struct session *session, struct action *action)
{
	struct endpoint to;
	const char *name;

	if (!session->net || !leads_out(action, &to))
		return;
	name = names_find(session->net->names, to.address);
	if (name)
		action->host = str_of(name);
}

const char *session_net_host(const struct session *session, const char *address)
{
	struct endpoint to;

	if (!session->net || !endpoint_parse(address, &to))
		return NULL;
	return names_find(session->net->names, to.address);
}

/* ---- what the record and the agent are told ---- */

static void put_endpoint(struct json_writer *w, const char *host, const struct endpoint *at)
{
	char text[ENDPOINT_TEXT];

	endpoint_text(at, text);
	json_put_string(w, "host", host);
	json_put_string(w, "address", text);
	json_put_u64(w, "port", at->port);
}

/* Policy let it through, and the network refuses it. @execution: NULL if it is over. */
static void refuse(struct session *session, struct execution *execution, const char *call,
		   struct denial *denial)
{
	struct json_writer *w = event_begin(session, "net.refused", call && call[0] ? call : NULL,
					    execution ? execution->id : 0);

	denial->verdict = VERDICT_DENY;
	denial->seq = record_count(session->record);
	json_begin_object(w, "fields");
	json_put_string(w, "what", denial->subject);
	json_end_object(w);
	json_put_string(w, "verdict", verdict_name(VERDICT_DENY));
	json_put_string(w, "rule", denial->rule);
	json_put_string(w, "because", denial->because);
	event_end(session);
	session->totals.denied++;
	if (!execution)
		return;
	execution->result.denied++;
	execution->result.last_denial = *denial;
}

static void refuse_address(struct session *session, const struct relay_end *end)
{
	struct denial denial = {.kind = "net.connect", .rule = "net.address"};
	char address[ENDPOINT_TEXT];

	endpoint_text(&end->upstream, address);
	(void)snprintf(denial.subject, sizeof(denial.subject), "%s port %u", end->host,
		       end->destination->port);
	(void)snprintf(denial.because, sizeof(denial.because),
		       "%s%s%s is %s, where nothing is dialled for a session "
		       "(--allow-private=%s lifts that).",
		       strcmp(end->host, address) == 0 ? "" : end->host,
		       strcmp(end->host, address) == 0 ? "" : " is at ", address, end->refusal,
		       address);
	refuse(session, execution_find(session, end->caller->exec_id), end->caller->call_id,
	       &denial);
}

static void on_closed(void *ctx, const struct relay_end *end)
{
	struct session_net *net = ctx;
	struct session *session = net->session;
	const struct relay_caller *caller = end->caller;
	const bool was_tried = end->upstream.port != 0;
	struct json_writer *w;

	if (end->refusal)
		refuse_address(session, end);
	w = event_begin(session, "net.close", caller->call_id[0] ? caller->call_id : NULL,
			caller->exec_id);
	json_begin_object(w, "fields");
	put_endpoint(w, end->host, was_tried ? &end->upstream : end->destination);
	json_put_u64(w, "bytes_out", end->bytes_out);
	json_put_u64(w, "bytes_in", end->bytes_in);
	json_put_u64(w, "duration_ms", end->duration_ms);
	json_put_string(w, "reason", end->reason);
	if (end->error)
		json_put_i64(w, "result", end->error);
	json_end_object(w);
	event_end(session);
}

static void on_stray(void *ctx, const struct endpoint *destination)
{
	struct session_net *net = ctx;
	const char *name = names_find(net->names, destination->address);
	char address[ENDPOINT_TEXT];
	struct denial denial = {.kind = "net.connect",
				.rule = "net.unapproved",
				.because = "Nothing was approved for the connection that arrived "
					   "there: its address or its socket changed after the "
					   "verdict. It was reset."};

	endpoint_text(destination, address);
	(void)snprintf(denial.subject, sizeof(denial.subject), "%s port %u", name ? name : address,
		       destination->port);
	refuse(net->session, NULL, NULL, &denial);
}

/* ---- the relay's side ---- */

static int on_listen(void *ctx, const struct endpoint *at, net_socket_cb done, void *done_ctx)
{
	struct session_net *net = ctx;
	char address[ENDPOINT_TEXT];

	endpoint_text(at, address);
	return session_ask_socket(net->session, SOCKET_LISTEN, address, at->port, done, done_ctx);
}

static int on_serve(void *ctx, const struct relay_arrival *arrival)
{
	const struct session_net *net = ctx;

	return session_decoy_serve(net->decoy, arrival);
}

static bool on_is_waiting(void *ctx, void *owner, uint64_t ticket)
{
	const struct execution *execution = owner;

	(void)ctx;
	return execution->gate && gate_is_waiting(execution->gate, ticket);
}

static void on_resume(void *ctx, void *owner, uint64_t ticket)
{
	struct execution *execution = owner;

	(void)ctx;
	gate_resume(execution->gate, ticket);
}

static const struct relay_ops relay_ops = {.listen = on_listen,
					   .is_waiting = on_is_waiting,
					   .resume = on_resume,
					   .closed = on_closed,
					   .serve = on_serve,
					   .stray = on_stray};

/* ---- the gate's side ---- */

bool session_net_answers(struct execution *execution, const struct gate_request *request,
			 struct gate_answer *ret)
{
	const struct session *session = execution->session;
	const struct action *action = request->action;
	struct endpoint to;
	int error = 0;

	if (!session->net || !leads_out(action, &to) || session->failed)
		return false;
	if (to.port == DNS_PORT && (is_tcp(action) || is_udp(action))) {
		execution->asks_names = true;
		ret->proceed = true; /* to our own server, which asks about each name */
		return true;
	}
	if (action->kind != ACTION_CONNECT || !is_tcp(action))
		return false;
	switch (relay_answer(session->net->relay, execution, request->id, &to, &error)) {
	case RELAY_UNKNOWN:
		return false;
	case RELAY_WAITS:
		ret->later = true;
		return true;
	case RELAY_GOES_ON:
		ret->proceed = true;
		return true;
	case RELAY_FAILED:
		ret->errno_value = -error;
		return true;
	}
	return false;
}

static bool is_connected(int socket_fd)
{
	struct endpoint peer;

	return endpoint_of_peer(socket_fd, &peer) == 0;
}

static void connect_out(struct execution *execution, const struct gate_request *request,
			const struct action *action, const struct endpoint *to, bool by_decoy,
			struct gate_answer *ret)
{
	_cleanup_free_ char *host = xstrndup(action->host.at, action->host.len);
	_cleanup_free_ char *exe = xstrndup(action->exe.at, action->exe.len);
	const struct relay_request connection = {
		.caller = {.owner = execution,
			   .exec_id = execution->id,
			   .pid = action->pid,
			   .declared = execution->declared,
			   .exe = exe,
			   .call_id = execution->call_id,
			   .call_tool = execution->tool},
		.ticket = request->id,
		.destination = *to,
		.host = host,
		.socket_fd = request->socket_fd,
		/* Whatever was decided: with this network nothing is dialled. */
		.by_decoy = by_decoy || session_net_is_decoy(execution->session),
	};
	int r;

	if (is_connected(request->socket_fd))
		return; /* the kernel says so, or that the connection is there by now */
	r = relay_connect(execution->session->net->relay, &connection);
	*ret = (struct gate_answer){.later = r == 0, .errno_value = -r};
}

static void refuse_udp(struct execution *execution, const struct action *action,
		       struct gate_answer *ret)
{
	struct denial denial = {
		.kind = "net.send",
		.rule = "net.udp",
		.because = "Only TCP connections and DNS leave this session: UDP is not relayed. "
			   "Use a protocol over TCP (HTTP/2 in place of HTTP/3)."};

	(void)snprintf(denial.subject, sizeof(denial.subject), "udp %.*s port %lld",
		       (int)action->host.len, action->host.at, (long long)action->port);
	refuse(execution->session, execution, execution->call_id, &denial);
	*ret = (struct gate_answer){.errno_value = EPERM};
}

void session_net_carry_out(struct execution *execution, const struct gate_request *request,
			   const struct action *action, bool by_decoy, struct gate_answer *ret)
{
	const struct session *session = execution->session;
	struct endpoint to;

	if (!session->net)
		return;
	if (action->kind == ACTION_BIND || action->kind == ACTION_LISTEN) {
		if (is_inet(action) && action->port)
			relay_yield(session->net->relay, (uint16_t)action->port);
		return;
	}
	if (!leads_out(action, &to))
		return;
	if (action->kind == ACTION_CONNECT && is_tcp(action))
		connect_out(execution, request, action, &to, by_decoy, ret);
	else if (action->kind == ACTION_SEND && is_tcp(action) && !is_connected(request->socket_fd))
		*ret = (struct gate_answer){.errno_value = EOPNOTSUPP}; /* MSG_FASTOPEN */
	else if (action->kind == ACTION_SEND && is_udp(action) && !by_decoy)
		refuse_udp(execution, action, ret);
}

/* ---- life ---- */

static int parse_allowed(const struct net_config *config, struct cidr **ret, size_t *ret_count,
			 struct error *err)
{
	_cleanup_free_ struct cidr *allowed = NULL;
	size_t count = 0;

	for (; config->allow_private && config->allow_private[count]; count++) {
		const char *text = config->allow_private[count];
		const char *reason;

		allowed = xrealloc_array(allowed, count + 1, sizeof(*allowed));
		reason = cidr_parse(str_of(text), &allowed[count]);
		if (reason)
			return error_set(err, EINVAL, "--allow-private %s: %s", text, reason);
	}
	*ret = take_ptr(allowed);
	*ret_count = count;
	return 0;
}

static bool has_mode(const struct session *session, const char *mode)
{
	const char *is = session_layer(session, "net");

	return is && strcmp(is, mode) == 0;
}

bool session_net_is_decoy(const struct session *session)
{
	return has_mode(session, "decoy");
}

/* Without the relay nobody could stand in for whom a program means. */
static int check_no_decoys(const struct session *session, struct error *err)
{
	const char *who = policy_decoys(session->policy);

	if (!who)
		return 0;
	return error_set(
		err, EINVAL,
		"%s%s of the policy has the verdict decoy, and the network of this session "
		"leads nowhere: start it with --net=relay or --net=decoy",
		strcmp(who, "default") == 0 ? "a " : "the rule ", who);
}

static int start_relay(struct session_net *net, struct error *err)
{
	struct session *session = net->session;
	_cleanup_free_ struct cidr *allowed = NULL;
	size_t count = 0;
	int r = parse_allowed(&session->net_config, &allowed, &count, err);

	if (r == 0)
		r = session_decoy_start(session, &net->decoy, err);
	if (r < 0)
		return r;
	net->names = names_new();
	net->relay = relay_start(&(struct relay_config){.loop = session->supervisor->loop,
							.resolver = session->net_config.resolver,
							.allowed = allowed,
							.allowed_count = count,
							.ops = &relay_ops,
							.ctx = net});
	return 0;
}

int session_net_start(struct session *session, struct error *err)
{
	struct session_net *net;
	int r;

	if (!has_mode(session, "relay") && !has_mode(session, "decoy"))
		return check_no_decoys(session, err);
	net = xcalloc(1, sizeof(*net));
	net->session = session;
	r = start_relay(net, err);
	if (r < 0) {
		free(net);
		return r;
	}
	session->net = net;
	session->handles++;
	net->dns = session_dns_start(session, net->names);
	return 0;
}

void session_net_drop_execution(struct execution *execution)
{
	if (execution->session->net)
		relay_drain(execution->session->net->relay, execution);
}

static void on_relay_freed(void *ctx)
{
	struct session_net *net = ctx;
	struct session *session = net->session;

	(void)names_free(net->names);
	free(net);
	session_handle_closed(session);
}

void session_net_end(struct session *session)
{
	struct session_net *net = take_ptr(session->net);

	if (!net)
		return;
	session_dns_end(net->dns);
	session_decoy_end(net->decoy);
	relay_stop(net->relay, on_relay_freed);
}
