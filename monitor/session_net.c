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
#include <sys/resource.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "monitor/session_net_internal.h"

#define DNS_PORT 53

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
	if (!is_tcp(action) && !is_udp(action))
		return false;
	switch (relay_answer(session->net->relay, execution, request->id, &to, &error)) {
	case RELAY_UNKNOWN:
		return false;
	case RELAY_WAITS:
		ret->later = true;
		return true;
	case RELAY_GOES_ON:
		ret->proceed = ret->leads_on = true;
		return true;
	case RELAY_FAILED:
		ret->errno_value = -error;
		return true;
	}
	return false;
}

static bool is_connected(const int *socket_fd)
{
	struct endpoint peer;

	return socket_fd && endpoint_of_peer(*socket_fd, &peer) == 0;
}

static void hand_over(struct execution *execution, const struct gate_request *request,
		      const struct action *action, const struct endpoint *to, bool by_decoy,
		      struct gate_answer *ret)
{
	struct relay *relay = execution->session->net->relay;
	_cleanup_free_ char *host = xstrndup(action->host.at, action->host.len);
	_cleanup_free_ char *exe = xstrndup(action->exe.at, action->exe.len);
	const struct relay_request wanted = {
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
		.by_decoy = by_decoy,
	};
	const int r = is_tcp(action) ? relay_connect(relay, &wanted) : relay_send(relay, &wanted);

	if (r == RELAY_NOW)
		ret->leads_on = true;
	else
		*ret = (struct gate_answer){.later = r == 0, .errno_value = -r};
}

static void carry_tcp(struct execution *execution, const struct gate_request *request,
		      const struct action *action, const struct endpoint *to, bool by_decoy,
		      struct gate_answer *ret)
{
	if (is_connected(request->socket_fd))
		return; /* the kernel says so, or that the connection is there by now */
	if (action->kind == ACTION_CONNECT)
		hand_over(execution, request, action, to, by_decoy, ret);
	else
		*ret = (struct gate_answer){.errno_value = EOPNOTSUPP}; /* MSG_FASTOPEN */
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
	/* Whatever was decided: with this network nothing is dialled. */
	by_decoy |= session_net_is_decoy(session);
	if (is_tcp(action))
		carry_tcp(execution, request, action, &to, by_decoy, ret);
	else if (is_udp(action) && to.port && !by_decoy)
		hand_over(execution, request, action, &to, false, ret);
	/* Else it goes to an address that is the session's own, where nobody is. */
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

/* A connection takes two descriptors while it flows. What was started before keeps its limit. */
static void raise_file_limit(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		return;
	files.rlim_cur = files.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &files);
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
		r = canaries_add_given(&net->canaries, session->net_config.canaries, err);
	if (r == 0)
		r = session_decoy_start(session, &net->decoy, err);
	if (r < 0)
		return r;
	if (net->decoy)
		r = session_decoy_canaries(net->decoy, &net->canaries, err);
	if (r == 0)
		r = canaries_build(&net->canaries, err);
	if (r < 0) {
		session_decoy_end(net->decoy);
		return r;
	}
	raise_file_limit();
	net->names = names_new();
	net->relay = relay_start(&(struct relay_config){.loop = session->supervisor->loop,
							.resolver = session->net_config.resolver,
							.allowed = allowed,
							.allowed_count = count,
							.canaries = net->canaries.set,
							.ops = &session_relay_ops,
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
	canaries_done(&net->canaries);
	free(net);
	session_handle_closed(session);
}

void session_net_end(struct session *session)
{
	struct session_net *net = take_ptr(session->net);

	if (!net)
		return;
	relay_take_arrivals(net->relay);
	session_dns_end(net->dns);
	session_decoy_end(net->decoy);
	relay_stop(net->relay, on_relay_freed);
}
