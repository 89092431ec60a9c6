/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What a flow of UDP sends is looked at as what a connection sends (screen.h), a datagram at a
 * time: the first one is asked about, one of another protocol, and one that completes a text that
 * is searched for, be it over several datagrams. None is held: what comes is sent or ends the flow.
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

	if (flow->seen && (flow->seen == seen || seen == &other))
		return false;
	if (!flow->seen && canaries)
		flow->scan = scan_new(canaries);
	flow->seen = seen;
	return true;
}

const char *udp_screen(struct udp_flow *flow, const uint8_t *bytes, size_t len)
{
	const bool is_new = recognise(flow, bytes, len);
	struct scan_result now = {0};
	const struct relay_head head = {
		.caller = &flow->caller,
		.host = flow->host,
		.upstream = &flow->upstream,
		.seen = flow->seen,
		.searched = &now,
	};

	if (flow->scan) {
		scan_feed(flow->scan, bytes, len);
		now.found = scan_found(flow->scan);
		now.unsearched = scan_gave_up(flow->scan);
	}
	if (!is_new && !scan_has_news(&now, &flow->searched))
		return NULL;
	flow->searched = now;
	return relay_ask(flow->udp->relay, &head, &flow->port->at);
}
