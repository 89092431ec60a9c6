/* SPDX-License-Identifier: Apache-2.0 */

/*
 * HTTP/2, below TLS or begun in plain by a program that knows (RFC 9113 3.3): a connection of
 * several requests, each of which goes the way of one of HTTP/1.
 *
 * In plain, what is said first is judged before it is answered (decoy_ops.head). The preface names
 * nothing, so there each request is judged besides, as its head would be in HTTP/1. An approver
 * cannot be waited for here, since one connection has several: what would wait is refused.
 *
 * Each request holds its head, the beginning of its body and what searches it, which a few bytes
 * can make a few hundred KiB of (HPACK, gzip). So they are counted over all connections: a session
 * cannot have more of them by opening many in each.
 */

#include <string.h>

#include "common/cleanup.h"
#include "monitor/net/decoy/serve_http.h"
#include "monitor/net/first_bytes.h"

struct request {
	struct visit *visit; /* borrowed: outlives it */
	struct http_talk talk;
};

/* ---- requests ---- */

static bool is_refused(struct visit *visit, const char *head, size_t len)
{
	const struct decoy_config *config = &visit->decoy->config;
	_cleanup_(first_bytes_freep) struct first_bytes *first = NULL;
	size_t taken;

	if (visit->tls || !config->ops->head)
		return false;
	first = first_bytes_new();
	(void)first_bytes_feed(first, head, len, &taken);
	return config->ops->head(config->ctx, &visit->peer, first_bytes_seen(first), NULL) !=
	       DECOY_ANSWERS;
}

static void request_free(struct request *request)
{
	http_talk_done(&request->talk);
	free(request);
}

static void *on_begin(void *ctx, const char *head, size_t len)
{
	struct visit *visit = ctx;
	struct request *request;
	size_t taken;

	if (is_refused(visit, head, len))
		return NULL;
	if (visit->decoy->requests == MAX_DECOY_REQUESTS)
		return NULL;
	request = xcalloc(1, sizeof(*request));
	request->visit = visit;
	request->talk = NO_HTTP_TALK;
	/* For its head alone: the body comes by itself. */
	if (http_reader_feed(&request->talk.reader, head, len, &taken) != HTTP_HEAD) {
		request_free(request);
		return NULL;
	}
	evidence_begin(&request->talk.evidence, &visit->decoy->store);
	visit->decoy->requests++;
	return request;
}

static void on_body(void *ctx, const void *bytes, size_t len)
{
	struct request *request = ctx;

	evidence_add(&request->talk.evidence, bytes, len);
}

static void answer_to(struct request *request, bool is_full, struct answer *ret)
{
	/* A proxy is meant. Programs that use one ask it by HTTP/1. */
	const bool is_connect = strcmp(request->talk.reader.request.method, "CONNECT") == 0;

	if (!is_connect && !is_full) {
		http_talk_answer(request->visit, &request->talk, ret);
		return;
	}
	answer_init(ret);
	ret->service = is_connect ? "proxy" : "web";
	ret->status = is_connect ? 501 : 503;
	http_talk_tell(request->visit, &request->talk, ret, false);
}

static void on_end(void *ctx, bool is_full, struct http2_answer *ret)
{
	struct request *request = ctx;
	struct answer answer;

	answer_to(request, is_full, &answer);
	http_put_date(&answer.fields);
	ret->status = answer.status;
	ret->has_body = answer.status != 204 && answer.status != 304 &&
			strcmp(request->talk.reader.request.method, "HEAD") != 0;
	if (ret->has_body && answer.body.len)
		buf_printf(&answer.fields, "Content-Length: %zu\r\n", answer.body.len);
	ret->fields = answer.fields;
	ret->body = answer.body;
	answer.fields = answer.body = (struct buf)BUF_INIT(0);
	answer_done(&answer);
}

static void on_forget(void *ctx, bool is_whole)
{
	struct request *request = ctx;

	if (!is_whole)
		http_talk_tell_cut(request->visit, &request->talk);
	request->visit->decoy->requests--;
	request_free(request);
}

static const struct http2_ops ops = {
	.begin = on_begin, .body = on_body, .end = on_end, .forget = on_forget};

/* ---- the connection ---- */

/* As much of what is to be sent as the program reads. */
static void say(struct visit *visit)
{
	_cleanup_buf_ struct buf out = BUF_INIT(0);

	do {
		buf_clear(&out);
		visit_tls(visit)->http2_take(visit->talk, &out);
		visit_say(visit, out.data, out.len);
	} while (out.len && !visit_stalls(visit));
	if (!visit->stalled && visit_tls(visit)->http2_is_over(visit->talk))
		visit_close(visit);
}

static void begin(struct visit *visit)
{
	visit->talk = visit_tls(visit)->http2_new(&ops, visit);
	if (!visit->talk)
		visit_close(visit);
}

static size_t take(struct visit *visit, const char *bytes, size_t len)
{
	if (visit_tls(visit)->http2_feed(visit->talk, bytes, len) < 0)
		visit_close(visit);
	else
		say(visit);
	return len;
}

static void free_talk(struct visit *visit)
{
	(void)visit_tls(visit)->http2_free(visit->talk);
}

const struct protocol http2_protocol = {.name = "http",
					.secured_name = "https",
					.begin = begin,
					.take = take,
					.resume = say,
					.free = free_talk};
