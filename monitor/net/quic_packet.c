/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/net/quic_packet.h"

#define MAX_CONNECTION_ID 20u /* RFC 9000 17.2 */

static bool is_version(uint32_t version)
{
	return version == 1 ||			       /* RFC 9000 */
	       version == 0x6b3343cf ||		       /* RFC 9369, version 2 */
	       (version & 0xffffff00) == 0xff000000 || /* drafts */
	       (version & 0x0f0f0f0f) == 0x0a0a0a0a;   /* RFC 9000 15: to be negotiated */
}

/* Takes a connection id off. */
static bool skip_id(const uint8_t **at, size_t *len)
{
	if (!*len || **at > MAX_CONNECTION_ID || *len - 1 < **at)
		return false;
	*len -= 1u + **at;
	*at += 1u + **at;
	return true;
}

/* The fixed bit may be anything: RFC 9287. */
bool quic_is_long(const uint8_t *bytes, size_t len)
{
	if (len < 5 || !(bytes[0] & 0x80) ||
	    !is_version((uint32_t)bytes[1] << 24 | (uint32_t)bytes[2] << 16 |
			(uint32_t)bytes[3] << 8 | bytes[4]))
		return false;
	bytes += 5;
	len -= 5;
	for (unsigned id = 0; id < 2; id++) { /* the receiver's, the sender's */
		if (!skip_id(&bytes, &len))
			return false;
	}
	return true;
}
