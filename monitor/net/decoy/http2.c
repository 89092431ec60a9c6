/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A stream is a request: begin_headers, a header at a time, then head, body, end as ops have them.
 * nghttp2 refuses what RFC 9113 calls malformed (names in capitals, NUL or line ends in a value,
 * a length that is not that of the body), so a head that is written as text has the lines it seems
 * to have. It also holds a client to its windows and to the number of streams, and ends one that
 * floods it with resets, pings or settings.
 *
 * Bodies are used as they come, and TCP's window holds a client back: windows here are wider than
 * what is sent. With those of 64 KiB, libcurl 7.88 at times asks its program for more after a
 * body's end, and git waits for ever for an answer to that.
 */

#include "monitor/net/decoy/http2.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nghttp2/nghttp2.h>
#include <utlist.h>

#include "common/cleanup.h"

#define MAX_PSEUDO_BYTES (8u << 10)  /* of the method, the path or the authority */
#define MAX_FIELDS_BYTES (32u << 10) /* with the others less than MAX_HTTP_HEAD_BYTES (http.h) */
#define TAKE_BYTES	 (64u << 10) /* about so much at a time */
#define WINDOW_BYTES	 (1 << 30)   /* of bodies, of a stream and of all */

struct stream {
	struct http2 *http2; /* borrowed */
	int32_t id;
	struct buf method, path, authority, fields; /* until begin() */
	void *request;				    /* the owner's; NULL before begin() */
	bool is_whole;				    /* end() was called */
	struct http2_answer answer;
	size_t sent; /* of answer.body */
	struct stream *next, *prev;
};

struct http2 {
	nghttp2_session *session;
	const struct http2_ops *ops;
	void *ctx;
	struct stream *streams;
	size_t unread; /* bytes of their answers, until a stream closes */
};

static void drop_head(struct stream *stream)
{
	buf_done(&stream->method);
	buf_done(&stream->path);
	buf_done(&stream->authority);
	buf_done(&stream->fields);
}

static void stream_free(struct stream *stream)
{
	struct http2 *http2 = stream->http2;

	if (stream->request)
		http2->ops->forget(stream->request, stream->is_whole);
	DL_DELETE(http2->streams, stream);
	http2->unread -= stream->answer.body.len;
	drop_head(stream);
	buf_done(&stream->answer.fields);
	buf_done(&stream->answer.body);
	free(stream);
}

/* ---- what is said ---- */

/* NOLINTNEXTLINE(readability-function-size): nghttp2 calls it so */
static ssize_t read_body(nghttp2_session *session, int32_t id, uint8_t *room, size_t len,
			 uint32_t *flags, nghttp2_data_source *source, void *ctx)
{
	struct stream *stream = source->ptr;
	const struct buf *body = &stream->answer.body;
	const size_t left = body->len - stream->sent;
	const size_t n = left < len ? left : len;

	(void)session;
	(void)id;
	(void)ctx;
	memcpy(room, body->data + stream->sent, n);
	stream->sent += n;
	if (n == left)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)n;
}

/* The next "Name: value" of @at, cut in place; false at the end. */
static bool cut_field(char **at, nghttp2_nv *ret)
{
	char *name = *at;
	char *colon = strchr(name, ':');
	char *end = colon ? strstr(colon, "\r\n") : NULL;

	if (!end)
		return false;
	*at = end + 2;
	for (char *c = name; c < colon; c++)
		*c = (char)tolower((unsigned char)*c);
	*ret = (nghttp2_nv){.name = (uint8_t *)name, .namelen = (size_t)(colon - name)};
	colon += 1 + strspn(colon + 1, " ");
	ret->value = (uint8_t *)colon;
	ret->valuelen = (size_t)(end - colon);
	return true;
}

static int say_answer(struct stream *stream)
{
	struct http2_answer *answer = &stream->answer;
	const nghttp2_data_provider provider = {.source.ptr = stream, .read_callback = read_body};
	_cleanup_free_ nghttp2_nv *fields = NULL;
	char status_name[] = ":status";
	char status[16];
	size_t most = 1; /* the status, and no more than one a line */
	size_t count = 1;
	char *at;

	buf_puts(&answer->fields, ""); /* terminated, also if there are none */
	at = answer->fields.data;
	for (const char *c = at; (c = strchr(c, '\n')); c++)
		most++;
	fields = xcalloc(most, sizeof(*fields));
	(void)snprintf(status, sizeof(status), "%d", answer->status);
	fields[0] = (nghttp2_nv){.name = (uint8_t *)status_name,
				 .namelen = sizeof(status_name) - 1,
				 .value = (uint8_t *)status,
				 .valuelen = strlen(status)};
	while (count < most && cut_field(&at, &fields[count]))
		count++;
	return nghttp2_submit_response(stream->http2->session, stream->id, fields, count,
				       answer->has_body && answer->body.len ? &provider : NULL);
}

/* ---- what is heard ---- */

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
	struct http2 *http2 = ctx;
	struct stream *stream;

	if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
		return 0;
	stream = xcalloc(1, sizeof(*stream));
	stream->http2 = http2;
	stream->id = frame->hd.stream_id;
	stream->method = stream->path = stream->authority = (struct buf)BUF_INIT(MAX_PSEUDO_BYTES);
	stream->fields = (struct buf)BUF_INIT(MAX_FIELDS_BYTES);
	DL_APPEND(http2->streams, stream);
	(void)nghttp2_session_set_stream_user_data(session, stream->id, stream);
	return 0;
}

static void put_field(struct stream *stream, const char *name, const uint8_t *value, size_t len)
{
	struct buf *pseudo = NULL;

	if (strcmp(name, ":method") == 0)
		pseudo = &stream->method;
	else if (strcmp(name, ":path") == 0)
		pseudo = &stream->path;
	else if (strcmp(name, ":authority") == 0)
		pseudo = &stream->authority;
	if (pseudo)
		buf_put(pseudo, value, len);
	if (name[0] == ':')
		return;
	buf_printf(&stream->fields, "%s: ", name);
	buf_put(&stream->fields, value, len);
	buf_puts(&stream->fields, "\r\n");
}

/* NOLINTNEXTLINE(readability-function-size): nghttp2 calls it so */
static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
		     size_t name_len, const uint8_t *value, size_t len, uint8_t flags, void *ctx)
{
	struct stream *stream = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);

	(void)name_len;
	(void)flags;
	(void)ctx;
	if (!stream || stream->request)
		return 0; /* trailers */
	put_field(stream, (const char *)name, value, len);
	return stream->method.overflow || stream->path.overflow || stream->authority.overflow ||
			       stream->fields.overflow
		       ? NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE
		       : 0;
}

static int begin(struct stream *stream)
{
	struct http2 *http2 = stream->http2;
	_cleanup_buf_ struct buf head = BUF_INIT(0);
	/* CONNECT has an authority alone. */
	const struct buf *target = stream->path.len ? &stream->path : &stream->authority;

	buf_put(&head, stream->method.data, stream->method.len);
	buf_puts(&head, " ");
	buf_put(&head, target->data, target->len);
	buf_puts(&head, " HTTP/1.1\r\n");
	if (stream->authority.len) {
		buf_puts(&head, "Host: ");
		buf_put(&head, stream->authority.data, stream->authority.len);
		buf_puts(&head, "\r\n");
	}
	buf_put(&head, stream->fields.data, stream->fields.len);
	buf_puts(&head, "\r\n");
	drop_head(stream);
	stream->request = http2->ops->begin(http2->ctx, head.data, head.len);
	return stream->request ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
	struct http2 *http2 = ctx;
	struct stream *stream = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
	int r = 0;

	if (!stream || stream->is_whole ||
	    (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA))
		return 0;
	if (!stream->request)
		r = begin(stream);
	if (r < 0 || !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
		return r;
	stream->is_whole = true;
	http2->ops->end(stream->request, http2->unread > MAX_HTTP2_UNREAD, &stream->answer);
	http2->unread += stream->answer.body.len;
	return say_answer(stream) < 0 ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *bytes,
		   size_t len, void *ctx)
{
	const struct http2 *http2 = ctx;
	const struct stream *stream = nghttp2_session_get_stream_user_data(session, id);

	(void)flags;
	if (stream && stream->request)
		http2->ops->body(stream->request, bytes, len);
	return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t error, void *ctx)
{
	struct stream *stream = nghttp2_session_get_stream_user_data(session, id);

	(void)error;
	(void)ctx;
	if (stream)
		stream_free(stream);
	return 0;
}

/* ---- life ---- */

static int start_session(struct http2 *http2)
{
	const nghttp2_settings_entry settings[] = {
		{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, MAX_HTTP2_STREAMS},
		{NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, MAX_FIELDS_BYTES},
		{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WINDOW_BYTES},
	};
	nghttp2_session_callbacks *callbacks;
	int r = nghttp2_session_callbacks_new(&callbacks);

	if (r < 0)
		return r;
	nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
	r = nghttp2_session_server_new(&http2->session, callbacks, http2);
	nghttp2_session_callbacks_del(callbacks);
	if (r == 0)
		r = nghttp2_submit_settings(http2->session, NGHTTP2_FLAG_NONE, settings,
					    sizeof(settings) / sizeof(settings[0]));
	return r < 0 ? r
		     : nghttp2_session_set_local_window_size(http2->session, NGHTTP2_FLAG_NONE, 0,
							     WINDOW_BYTES);
}

struct http2 *http2_new(const struct http2_ops *ops, void *ctx)
{
	struct http2 *http2 = xcalloc(1, sizeof(*http2));

	http2->ops = ops;
	http2->ctx = ctx;
	return start_session(http2) < 0 ? http2_free(http2) : http2;
}

struct http2 *http2_free(struct http2 *http2)
{
	if (!http2)
		return NULL;
	nghttp2_session_del(http2->session);
	while (http2->streams) {
		/* The analyzer does not follow DL_DELETE().
		 * NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
		stream_free(http2->streams);
	}
	free(http2);
	return NULL;
}

int http2_feed(struct http2 *http2, const char *bytes, size_t len)
{
	const ssize_t n = nghttp2_session_mem_recv(http2->session, (const uint8_t *)bytes, len);

	return n < 0 ? -EPROTO : 0;
}

void http2_take(struct http2 *http2, struct buf *out)
{
	const uint8_t *bytes;
	ssize_t n;

	while (out->len < TAKE_BYTES && (n = nghttp2_session_mem_send(http2->session, &bytes)) > 0)
		buf_put(out, bytes, (size_t)n);
}

bool http2_is_over(const struct http2 *http2)
{
	return !nghttp2_session_want_read(http2->session) &&
	       !nghttp2_session_want_write(http2->session);
}
