/* SPDX-License-Identifier: Apache-2.0 */

/* What the floor says of itself as it stands, and how the session gets ready by that. */

#include <errno.h>
#include <string.h>

#include "monitor/session_internal.h"
#include "monitor/session_net.h"

const char *const *session_layers(const struct session *session)
{
	return (const char *const *)session->layers;
}

const char *session_layer(const struct session *session, const char *name)
{
	const size_t len = strlen(name);

	for (size_t i = 0; session->layers && session->layers[i]; i++)
		if (strncmp(session->layers[i], name, len) == 0 && session->layers[i][len] == '=')
			return session->layers[i] + len + 1;
	return NULL;
}

/*
 * The floor says itself what of the host can be written to: "bound.N=FOLDER", and where else
 * sockets of the host may be: "shown.N=PLACE". In lite it leaves to the gate what Landlock does not
 * hold: modes, owners, times and attributes of files.
 */
static void note_host_bound(struct session *session, size_t layer_count)
{
	const char *private_dir = session_layer(session, "private");
	const char *isolation = session_layer(session, "isolation");
	const bool is_lite = isolation && strcmp(isolation, "lite") == 0;
	size_t count = 0;
	bool has_sockets = false;

	session->host_bound = xcalloc(layer_count + 1, sizeof(*session->host_bound));
	for (size_t i = 0; i < layer_count; i++) {
		const char *folder = strchr(session->layers[i], '=');

		if (folder && strncmp(session->layers[i], "bound.", 6) == 0)
			session->host_bound[count++] = folder + 1;
		has_sockets |= strncmp(session->layers[i], "shown.", 6) == 0;
	}
	has_sockets |= count > 0;
	session->gates_files = is_lite || policy_gates_files(session->policy, count > 0);
	/* In lite there is no socket that could be connected. */
	session->carries_connects =
		!is_lite && has_sockets && policy_gates_connects(session->policy);
	if (!is_lite)
		return;
	session->writable = xcalloc(count + 2, sizeof(*session->writable));
	memcpy(session->writable, session->host_bound, count * sizeof(*session->writable));
	session->writable[count] = private_dir;
}

static void on_diag_socket(void *ctx, int result)
{
	struct session *session = ctx;

	if (result >= 0)
		session->diag_fd = result; /* never 0, which is taken */
}

/*
 * In a folder of the host that is writable here a socket may be the host's or the session's. It is
 * there before the first READY, since the init answers in order; without it all count as the
 * host's.
 */
static void watch_sockets(struct session *session)
{
	if (session->host_bound[0] && !session->writable)
		(void)session_ask_socket(session, SOCKET_DIAG, "", 0, on_diag_socket, session);
}

/* HELLO brings the layers as strings and, as its one descriptor, the session's root directory. */
void session_on_hello(struct session *session, const struct msg *m, const char *payload,
		      struct msg_fds *fds)
{
	struct error err;
	const char *layer;
	size_t count = 0;
	size_t at = 0;

	if (session->stage == SESSION_ENDING)
		return; /* it was told to end before it stood; the two crossed */
	if (session->stage != SESSION_STARTING || fds->count != 1) {
		(void)error_set(&err, EPROTO, "the session's init sent a HELLO out of turn");
		session_fail(session, &err);
		return;
	}
	while (msg_next_string(m, payload, &at))
		count++;
	session->layers = xcalloc(count + 1, sizeof(*session->layers));
	at = 0;
	for (size_t i = 0; (layer = msg_next_string(m, payload, &at)); i++)
		session->layers[i] = xstrdup(layer);
	note_host_bound(session, count);
	session_record_start(session);
	if (usage_start(session, &err) < 0 || session_trace_start(session, fds->fd[0], &err) < 0) {
		session_fail(session, &err);
		return;
	}
	if (session->failed)
		return;
	session->stage = SESSION_READY;
	watch_sockets(session);
	if (session_publish_start(session, &err) < 0 || session_net_start(session, &err) < 0)
		session_fail(session, &err);
	else if (!session->net)
		session->ops->ready(session->ctx);
}
