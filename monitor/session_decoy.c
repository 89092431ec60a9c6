/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The decoy internet of a session: which connections it answers, and what of that the record is
 * told. The servers are monitor/net/decoy.
 */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "monitor/judge.h"
#include "monitor/net/decoy/decoy.h"
#include "monitor/request.h"
#include "monitor/session_net_internal.h"

#define MAX_TOLD_PATH	2048u
#define MAX_TOLD_METHOD 32u
#define MAX_TOLD_HOST	253u

struct session_decoy {
	struct session *session; /* borrowed: is freed after us */
	struct decoy *decoy;
	int evidence_fd; /* -1: nothing is kept */
};

/* ---- which ---- */

/*
 * With the network "decoy" nothing is ever dialled, so what policy lets through is answered too,
 * and so is what it denies. What kills ends the program, and what a loss refuses stays refused.
 */
bool session_decoy_answers(const struct session *session, const struct action *action,
			   const struct judgement *judgement)
{
	const bool is_name = action->kind == ACTION_DNS; /* which our own server answers anyway */
	const bool concerns_us =
		action->kind == ACTION_REQUEST || session_net_leads_out(session, action);
	bool all;

	if (!concerns_us || judgement->by_loss || judgement->later)
		return false;
	all = session_net_is_decoy(session);
	switch (judgement->decision.verdict) {
	case VERDICT_DECOY:
		return all || session->mode == MODE_ENFORCE;
	case VERDICT_DENY:
		return all;
	case VERDICT_ALLOW:
	case VERDICT_LOG:
	case VERDICT_THROTTLE:
	case VERDICT_REDACT:
	case VERDICT_ASK:
	case VERDICT_KILL:
		return all && judgement->proceed && !is_name;
	}
	return false;
}

/* ---- what is told ---- */

static void put_cut(struct json_writer *w, const char *name, const char *text, size_t most)
{
	if (text[0])
		json_put_bytes(w, name, text, strnlen(text, most));
}

static void put_canaries(struct json_writer *w, const struct decoy *decoy, uint64_t found)
{
	struct str texts[MAX_DECOY_CANARIES];
	const char *names[MAX_DECOY_CANARIES];
	const size_t count = decoy_canaries(decoy, texts, names);

	if (!found)
		return;
	json_begin_array(w, "canaries");
	for (size_t i = 0; i < count; i++) {
		if (found & (UINT64_C(1) << i))
			json_put_string(w, NULL, names[i]);
	}
	json_end_array(w);
}

static void put_content(struct json_writer *w, const struct decoy_request *request)
{
	json_put_u64(w, "bytes", request->bytes);
	json_put_string(w, "sha256", request->sha256);
	if (request->head.len)
		json_put_bytes(w, "head", request->head.at, request->head.len);
	if (request->body.len)
		json_put_bytes(w, "body", request->body.at, request->body.len);
	if (request->file)
		json_put_string(w, "file", request->file);
	if (request->is_cut)
		json_put_bool(w, "cut", true);
}

static void on_request(void *ctx, const struct decoy_request *request)
{
	const struct session_decoy *ours = ctx;
	const struct decoy_peer *peer = request->peer;
	struct json_writer *w =
		event_begin(ours->session, "decoy.request", peer->call_id, peer->exec_id);

	json_begin_object(w, "fields");
	json_put_string(w, "host", peer->host);
	json_put_string(w, "address", peer->address);
	json_put_u64(w, "port", peer->port);
	json_put_string(w, "protocol", request->protocol);
	json_put_string(w, "service", request->service);
	if (strcmp(request->host, peer->host) != 0)
		put_cut(w, "asked_host", request->host, MAX_TOLD_HOST);
	put_cut(w, "method", request->method, MAX_TOLD_METHOD);
	put_cut(w, "path", request->path, MAX_TOLD_PATH);
	if (request->status)
		json_put_i64(w, "status", request->status);
	put_cut(w, "detail", request->detail, MAX_TOLD_PATH);
	put_content(w, request);
	put_canaries(w, ours->decoy, request->canaries);
	if (request->unsearched)
		json_put_string(w, "unsearched", request->unsearched);
	json_end_object(w);
	event_end(ours->session);
}

/* As of a connection that is relayed; who is asked for need not agree with whom it is sent to. */
static enum decoy_outcome on_head(void *ctx, const struct decoy_peer *peer,
				  const struct first_seen *seen, void *waiter)
{
	const struct session_decoy *ours = ctx;
	const struct call_waiter again = {.again = decoy_again, .ctx = waiter};
	struct first_target target = {.name = peer->host};
	struct request_lists lists;
	char address[ENDPOINT_TEXT];
	struct action action;

	(void)endpoint_parse(peer->address, &target.endpoint);
	target.endpoint.port = peer->port;
	if (strcmp(peer->host, peer->address) == 0)
		target.name = NULL;
	action = session_net_action(ACTION_REQUEST, peer->caller, peer->host, &target.endpoint,
				    address);
	request_action(seen, &target, address, &lists, &action);
	switch (session_net_decide(ours->session, &action, waiter ? &again : NULL)) {
	case CALL_MAY_GO_ON:
		return DECOY_ANSWERS;
	case CALL_WAITS:
		return DECOY_WAITS;
	case CALL_IS_REFUSED:
		break;
	}
	return DECOY_RESETS;
}

static void on_forget(void *ctx, void *waiter)
{
	const struct session_decoy *ours = ctx;

	session_forget_call(ours->session, &(struct call_waiter){.ctx = waiter});
}

static void on_ended(void *ctx, void *flow, const struct decoy_totals *totals, const char *reason)
{
	(void)ctx;
	relay_served(flow, totals->bytes_out, totals->bytes_in, reason);
}

static const struct decoy_ops decoy_ops = {
	.head = on_head, .forget = on_forget, .request = on_request, .ended = on_ended};

/* ---- flows ---- */

int session_decoy_serve(struct session_decoy *ours, const struct relay_arrival *arrival)
{
	const char *call = arrival->caller->call_id;
	char address[ENDPOINT_TEXT];

	endpoint_text(arrival->destination, address);
	return decoy_attach(ours->decoy, arrival->socket_fd,
			    &(struct decoy_peer){.host = arrival->host,
						 .address = address,
						 .port = arrival->destination->port,
						 .call_id = call && call[0] ? call : NULL,
						 .exec_id = arrival->caller->exec_id,
						 .pid = arrival->caller->pid,
						 .caller = arrival->caller},
			    arrival->token);
}

int session_decoy_canaries(const struct session_decoy *ours, struct canaries *canaries,
			   struct error *err)
{
	struct str texts[MAX_DECOY_CANARIES];
	const char *names[MAX_DECOY_CANARIES];
	const size_t count = decoy_canaries(ours->decoy, texts, names);
	int r = 0;

	for (size_t i = 0; i < count && r == 0; i++)
		r = canaries_add(canaries, str_of(names[i]), texts[i], err);
	return r;
}

/* ---- life ---- */

static int open_evidence(const char *path, int *ret, struct error *err)
{
	*ret = -1;
	if (!path)
		return 0;
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return error_errno(err, errno, "make the folder %s for what decoys are sent", path);
	*ret = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return *ret < 0 ? error_errno(err, errno, "open %s", path) : 0;
}

int session_decoy_start(struct session *session, struct session_decoy **ret, struct error *err)
{
	const struct net_config *config = &session->net_config;
	struct session_decoy *ours;
	int evidence_fd;
	int r;

	*ret = NULL;
	if (!session_net_is_decoy(session) && !policy_decoys(session->policy))
		return 0;
	if (!config->authority)
		return error_set(err, EINVAL,
				 "decoys are to answer in this session, and it was started without "
				 "a certificate authority for them");
	r = open_evidence(config->evidence_dir, &evidence_fd, err);
	if (r < 0)
		return r;
	ours = xcalloc(1, sizeof(*ours));
	ours->session = session;
	ours->evidence_fd = evidence_fd;
	r = decoy_new(&(struct decoy_config){.loop = session->supervisor->loop,
					     .tls = config->tls,
					     .authority = config->authority,
					     .script = config->script,
					     .evidence_fd = evidence_fd,
					     .ops = &decoy_ops,
					     .ctx = ours},
		      &ours->decoy, err);
	if (r < 0) {
		close_fd(&ours->evidence_fd);
		free(ours);
		return r;
	}
	session->handles++;
	*ret = ours;
	return 0;
}

static void on_freed(void *ctx)
{
	struct session_decoy *ours = ctx;
	struct session *session = ours->session;

	if (ours->evidence_fd >= 0)
		close_fd(&ours->evidence_fd);
	free(ours);
	session_handle_closed(session);
}

void session_decoy_end(struct session_decoy *ours)
{
	if (!ours)
		return;
	decoy_stop(ours->decoy, on_freed, ours);
	/* Goes if nothing is in it. */
	if (ours->session->net_config.evidence_dir)
		(void)rmdir(ours->session->net_config.evidence_dir);
}
