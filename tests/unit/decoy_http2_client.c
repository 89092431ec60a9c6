/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/decoy_http2_client.h"

static ssize_t on_send(nghttp2_session *session, const uint8_t *bytes, size_t len, int flags,
		       void *ctx)
{
	struct client *c = ctx;

	(void)session;
	(void)flags;
	world_send(c->w, c->fd, (const char *)bytes, len);
	return (ssize_t)len;
}

/* NOLINTNEXTLINE(readability-function-size): nghttp2 calls it so */
static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
		     size_t name_len, const uint8_t *value, size_t len, uint8_t flags, void *ctx)
{
	struct client *c = ctx;

	(void)session;
	(void)frame;
	(void)flags;
	buf_put(&c->heard, name, name_len);
	buf_puts(&c->heard, "=");
	buf_put(&c->heard, value, len);
	buf_puts(&c->heard, ";");
	return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *bytes,
		   size_t len, void *ctx)
{
	struct client *c = ctx;

	(void)session;
	(void)flags;
	(void)id;
	buf_put(&c->heard, bytes, len);
	return 0;
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t error, void *ctx)
{
	struct client *c = ctx;

	(void)session;
	(void)id;
	buf_puts(&c->heard, "<end>");
	c->closed++;
	c->refused += error != NGHTTP2_NO_ERROR;
	return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
	struct client *c = ctx;

	(void)session;
	c->windows += frame->hd.type == NGHTTP2_WINDOW_UPDATE;
	return 0;
}

void client_open_for(struct client *c, struct world *w, const char *host, unsigned streams)
{
	nghttp2_session_callbacks *callbacks;
	nghttp2_option *option;

	*c = (struct client){.w = w, .fd = world_connect(w, host, 80)};
	assert_int_equal(nghttp2_session_callbacks_new(&callbacks), 0);
	nghttp2_session_callbacks_set_send_callback(callbacks, on_send);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
	assert_int_equal(nghttp2_option_new(&option), 0);
	nghttp2_option_set_peer_max_concurrent_streams(option, streams);
	assert_int_equal(nghttp2_session_client_new2(&c->session, callbacks, c, option), 0);
	nghttp2_option_del(option);
	nghttp2_session_callbacks_del(callbacks);
	assert_int_equal(nghttp2_submit_settings(c->session, 0, NULL, 0), 0);
}

void client_open(struct client *c, struct world *w, const char *host)
{
	client_open_for(c, w, host, USUAL_STREAMS);
}

void client_close(struct client *c)
{
	nghttp2_session_del(c->session);
	close_fd(&c->fd);
	buf_done(&c->heard);
	c->w->ended = 0;
}

/* NOLINTNEXTLINE(readability-function-size): nghttp2 calls it so */
static ssize_t read_upload(nghttp2_session *session, int32_t id, uint8_t *room, size_t len,
			   uint32_t *flags, nghttp2_data_source *source, void *ctx)
{
	struct client *c = source->ptr;
	const size_t left = strlen(c->upload);
	const size_t n = left < len ? left : len;

	(void)session;
	(void)id;
	(void)ctx;
	if (!left && c->upload_stops)
		return NGHTTP2_ERR_DEFERRED;
	memcpy(room, c->upload, n);
	c->upload += n;
	if (n == left && !c->upload_stops)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)n;
}

nghttp2_nv client_field(const char *name, const char *value)
{
	return (nghttp2_nv){.name = (uint8_t *)without_const(name),
			    .value = (uint8_t *)without_const(value),
			    .namelen = strlen(name),
			    .valuelen = strlen(value)};
}

int32_t client_ask(struct client *c, const char *method, const char *path, const char *name,
		   const char *value)
{
	const nghttp2_nv fields[] = {
		client_field(":method", method),
		client_field(":scheme", "http"),
		client_field(":path", path),
		client_field(":authority", "Said.Example:80"),
		client_field(name ? name : "", value ? value : ""),
	};
	const nghttp2_data_provider upload = {.source.ptr = c, .read_callback = read_upload};
	const int32_t id = nghttp2_submit_request(c->session, NULL, fields, name ? 5 : 4,
						  c->upload ? &upload : NULL, NULL);

	assert_true(id > 0);
	assert_int_equal(nghttp2_session_send(c->session), 0);
	return id;
}

bool client_hear(struct client *c, unsigned closed)
{
	const time_t start = world_now();
	char piece[16384];

	while (c->closed < closed) {
		const ssize_t n = recv(c->fd, piece, sizeof(piece), 0);

		if (n == 0 || (n < 0 && errno != EAGAIN))
			return false;
		if (n > 0)
			assert_int_equal(
				nghttp2_session_mem_recv(c->session, (uint8_t *)piece, (size_t)n),
				n);
		assert_int_equal(nghttp2_session_send(c->session), 0);
		world_turn(c->w);
		if (world_is_late(start))
			fail_msg("waited, got %s", c->heard.data);
	}
	return true;
}
