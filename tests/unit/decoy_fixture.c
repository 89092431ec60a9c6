/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/decoy_fixture.h"

#include <fcntl.h>
#include <time.h>

#define WAIT_S 45

static void on_request(void *ctx, const struct decoy_request *request)
{
	struct world *w = ctx;

	buf_printf(&w->told, "%s %s %s:%u [%s] %s %s %d %llu %.8s %.*s%s%s (%s) %llx\n",
		   request->protocol, request->service, request->peer->host, request->peer->port,
		   request->host, request->method, request->path, request->status,
		   (unsigned long long)request->bytes, request->sha256, (int)request->body.len,
		   request->body.at ? request->body.at : "", request->file ? " file" : "",
		   request->is_cut ? " cut" : "", request->detail,
		   (unsigned long long)request->canaries);
}

static void on_ended(void *ctx, void *flow, const struct decoy_totals *totals, const char *reason)
{
	struct world *w = ctx;

	assert_ptr_equal(flow, w);
	w->ended++;
	w->totals = *totals;
	(void)snprintf(w->reason, sizeof(w->reason), "%s", reason);
}

const struct decoy_ops world_ops = {.request = on_request, .ended = on_ended};

void world_open_decoy(struct world *w, const struct decoy_ops *ops)
{
	assert_int_equal(decoy_new(&(struct decoy_config){.loop = &w->loop,
							  .tls = &tls_module,
							  .authority = w->authority,
							  .script = &w->script,
							  .evidence_fd = w->folder_fd,
							  .ops = ops,
							  .ctx = w},
				   &w->decoy, NULL),
			 0);
}

int world_set_up(void **state)
{
	_cleanup_buf_ struct buf text = BUF_INIT(0);
	struct world *w = xcalloc(1, sizeof(*w));
	struct json *doc;

	assert_int_equal(uv_loop_init(&w->loop), 0);
	assert_int_equal(authority_new(&w->authority, NULL), 0);
	buf_puts(&text, "[{\"host\":\"said.example\",\"path\":\"/x\",\"status\":418,"
			"\"body\":\"as told\",\"canary\":\"canary-of-the-script\",\"headers\":{");
	for (unsigned i = 0; i < WORLD_FIELDS; i++)
		buf_printf(&text, "\"X-%u\":\"b\",", i);
	buf_puts(&text, "\"X-A\":\"b\"}}]");
	assert_int_equal(json_parse("script", text.data, text.len, &doc, NULL), 0);
	assert_int_equal(script_decode(doc, "$", &w->script, NULL), 0);
	json_free(doc);
	(void)snprintf(w->folder, sizeof(w->folder), "/tmp/test-decoy-XXXXXX");
	assert_non_null(mkdtemp(w->folder));
	w->folder_fd = open(w->folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	world_open_decoy(w, &world_ops);
	*state = w;
	return 0;
}

void world_on_stopped(void *ctx)
{
	struct world *w = ctx;

	w->stopped++;
}

static void stop_decoy(struct world *w)
{
	decoy_stop(w->decoy, world_on_stopped, w);
	(void)uv_run(&w->loop, UV_RUN_DEFAULT);
	assert_int_equal(w->stopped, 1);
	w->stopped = 0;
}

void world_renew(struct world *w, const struct decoy_ops *ops)
{
	stop_decoy(w);
	world_open_decoy(w, ops);
}

int world_tear_down(void **state)
{
	struct world *w = *state;
	_cleanup_free_ char *command = xasprintf("rm -r %s", w->folder);

	stop_decoy(w);
	assert_int_equal(uv_loop_close(&w->loop), 0);
	(void)authority_free(w->authority);
	script_done(&w->script);
	(void)close(w->folder_fd);
	assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c): our own folder */
	buf_done(&w->told);
	free(w);
	return 0;
}

/* ---- playing a program ---- */

int world_connect(struct world *w, const char *host, uint16_t port)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair),
			 0);
	assert_int_equal(decoy_attach(w->decoy, pair[0],
				      &(struct decoy_peer){
					      .host = host, .address = "198.18.1.1", .port = port},
				      w),
			 0);
	return pair[1];
}

void world_turn(struct world *w)
{
	(void)uv_run(&w->loop, UV_RUN_NOWAIT);
}

time_t world_now(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

bool world_is_late(time_t since)
{
	return world_now() - since > WAIT_S;
}

void world_send(struct world *w, int fd, const char *bytes, size_t len)
{
	const time_t start = world_now();

	while (len) {
		const ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);

		if (n < 0 && errno != EAGAIN)
			fail_msg("send: %s", strerror(errno));
		if (n > 0) {
			bytes += n;
			len -= (size_t)n;
		}
		world_turn(w);
		if (world_is_late(start))
			fail_msg("nobody reads");
	}
}

void world_say(struct world *w, int fd, const char *text)
{
	world_send(w, fd, text, strlen(text));
}

/* Until `end` is in what came, or with NULL until the other side closed. */
void world_hear(struct world *w, int fd, const char *end, struct buf *ret)
{
	const time_t start = world_now();
	char piece[4096];

	buf_clear(ret);
	buf_puts(ret, "");
	for (;;) {
		const ssize_t n = recv(fd, piece, sizeof(piece), 0);

		if (n > 0)
			buf_put(ret, piece, (size_t)n);
		if (end && ret->len && memmem(ret->data, ret->len, end, strlen(end)))
			return;
		if (n == 0 || (n < 0 && errno != EAGAIN))
			break;
		world_turn(w);
		if (world_is_late(start))
			fail_msg("waited for %s, got %s", end ? end : "the end", ret->data);
	}
	if (end)
		fail_msg("the end came, not %s, but %s", end, ret->data);
}

void world_wait_for_end(struct world *w, unsigned ended)
{
	const time_t start = world_now();

	while (w->ended < ended) {
		world_turn(w);
		if (world_is_late(start))
			fail_msg("a flow did not end");
	}
}

void world_ask(struct world *w, const char *host, uint16_t port, const char *request,
	       struct buf *answer)
{
	_cleanup_close_ int fd = world_connect(w, host, port);

	world_say(w, fd, request);
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	world_hear(w, fd, NULL, answer);
	world_wait_for_end(w, 1);
	w->ended = 0;
	assert_string_equal(w->reason, "closed");
}

void expect_in_at(const char *file, int line, const char *text, const char *part)
{
	if (!text || !strstr(text, part))
		fail_msg("%s:%d: no %s in %s", file, line, part, text ? text : "nothing");
}
