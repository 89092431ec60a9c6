/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/net/decoy/serve_http.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/cleanup.h"

void http_talk_done(struct http_talk *talk)
{
	http_reader_done(&talk->reader);
	evidence_done(&talk->evidence);
}

static void begin(struct visit *visit)
{
	struct http_talk *talk = xcalloc(1, sizeof(*talk));

	*talk = NO_HTTP_TALK;
	visit->talk = talk;
}

static void free_talk(struct visit *visit)
{
	http_talk_done(visit->talk);
	free(visit->talk);
}

static void say_text(struct visit *visit, const char *text)
{
	visit_say(visit, text, strlen(text));
}

/* ---- answers ---- */

void http_put_date(struct buf *out)
{
	const time_t now = time(NULL);
	struct tm parts;
	char text[64];

	if (gmtime_r(&now, &parts) &&
	    strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &parts))
		buf_printf(out, "Date: %s\r\n", text);
}

static void say_answer(struct visit *visit, const struct http_request *request,
		       const struct answer *answer)
{
	const bool has_body = answer->status != 204 && answer->status != 304;
	_cleanup_buf_ struct buf out = BUF_INIT(0);

	buf_printf(&out, "HTTP/1.1 %d %s\r\n", answer->status, http_reason(answer->status));
	http_put_date(&out);
	buf_printf(&out, "Connection: %s\r\n", request->keep_alive ? "keep-alive" : "close");
	buf_put(&out, answer->fields.data, answer->fields.len);
	if (has_body)
		buf_printf(&out, "Content-Length: %zu\r\n", answer->body.len);
	buf_puts(&out, "\r\n");
	if (has_body && strcmp(request->method, "HEAD") != 0)
		buf_put(&out, answer->body.data, answer->body.len);
	visit_say(visit, out.data, out.len);
	if (!request->keep_alive)
		visit_close(visit);
}

/* ---- requests ---- */

void http_talk_tell(struct visit *visit, const struct http_talk *talk, const struct answer *answer,
		    bool is_cut)
{
	const struct http_request *request = &talk->reader.request;
	struct decoy_request told = {
		.service = answer->service,
		.host = request->host,
		.method = request->method,
		.path = request->target,
		.detail = answer->detail,
		.head = request->head,
		.status = answer->status,
		.is_cut = is_cut,
	};

	if (told.head.len > DECOY_HEAD_SHOWN)
		told.head.len = DECOY_HEAD_SHOWN;
	evidence_tell(&talk->evidence, &told);
	visit_tell(visit, &told);
}

void http_talk_tell_cut(struct visit *visit, const struct http_talk *talk)
{
	const struct answer none = {.service = "web"};

	http_talk_tell(visit, talk, &none, true);
}

void http_talk_answer(struct visit *visit, const struct http_talk *talk, struct answer *ret)
{
	const struct http_request *request = &talk->reader.request;
	const struct exchange exchange = {
		.request = request,
		.host = request->host[0] ? request->host : visit->target,
		.port = visit->target_port,
		.is_tls = visit->tls != NULL,
		.body = &talk->evidence,
		.state = &visit->decoy->services,
	};

	answer_init(ret);
	service_answer(&exchange, ret);
	http_talk_tell(visit, talk, ret, false);
}

static void answer_request(struct visit *visit, struct http_talk *talk)
{
	struct answer answer;

	http_talk_answer(visit, talk, &answer);
	say_answer(visit, &talk->reader.request, &answer);
	answer_done(&answer);
	evidence_done(&talk->evidence);
}

/* "CONNECT host:port": a proxy is meant. */
static void open_tunnel(struct visit *visit, struct http_talk *talk)
{
	const char *target = talk->reader.request.target;
	const char *colon = strrchr(target, ':');
	const unsigned long port = colon ? strtoul(colon + 1, NULL, 10) : 443;
	_cleanup_free_ char *host =
		xstrndup(target, colon ? (size_t)(colon - target) : strlen(target));
	const struct answer answer = {.service = "proxy", .status = 200};

	http_talk_tell(visit, talk, &answer, false);
	say_text(visit, "HTTP/1.1 200 Connection established\r\n\r\n");
	/* Of TLS inside of TLS only the outer one is ours. */
	visit_tunnel(visit, host, port <= UINT16_MAX ? (uint16_t)port : 0);
}

static void on_head(struct visit *visit, struct http_talk *talk)
{
	const struct http_request *request = &talk->reader.request;

	evidence_begin(&talk->evidence, &visit->decoy->store);
	if (strcmp(request->method, "CONNECT") == 0)
		open_tunnel(visit, talk);
	else if (request->wants_continue)
		say_text(visit, "HTTP/1.1 100 Continue\r\n\r\n");
}

static void refuse(struct visit *visit, struct http_talk *talk)
{
	static const char text[] =
		"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
	struct answer answer = {.service = "web", .status = 400};

	(void)snprintf(answer.detail, sizeof(answer.detail), "%s", talk->reader.broken);
	if (!talk->evidence.store)
		evidence_begin(&talk->evidence, &visit->decoy->store);
	http_talk_tell(visit, talk, &answer, true);
	evidence_done(&talk->evidence);
	say_text(visit, text);
	visit_close(visit);
}

static size_t take(struct visit *visit, const char *bytes, size_t len)
{
	struct http_talk *talk = visit->talk;
	size_t at = 0;

	for (;;) {
		size_t taken;
		const enum http_part part =
			http_reader_feed(&talk->reader, bytes + at, len - at, &taken);

		if (part == HTTP_BODY)
			evidence_add(&talk->evidence, bytes + at, taken);
		at += taken;
		switch (part) {
		case HTTP_MORE:
			return at;
		case HTTP_HEAD:
			on_head(visit, talk);
			break;
		case HTTP_END:
			answer_request(visit, talk);
			break;
		case HTTP_BROKEN:
			refuse(visit, talk);
			return at;
		case HTTP_BODY:
		case HTTP_SKIP:
			break;
		}
		if (visit->closing || visit->talk != talk || visit_stalls(visit))
			return at;
	}
}

static void end(struct visit *visit)
{
	const struct http_talk *talk = visit->talk;

	if (http_reader_is_inside(&talk->reader) && talk->evidence.store)
		http_talk_tell_cut(visit, talk);
}

const struct protocol http_protocol = {.name = "http",
				       .secured_name = "https",
				       .begin = begin,
				       .take = take,
				       .end = end,
				       .free = free_talk};
