/* SPDX-License-Identifier: Apache-2.0 */

/* Services of the session that were published when it was started. */

#include <errno.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/limits.h"
#include "monitor/net/publish.h"
#include "monitor/session_internal.h"
#include "monitor/session_net.h"

/* Whoever publishes a service has it at all addresses of the session, of which this is one. */
static int on_connect(void *ctx, uint16_t port, net_socket_cb done, void *done_ctx)
{
	return session_ask_socket(ctx, SOCKET_CONNECT, "127.0.0.1", port, done, done_ctx);
}

static void on_closed(void *ctx, const struct publish_end *end)
{
	struct session *session = ctx;
	struct json_writer *w = event_begin(session, "net.inbound", NULL, 0);
	char text[ENDPOINT_TEXT];

	json_begin_object(w, "fields");
	endpoint_text(&end->from, text);
	json_put_string(w, "from", text);
	json_put_u64(w, "from_port", end->from.port);
	endpoint_text(&end->at->host, text);
	json_put_string(w, "address", text);
	json_put_u64(w, "host_port", end->at->host.port);
	json_put_u64(w, "port", end->at->port);
	json_put_u64(w, "bytes_in", end->bytes_in);
	json_put_u64(w, "bytes_out", end->bytes_out);
	json_put_u64(w, "duration_ms", end->duration_ms);
	json_put_string(w, "reason", end->reason);
	json_end_object(w);
	event_end(session);
}

static const struct publish_ops publish_ops = {.connect = on_connect, .closed = on_closed};

int session_publish_start(struct session *session, struct error *err)
{
	const char *const *texts = session->net_config.publish;
	struct publish_port ports[MAX_PUBLISHED];
	size_t count = 0;
	struct publish_config config = {
		.loop = session->supervisor->loop,
		.ports = ports,
		.ops = &publish_ops,
		.ctx = session,
	};

	for (; texts && texts[count]; count++) {
		const char *wrong = count == MAX_PUBLISHED
					    ? "one more than can be published"
					    : publish_parse(texts[count], &ports[count]);

		if (wrong)
			return error_set(err, EINVAL, "--publish %s: %s", texts[count], wrong);
	}
	if (!count)
		return 0;
	config.count = count;
	session->handles++;
	return publish_start(&config, &session->publish, err);
}

static void on_freed(void *ctx)
{
	session_handle_closed(ctx);
}

void session_publish_end(struct session *session)
{
	struct publish *publish = take_ptr(session->publish);

	if (publish)
		publish_stop(publish, on_freed);
}
