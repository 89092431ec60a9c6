/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What a flow of UDP sends is looked at as what a connection sends (screen.h), a datagram at a
 * time: the first one is asked about, one of another protocol, each ClientHello of QUIC, and one
 * that completes a text that is searched for, be it over several datagrams. What is sent while half
 * a ClientHello is there, or while an answer is waited for, is held.
 */

#include "monitor/net/quic_packet.h"
#include "monitor/net/udp_internal.h"

static const struct first_seen quic = {.protocol = "quic", .http = {.port = -1}};
static const struct first_seen other = {.protocol = "other", .http = {.port = -1}};

/*
 * Return: true if it is not what was there before. What follows a long header is searched as well:
 * nothing says that it is encrypted, and in what is, nothing is found.
 */
static bool recognise(struct udp_flow *flow, const uint8_t *bytes, size_t len)
{
	const struct scan_set *canaries = flow->udp->relay->canaries;
	const struct first_seen *seen = quic_is_long(bytes, len) ? &quic : &other;

	if (flow->seen && (flow->seen != &other || seen == &other))
		return false;
	if (!flow->seen && canaries)
		flow->scan = scan_new(canaries);
	flow->seen = seen;
	return true;
}

/* Return: true if there is something to ask about. */
static bool read_quic(struct udp_flow *flow, const uint8_t *bytes, size_t len)
{
	struct quic_told told;
	const char *why = NULL;
	enum quic_outcome outcome;

	if (flow->is_unread || (!flow->quic && !quic_is_long(bytes, len)))
		return false;
	flow->udp->quic_ids.now_ms = uv_now(flow->udp->relay->loop);
	if (!flow->quic)
		flow->quic = quic_hello_new(&flow->udp->relay->held, &flow->udp->quic_ids);
	outcome = quic_hello_feed(flow->quic, bytes, len, &told, &why);
	if (outcome == QUIC_SAYS_NOTHING)
		return false;
	if (!flow->said)
		flow->said = xcalloc(1, sizeof(*flow->said));
	*flow->said = quic;
	flow->said->broken = why;
	flow->seen = flow->said;
	if (outcome == QUIC_SAYS_HELLO) {
		flow->said->tls = told.tls;
		if (flow->scan)
			scan_feed(flow->scan, told.message, told.len);
		return true;
	}
	flow->is_unread = true;
	flow->quic = quic_hello_free(flow->quic);
	return true;
}

static struct scan_result searched(const struct udp_flow *flow)
{
	struct scan_result ret = {0};

	if (!flow->scan)
		return ret;
	ret.found = scan_found(flow->scan);
	ret.unsearched = scan_gave_up(flow->scan);
	return ret;
}

static const char *ask(struct udp_flow *flow)
{
	const struct scan_result now = searched(flow);
	const struct relay_head head = {
		.token = flow,
		.caller = &flow->caller,
		.host = flow->host,
		.upstream = &flow->upstream,
		.seen = flow->seen,
		.searched = &now,
	};
	const char *refusal = relay_ask(flow->udp->relay, &head, &flow->port->at);

	flow->waits = refusal == screen_later;
	if (refusal)
		return refusal;
	flow->searched = now;
	return flow->quic && quic_hello_is_half(flow->quic) ? screen_later : NULL;
}

const char *udp_screen(struct udp_flow *flow, const uint8_t *bytes, size_t len)
{
	const bool is_new = recognise(flow, bytes, len);
	const bool has_said = read_quic(flow, bytes, len);
	struct scan_result now;

	if (flow->scan)
		scan_feed(flow->scan, bytes, len);
	if (!has_said && flow->quic && quic_hello_is_half(flow->quic))
		return screen_later;
	now = searched(flow);
	if (!is_new && !has_said && !scan_has_news(&now, &flow->searched))
		return NULL;
	return ask(flow);
}

const char *udp_screen_again(struct udp_flow *flow)
{
	return ask(flow);
}

void udp_screen_done(struct udp_flow *flow)
{
	(void)scan_free(flow->scan);
	(void)quic_hello_free(flow->quic);
	free(flow->said);
}
