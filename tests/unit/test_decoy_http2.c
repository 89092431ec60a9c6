/* SPDX-License-Identifier: Apache-2.0 */

/* Programs that speak HTTP/2 with the decoy in plain: nghttp2's client is the program. */

#include "tests/unit/decoy_fixture.h"

#include <nghttp2/nghttp2.h>

#include "monitor/net/decoy/http2.h"
#include "monitor/net/first_bytes.h"

#define STREAMS	      150u
#define USUAL_STREAMS 100u /* what clients expect before they are told */

struct client {
	struct world *w;
	int fd;
	nghttp2_session *session;
	const char *upload; /* what a request's body is; NULL: none */
	bool upload_stops;  /* ... and never ends */
	struct buf heard;   /* fields and bodies as they come, "<end>" behind each */
	unsigned closed, refused;
	unsigned windows; /* updates of them */
};

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

/* @streams: how many it thinks it may open until it is told. */
static void client_open_for(struct client *c, struct world *w, const char *host, unsigned streams)
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

static void client_open(struct client *c, struct world *w, const char *host)
{
	client_open_for(c, w, host, USUAL_STREAMS);
}

static void client_close(struct client *c)
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

static nghttp2_nv field(const char *name, const char *value)
{
	return (nghttp2_nv){.name = (uint8_t *)without_const(name),
			    .value = (uint8_t *)without_const(value),
			    .namelen = strlen(name),
			    .valuelen = strlen(value)};
}

/* @name: a header field besides; NULL: none. */
static int32_t client_ask(struct client *c, const char *method, const char *path, const char *name,
			  const char *value)
{
	const nghttp2_nv fields[] = {
		field(":method", method),
		field(":scheme", "http"),
		field(":path", path),
		field(":authority", "Said.Example:80"),
		field(name ? name : "", value ? value : ""),
	};
	const nghttp2_data_provider upload = {.source.ptr = c, .read_callback = read_upload};
	const int32_t id = nghttp2_submit_request(c->session, NULL, fields, name ? 5 : 4,
						  c->upload ? &upload : NULL, NULL);

	assert_true(id > 0);
	assert_int_equal(nghttp2_session_send(c->session), 0);
	return id;
}

/* Until so many requests are over. Return: false if the connection ended before. */
static bool client_hear(struct client *c, unsigned closed)
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

/* ---- requests ---- */

static void test_page(void **state)
{
	struct world *w = *state;
	struct client c;

	client_open(&c, w, "www.example");
	client_ask(&c, "GET", "/a?b", NULL, NULL);
	assert_true(client_hear(&c, 1));
	expect_in(c.heard.data, ":status=200;");
	expect_in(c.heard.data, "date=");
	expect_in(c.heard.data, "It works");
	assert_string_equal(w->told.data, "http web www.example:80 [said.example] GET /a?b 200 0 "
					  "e3b0c442  () 0\n");
	buf_clear(&c.heard);
	client_ask(&c, "HEAD", "/", NULL, NULL);
	assert_true(client_hear(&c, 2));
	assert_null(strstr(c.heard.data, "It works"));
	client_close(&c);
}

static void test_upload(void **state)
{
	_cleanup_buf_ struct buf body = BUF_INIT(0);
	struct world *w = *state;
	struct client c;

	buf_printf(&body, "canary-of-the-script %0300000d", 0);
	client_open(&c, w, "www.example");
	c.upload = body.data;
	client_ask(&c, "PUT", "/up", NULL, NULL);
	assert_true(client_hear(&c, 1));
	expect_in(w->told.data, " PUT /up 201 300021 ");
	expect_in(w->told.data, " file (");
	expect_in(w->told.data, ") 20\n"); /* the script's canary */
	client_close(&c);
}

/* Who has heard the beginning waits for no window: the connection's is widened, and that is all. */
static void test_windows(void **state)
{
	_cleanup_buf_ struct buf body = BUF_INIT(0);
	struct world *w = *state;
	struct client c;

	buf_printf(&body, "%03000000d", 0);
	client_open(&c, w, "www.example");
	client_ask(&c, "GET", "/", NULL, NULL);
	assert_true(client_hear(&c, 1));
	for (unsigned i = 2; i <= 4; i++) {
		c.upload = body.data;
		client_ask(&c, "PUT", "/up", NULL, NULL);
		assert_true(client_hear(&c, i));
	}
	assert_int_equal(c.refused, 0);
	assert_int_equal(c.windows, 1);
	client_close(&c);
}

static void test_script_answers(void **state)
{
	struct world *w = *state;
	struct client c;
	char field[16];

	client_open(&c, w, "said.example");
	client_ask(&c, "GET", "/x", NULL, NULL);
	assert_true(client_hear(&c, 1));
	expect_in(c.heard.data, ":status=418;");
	expect_in(c.heard.data, "x-a=b;");
	for (unsigned i = 0; i < WORLD_FIELDS; i++) {
		(void)snprintf(field, sizeof(field), "x-%u=b;", i);
		expect_in(c.heard.data, field);
	}
	expect_in(c.heard.data, "as told<end>");
	client_close(&c);
}

/* A client of gRPC is answered in its own words, and what it sent is kept. */
static void test_grpc(void **state)
{
	struct world *w = *state;
	struct client c;

	client_open(&c, w, "www.example");
	c.upload = "message";
	client_ask(&c, "POST", "/package.Service/Method", "content-type", "application/grpc+proto");
	assert_true(client_hear(&c, 1));
	expect_in(c.heard.data, ":status=200;content-type=application/grpc;grpc-status=12;");
	expect_in(w->told.data, " POST /package.Service/Method 200 7 ab530a13 message file ");
	client_close(&c);
}

static void test_connect(void **state)
{
	struct world *w = *state;
	struct client c;
	const nghttp2_nv fields[] = {field(":method", "CONNECT"),
				     field(":authority", "a.example:443")};

	client_open(&c, w, "proxy.example");
	assert_true(nghttp2_submit_request(c.session, NULL, fields, 2, NULL, NULL) > 0);
	assert_int_equal(nghttp2_session_send(c.session), 0);
	assert_true(client_hear(&c, 1));
	expect_in(c.heard.data, ":status=501;");
	expect_in(w->told.data,
		  "http proxy proxy.example:80 [a.example] CONNECT a.example:443 501");
	client_close(&c);
}

/* ---- limits, ends ---- */

/* More than may be at one time, all answered at last. */
static void test_many(void **state)
{
	struct world *w = *state;
	struct client c;

	client_open(&c, w, "www.example");
	client_ask(&c, "GET", "/0", NULL, NULL);
	assert_true(client_hear(&c, 1)); /* from here on it knows how many may be */
	for (unsigned i = 1; i < STREAMS; i++)
		client_ask(&c, "GET", "/", NULL, NULL);
	assert_true(client_hear(&c, STREAMS));
	assert_int_equal(c.refused, 0);
	client_close(&c);
}

/* As many as clients begin with before they have heard of a limit, all open at one time. */
static void test_many_at_once(void **state)
{
	struct world *w = *state;
	struct client c;
	int32_t ids[USUAL_STREAMS];

	client_open(&c, w, "www.example");
	c.upload = "";
	c.upload_stops = true;
	for (unsigned i = 0; i < USUAL_STREAMS; i++)
		ids[i] = client_ask(&c, "POST", "/", NULL, NULL);
	c.upload_stops = false;
	for (unsigned i = 0; i < USUAL_STREAMS; i++)
		assert_int_equal(nghttp2_session_resume_data(c.session, ids[i]), 0);
	assert_true(client_hear(&c, USUAL_STREAMS));
	assert_int_equal(c.refused, 0);
	client_close(&c);
}

/* Who asks for more at one time is refused, not served. */
static void test_too_many(void **state)
{
	struct world *w = *state;
	struct client c;

	client_open_for(&c, w, "www.example", STREAMS);
	c.upload = "";
	c.upload_stops = true;
	for (unsigned i = 0; i < STREAMS; i++)
		client_ask(&c, "POST", "/", NULL, NULL);
	assert_true(client_hear(&c, STREAMS - MAX_HTTP2_STREAMS));
	assert_int_equal(c.refused, STREAMS - MAX_HTTP2_STREAMS);
	client_close(&c);
}

/* Connections of many requests each hold no more than as many that have one. */
static void test_too_many_of_all(void **state)
{
	struct world *w = *state;
	struct client clients[MAX_DECOY_REQUESTS / USUAL_STREAMS + 1];
	const unsigned last = COUNT(clients) - 1;

	for (unsigned i = 0; i <= last; i++) {
		client_open(&clients[i], w, "www.example");
		clients[i].upload = "";
		clients[i].upload_stops = true;
		for (unsigned k = 0; k < USUAL_STREAMS; k++)
			client_ask(&clients[i], "POST", "/", NULL, NULL);
	}
	assert_false(client_hear(&clients[last], 1));
	for (unsigned i = 0; i <= last; i++)
		client_close(&clients[i]);
	client_open(&clients[0], w, "www.example"); /* there is room again */
	client_ask(&clients[0], "GET", "/", NULL, NULL);
	assert_true(client_hear(&clients[0], 1));
	client_close(&clients[0]);
}

static void test_long_head(void **state)
{
	_cleanup_free_ char *value = xasprintf("%040000d", 0);
	struct world *w = *state;
	struct client c;

	client_open(&c, w, "www.example");
	client_ask(&c, "GET", "/long", "x", value);
	assert_true(client_hear(&c, 1));
	assert_int_equal(c.refused, 1);
	client_ask(&c, "GET", "/short", NULL, NULL);
	assert_true(client_hear(&c, 2));
	assert_null(strstr(w->told.data, "/long"));
	expect_in(w->told.data, "/short");
	client_close(&c);
}

/* A program that asks and does not read: no more is made ready for it than there is room for. */
static void test_unread(void **state)
{
	_cleanup_buf_ struct buf object = BUF_INIT(0);
	struct world *w = *state;
	struct client c;

	buf_printf(&object, "%01000000d", 0);
	client_open(&c, w, "s3.us-east-1.amazonaws.com");
	assert_int_equal(nghttp2_session_set_local_window_size(c.session, 0, 0, 1 << 30), 0);
	c.upload = object.data;
	client_ask(&c, "PUT", "/bucket/k", NULL, NULL);
	assert_true(client_hear(&c, 1));
	c.upload = NULL;
	buf_clear(&c.heard);
	for (unsigned i = 0; i < MAX_HTTP2_STREAMS; i++) {
		const int32_t id = client_ask(&c, "GET", "/bucket/k", NULL, NULL);

		assert_int_equal(nghttp2_session_set_local_window_size(c.session, 0, id, 1 << 30),
				 0);
	}
	assert_int_equal(nghttp2_session_send(c.session), 0);
	for (unsigned i = 0; i < 100; i++)
		world_turn(w);
	assert_true(client_hear(&c, 1 + MAX_HTTP2_STREAMS));
	expect_in(c.heard.data, ":status=503;");
	expect_in(w->told.data, "GET /bucket/k 503 ");
	assert_in_range(c.heard.len, MAX_HTTP2_UNREAD, MAX_HTTP2_UNREAD + 2 * object.len);
	assert_int_equal(c.refused, 0);
	client_close(&c);
}

static void test_half_a_body(void **state)
{
	struct world *w = *state;
	struct client c;

	client_open(&c, w, "www.example");
	c.upload = "half";
	c.upload_stops = true;
	client_ask(&c, "PUT", "/x", NULL, NULL);
	world_turn(w);
	close_fd(&c.fd);
	world_wait_for_end(w, 1);
	expect_in(w->told.data, " PUT /x 0 4 ");
	expect_in(w->told.data, " half file cut ");
	client_close(&c);
}

static void test_garbage(void **state)
{
	struct world *w = *state;
	_cleanup_close_ int fd = world_connect(w, "www.example", 80);
	_cleanup_buf_ struct buf heard = BUF_INIT(0);

	world_say(w, fd, HTTP2_PREFACE "GET / HTTP/1.1\r\n\r\n");
	world_hear(w, fd, NULL, &heard);
	w->ended = 0;
}

/* ---- what is judged ---- */

static enum decoy_outcome on_head(void *ctx, const struct decoy_peer *peer,
				  const struct first_seen *seen, void *waiter)
{
	struct world *w = ctx;

	(void)peer;
	(void)waiter;
	buf_printf(&w->told, "? %s %s %s %s\n", seen->protocol, seen->http.method, seen->http.path,
		   seen->http.host);
	return strcmp(seen->http.path, "/no") == 0 ? DECOY_RESETS : DECOY_ANSWERS;
}

static void test_each_is_judged(void **state)
{
	struct world *w = *state;
	struct decoy_ops ops = world_ops;
	struct client c;

	ops.head = on_head;
	world_renew(w, &ops);
	client_open(&c, w, "said.example");
	client_ask(&c, "GET", "/yes", NULL, NULL);
	assert_true(client_hear(&c, 1));
	client_ask(&c, "GET", "/no", NULL, NULL);
	assert_false(client_hear(&c, 2));
	expect_in(w->told.data, "? http2   \n? http GET /yes Said.Example\nhttp web ");
	expect_in(w->told.data, "\n? http GET /no Said.Example\n");
	assert_null(strstr(w->told.data, "GET /no 200"));
	client_close(&c);
	world_renew(w, &world_ops); /* before ours are gone */
}

int main(void)
{
#define TEST(_name) cmocka_unit_test_setup_teardown(_name, world_set_up, world_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_page),	   TEST(test_upload),
		TEST(test_windows),	   TEST(test_script_answers),
		TEST(test_many_at_once),   TEST(test_grpc),
		TEST(test_connect),	   TEST(test_many),
		TEST(test_too_many),	   TEST(test_too_many_of_all),
		TEST(test_long_head),	   TEST(test_unread),
		TEST(test_half_a_body),	   TEST(test_garbage),
		TEST(test_each_is_judged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
