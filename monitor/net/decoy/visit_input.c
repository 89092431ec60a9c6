/* SPDX-License-Identifier: Apache-2.0 */

/* What a program says to a decoy: which protocol it is, and who takes it. */

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "common/cleanup.h"
#include "monitor/net/decoy/visit.h"
#include "monitor/net/first_bytes.h"

#define READ_BYTES  (64u << 10)
#define MAX_WAITING (128u << 10) /* bytes that no protocol takes: none of ours needs more */
#define PORT_SMTPS  465

/* ---- which protocol ---- */

static void begin(struct visit *visit, const struct protocol *protocol)
{
	visit->protocol = protocol;
	if (protocol->begin)
		protocol->begin(visit);
}

bool visit_start_tls(struct visit *visit)
{
	struct tls_server *server = decoy_tls(visit->decoy);

	if (!server || visit->tls)
		return false;
	visit->tls = visit_tls(visit)->open(server, visit->target);
	return visit->tls != NULL;
}

void visit_tunnel(struct visit *visit, const char *host, uint16_t port)
{
	visit_drop_protocol(visit);
	free(visit->target);
	visit->target = xstrdup(host);
	visit->target_port = port;
}

/* Servers that speak first are told by their port, as the program does. */
static const struct protocol *protocol_of_port(const struct visit *visit)
{
	switch (visit->target_port) {
	case 22:
		return visit->tls ? NULL : &ssh_protocol;
	case 25:
	case 587:
	case 2525:
		return visit->tls ? NULL : &smtp_protocol;
	case PORT_SMTPS:
		return visit->tls && visit_tls(visit)->is_open(visit->tls) ? &smtp_protocol : NULL;
	default:
		return NULL;
	}
}

static bool is_tls(const char *bytes, size_t len)
{
	return bytes[0] == 0x16 && (len < 2 || bytes[1] == 0x03);
}

/* Return: false if the bytes are too few to say. */
static bool recognise(struct visit *visit)
{
	const char *bytes = visit->in.data;
	const size_t len = visit->in.len;
	const size_t preface = sizeof(HTTP2_PREFACE) - 1;
	int begins;

	if (!visit->tls && is_tls(bytes, len)) {
		if (len < 2)
			return false;
		if (visit_start_tls(visit))
			return true;
	}
	if (memcmp(bytes, HTTP2_PREFACE, len < preface ? len : preface) == 0) {
		if (len < preface)
			return false;
		begin(visit, &http2_protocol);
		return true;
	}
	begins = http_begins(bytes, len);
	if (begins < 0 && len < 4)
		return false;
	if (begins > 0)
		begin(visit, &http_protocol);
	else if (len >= 4 && memcmp(bytes, "SSH-", 4) == 0)
		begin(visit, &ssh_protocol);
	else if (begins < 0)
		return false;
	else
		begin(visit, &other_protocol);
	return true;
}

/* ---- what is read ---- */

/* The program does not trust us, or does not speak TLS: that it tried is evidence too. */
static void tell_broken_tls(struct visit *visit)
{
	struct decoy_request request = {
		.service = "tls",
		.host = visit_tls(visit)->name(visit->tls),
		.method = "",
		.path = "",
		.detail = visit_tls(visit)->failure(visit->tls)[0]
				  ? visit_tls(visit)->failure(visit->tls)
				  : "the handshake was not finished",
	};
	struct evidence nothing;

	if (visit->protocol)
		return;
	evidence_begin(&nothing, &visit->decoy->store);
	evidence_tell(&nothing, &request);
	visit_tell(visit, &request);
	evidence_done(&nothing);
}

/* Return: false if no more is to be read. */
static bool decrypt(struct visit *visit, const char *bytes, size_t len)
{
	const int r = visit_tls(visit)->feed(visit->tls, bytes, len, &visit->in, &visit->out);

	if (r == -EPROTO) {
		tell_broken_tls(visit);
		visit->closing = true;
	}
	return r == 0;
}

/* What waits in plain is the beginning of TLS. */
static bool decrypt_waiting(struct visit *visit)
{
	_cleanup_buf_ struct buf first = visit->in;

	visit->in = (struct buf)BUF_INIT(0);
	return decrypt(visit, first.data, first.len);
}

void visit_use_input(struct visit *visit)
{
	struct buf *in = &visit->in;
	size_t taken;

	while (!visit->closing && !visit->stalled) {
		if (!visit->protocol) {
			const struct protocol *protocol = protocol_of_port(visit);
			const bool was_plain = !visit->tls;

			if (protocol)
				begin(visit, protocol);
			else if (!in->len || !recognise(visit))
				return;
			if (was_plain && visit->tls && !decrypt_waiting(visit))
				return;
			continue;
		}
		const struct protocol *protocol = visit->protocol;
		const bool was_plain = !visit->tls;

		taken = in->len ? protocol->take(visit, in->data, in->len) : 0;
		buf_consume(in, taken);
		if (was_plain && visit->tls) {
			/* STARTTLS: what came with it in plain is not from inside of it. */
			buf_clear(in);
			return;
		}
		if (visit->protocol == protocol && (!taken || !in->len))
			return;
	}
}

static void finish_input(struct visit *visit)
{
	if (visit->input_ended)
		return;
	visit->input_ended = true;
	if (visit->tls && !visit_tls(visit)->is_open(visit->tls) && !visit->closing)
		tell_broken_tls(visit);
	/* Half a word of some protocol, or bytes of none. */
	if (!visit->protocol && visit->in.len && !visit->closing) {
		begin(visit, &other_protocol);
		(void)other_protocol.take(visit, visit->in.data, visit->in.len);
	}
	if (visit->protocol && visit->protocol->end)
		visit->protocol->end(visit);
	visit_close(visit);
}

/* What has been seen is a head, or broken. */
static enum decoy_outcome ask(struct visit *visit)
{
	const struct decoy_config *config = &visit->decoy->config;
	const enum decoy_outcome outcome =
		config->ops->head(config->ctx, &visit->peer, first_bytes_seen(visit->first),
				  visit->is_last ? NULL : visit);

	visit->waits = outcome == DECOY_WAITS;
	return outcome;
}

/* At all of the piece, or until something in it has to wait, which is asked about once more. */
static enum decoy_outcome look(struct visit *visit)
{
	const struct buf *piece = &visit->piece;
	enum decoy_outcome outcome = visit->waits ? ask(visit) : DECOY_ANSWERS;
	enum first_outcome first;
	size_t taken;

	if (outcome == DECOY_ANSWERS && visit->is_broken)
		visit->first = first_bytes_free(visit->first);
	while (outcome == DECOY_ANSWERS && visit->first && visit->looked_at < piece->len) {
		first = first_bytes_feed(visit->first, piece->data + visit->looked_at,
					 piece->len - visit->looked_at, &taken);
		visit->looked_at += taken;
		visit->is_broken = first == FIRST_BROKEN;
		if (first == FIRST_HEAD || first == FIRST_BROKEN)
			outcome = ask(visit);
		if (outcome == DECOY_ANSWERS && (first == FIRST_OPAQUE || first == FIRST_BROKEN))
			visit->first = first_bytes_free(visit->first);
	}
	return outcome;
}

bool visit_pass(struct visit *visit)
{
	struct buf *piece = &visit->piece;
	bool more = true;

	switch (look(visit)) {
	case DECOY_WAITS:
		return true;
	case DECOY_RESETS:
		visit_end(visit, "refused by policy", true);
		return false;
	case DECOY_ANSWERS:
		break;
	}
	if (visit->tls)
		more = decrypt(visit, piece->data, piece->len);
	else
		buf_put(&visit->in, piece->data, piece->len);
	buf_clear(piece);
	visit->looked_at = 0;
	visit_use_input(visit);
	if (!more || visit->in.len > MAX_WAITING)
		finish_input(visit);
	return true;
}

bool visit_read(struct visit *visit)
{
	char piece[READ_BYTES];
	const ssize_t n = recv(visit->socket_fd, piece, sizeof(piece), 0);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return true;
	if (n < 0) {
		visit_end(visit, "reset", true);
		return false;
	}
	if (n == 0) {
		finish_input(visit);
		return true;
	}
	visit->totals.bytes_out += (uint64_t)n;
	if (visit->closing)
		return true;
	buf_put(&visit->piece, piece, (size_t)n);
	return visit_pass(visit);
}
