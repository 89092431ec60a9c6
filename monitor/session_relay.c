/* SPDX-License-Identifier: Apache-2.0 */

/* What the relay asks and tells: policy on what is sent, and the record of what became of it. */

#include <stdio.h>
#include <string.h>

#include "monitor/judge.h"
#include "monitor/net/screen.h"
#include "monitor/net/upstream_address.h"
#include "monitor/policy/decide.h"
#include "monitor/request.h"
#include "monitor/session_net_internal.h"

void session_net_refuse(struct session *session, struct execution *execution, const char *call,
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
	judge_redact_denial(session, denial);
	if (execution)
		execution_refused(execution, denial);
}

/* Some addresses are not dialled whatever the options say. */
static bool can_be_allowed(const struct endpoint *upstream)
{
	struct cidr alone = {.bits = 128};

	memcpy(alone.address, upstream->address, sizeof(alone.address));
	return !upstream_address_refusal(
		upstream->address, &(struct upstream_rules){.allowed = &alone, .allowed_count = 1});
}

static void refuse_address(struct session *session, const struct relay_end *end)
{
	struct denial denial = {.kind = "net.connect", .rule = "net.address"};
	char address[ENDPOINT_TEXT];
	char way_out[ENDPOINT_TEXT + 64] = "";
	bool is_name;

	endpoint_text(&end->upstream, address);
	is_name = strcmp(end->host, address) != 0;
	if (can_be_allowed(&end->upstream))
		(void)snprintf(way_out, sizeof(way_out), " --allow-private=%s lifts that.",
			       address);
	(void)snprintf(denial.subject, sizeof(denial.subject), "%s port %u", end->host,
		       end->destination->port);
	(void)snprintf(denial.because, sizeof(denial.because),
		       "%s%s%s is %s, where nothing is dialled for a session.%s",
		       is_name ? end->host : "", is_name ? " is at " : "", address, end->refusal,
		       way_out);
	session_net_refuse(session, execution_find(session, end->caller->exec_id),
			   end->caller->call_id, &denial);
}

/* It was let through, and has sent more than a rule allows. */
static void stop_flow(struct session *session, const struct action *action,
		      const struct decision *decision)
{
	struct execution *execution = execution_find(session, action->exec_id);
	struct denial denial = {.verdict = decision->verdict,
				.kind = "net.connect",
				.seq = record_count(session->record)};
	struct json_writer *w = event_begin(session, "net.stopped",
					    execution ? execution->call_id : NULL, action->exec_id);

	judge_put_fields(w, action);
	json_put_string(w, "verdict", verdict_name(decision->verdict));
	if (session->mode == MODE_OBSERVE)
		json_put_bool(w, "enforced", false);
	policy_explain(session->policy, session->state, action, decision, w);
	policy_put_also(session->policy, decision, w);
	event_end(session);
	if (session->mode == MODE_OBSERVE)
		return;
	session->totals.denied++;
	if (decision->verdict == VERDICT_KILL)
		session->totals.killed++;
	if (!execution)
		return;
	(void)snprintf(denial.rule, sizeof(denial.rule), "%s",
		       decision->rule ? decision->rule->id : "default");
	(void)snprintf(denial.because, sizeof(denial.because), "%s",
		       policy_because(session->policy, action, decision));
	(void)snprintf(denial.subject, sizeof(denial.subject), "%.*s port %lld",
		       (int)action->host.len, action->host.at, (long long)action->port);
	judge_redact_denial(session, &denial);
	execution_refused(execution, &denial);
}

struct action session_net_action(enum action_kind kind, const struct relay_caller *caller,
				 const char *host, const struct endpoint *at,
				 char address[ENDPOINT_TEXT])
{
	endpoint_text(at, address);
	return (struct action){
		.kind = kind,
		.time_ns = monotonic_ns(),
		.exec_id = caller->exec_id,
		.pid = caller->pid,
		.exe = str_of(caller->exe),
		.call_id = str_of(caller->call_id),
		.call_tool = str_of(caller->call_tool),
		.declared = declared_list(caller->declared),
		.host = str_of(host),
		.address = str_of(address),
		.port = at->port,
	};
}

enum call_check session_net_decide(struct session *session, const struct action *action,
				   const struct call_waiter *waiter)
{
	const struct stop stop = {.waiter = waiter, .evidence = {.action = action}};
	struct execution *execution = execution_find(session, action->exec_id);
	struct judgement judgement;
	struct denial denial;

	judge(session, action, waiter ? &stop : NULL, &judgement, &denial);
	if (judgement.later)
		return CALL_WAITS;
	if (waiter)
		session_forget_call(session, waiter);
	if (judgement.proceed)
		return CALL_MAY_GO_ON;
	if (execution)
		execution_refused(execution, &denial);
	return CALL_IS_REFUSED;
}

static void on_closed(void *ctx, const struct relay_end *end)
{
	struct session_net *net = ctx;
	char address[ENDPOINT_TEXT];
	struct action action =
		session_net_action(ACTION_CLOSE, end->caller, end->host,
				   end->upstream.port ? &end->upstream : end->destination, address);

	session_forget_call(net->session, &(struct call_waiter){.ctx = end->token});
	if (end->refusal)
		refuse_address(net->session, end);
	action.bytes_out = (int64_t)end->bytes_out;
	action.bytes_in = (int64_t)end->bytes_in;
	action.duration_ms = (int64_t)end->duration_ms;
	action.reason = str_of(end->reason);
	action.result = end->error;
	(void)session_net_decide(net->session, &action, NULL);
}

static void refuse_head(struct session *session, const struct relay_head *head)
{
	const char *broken = head->seen->broken;
	const char *what_was_done = strcmp(head->seen->protocol, "quic") == 0
					    ? "Nothing more of it is passed on."
					    : "The connection was reset.";
	struct denial denial = {.kind = "net.request"};

	(void)snprintf(denial.rule, sizeof(denial.rule), "%s", broken ? "net.broken" : "net.name");
	(void)snprintf(denial.subject, sizeof(denial.subject), "%s port %u", head->host,
		       head->upstream->port);
	(void)snprintf(denial.because, sizeof(denial.because),
		       broken ? "What was to be sent to %s reads like %s and is not: %s. %s"
			      : "The connection is for %s, and the %s that was to be sent is for "
				"another: %s. %s",
		       head->host, head->seen->protocol, broken ? broken : head->disagrees,
		       what_was_done);
	session_net_refuse(session, execution_find(session, head->caller->exec_id),
			   head->caller->call_id, &denial);
}

/* Policy first, so that the record tells what it was, and a rule may say more about it. */
static const char *on_head(void *ctx, const struct relay_head *head)
{
	struct session_net *net = ctx;
	struct session *session = net->session;
	const bool is_fine = !head->disagrees && !head->seen->broken;
	const struct call_waiter waiter = {.again = relay_head_again, .ctx = head->token};
	struct request_lists lists;
	char address[ENDPOINT_TEXT];
	struct action action = session_net_action(ACTION_REQUEST, head->caller, head->host,
						  head->upstream, address);

	request_action(head->seen, head->target, address, &lists, &action);
	request_searched(head->searched, net->canaries.names, &lists, &action);
	/* Nobody is asked about what is refused anyway. */
	switch (session_net_decide(session, &action, is_fine ? &waiter : NULL)) {
	case CALL_IS_REFUSED:
		return "refused by policy";
	case CALL_WAITS:
		return screen_later;
	case CALL_MAY_GO_ON:
		break;
	}
	if (is_fine || session->mode == MODE_OBSERVE)
		return NULL;
	refuse_head(session, head);
	return head->seen->broken ? "broken first bytes" : "names differ";
}

/* Which of the action is asked that began the flow: bytes belong to the budgets that it is in. Its
 * labels are those of now: a flow needs no other action to carry what was read since. */
static const char *on_sent(void *ctx, const struct relay_sent *sent)
{
	struct session_net *net = ctx;
	struct session *session = net->session;
	const bool enforces = session->mode == MODE_ENFORCE;
	char address[ENDPOINT_TEXT];
	struct action action = session_net_action(ACTION_CONNECT, sent->caller, sent->host,
						  sent->destination, address);
	struct decision decision;

	if (!policy_budgets_bytes(session->policy))
		return NULL;
	action.family = endpoint_is_v4(sent->destination) ? STR("inet") : STR("inet6");
	action.protocol = sent->is_udp ? STR("udp") : STR("tcp");
	judge_catch_up(session, &action);
	policy_count_bytes(session->policy, session->state, &action, sent->bytes, &decision);
	if (decision.verdict < VERDICT_ASK || (!enforces && *sent->is_told))
		return NULL;
	*sent->is_told = true;
	stop_flow(session, &action, &decision);
	return enforces ? "over a budget" : NULL;
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
	session_net_refuse(net->session, NULL, NULL, &denial);
}

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

static int on_datagram(void *ctx, const struct endpoint *at, net_socket_cb done, void *done_ctx)
{
	struct session_net *net = ctx;
	char address[ENDPOINT_TEXT];

	endpoint_text(at, address);
	return session_ask_socket(net->session, SOCKET_DATAGRAM, address, at->port, done, done_ctx);
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

const struct relay_ops session_relay_ops = {.listen = on_listen,
					    .datagram = on_datagram,
					    .is_waiting = on_is_waiting,
					    .resume = on_resume,
					    .head = on_head,
					    .sent = on_sent,
					    .closed = on_closed,
					    .serve = on_serve,
					    .stray = on_stray};
