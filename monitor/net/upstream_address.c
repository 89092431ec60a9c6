/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/net/upstream_address.h"

#include <string.h>

/* What of the rules' allowed networks lifts a refusal. */
enum lift {
	LIFT_NETWORK, /* one that holds the address */
	LIFT_ADDRESS, /* one that is the address */
	LIFT_NEVER,
};

struct range {
	struct cidr net;
	enum lift lift;
	const char *reason;
};

#define HI(_group) ((_group) >> 8) & 0xff
#define LO(_group) (_group) & 0xff
#define V4(_a, _b, _c, _d, _bits)                                                        \
	{                                                                                \
		{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, _a, _b, _c, _d}, 96 + (_bits) \
	}
/* The first three groups, and the last one. */
#define V6(_0, _1, _2, _7, _bits)                                                               \
	{                                                                                       \
		{HI(_0), LO(_0), HI(_1), LO(_1), HI(_2), LO(_2), [14] = HI(_7), [15] = LO(_7)}, \
			_bits                                                                   \
	}
#define V6_FOURTH(_0, _3, _bits)                                    \
	{                                                           \
		{HI(_0), LO(_0), [6] = HI(_3), [7] = LO(_3)}, _bits \
	}

static const char metadata[] = "a metadata service of a cloud";
static const char documentation[] = "of a range for documentation (RFC 5737, 3849, 9637)";
static const char private_v4[] = "a private address (RFC 1918)";

/* The first that holds an address decides: narrow ones stand before the ones they lie in. */
static const struct range ranges[] = {
	/* AWS (instances, containers, pods), also GCP, Azure, OpenStack, DigitalOcean; Alibaba;
	 * Azure's own agent; Oracle; the v6 ones of AWS and GCP. */
	{V4(169, 254, 169, 254, 32), LIFT_ADDRESS, metadata},
	{V4(169, 254, 170, 2, 32), LIFT_ADDRESS, metadata},
	{V4(169, 254, 170, 23, 32), LIFT_ADDRESS, metadata},
	{V4(100, 100, 100, 200, 32), LIFT_ADDRESS, metadata},
	{V4(168, 63, 129, 16, 32), LIFT_ADDRESS, metadata},
	{V4(192, 0, 0, 192, 32), LIFT_ADDRESS, metadata},
	{V6(0xfd00, 0x0ec2, 0, 0x254, 128), LIFT_ADDRESS, metadata},
	{V6(0xfd00, 0x0ec2, 0, 0x23, 128), LIFT_ADDRESS, metadata},
	{V6(0xfd20, 0x00ce, 0, 0x254, 128), LIFT_ADDRESS, metadata},

	{V4(0, 0, 0, 0, 8), LIFT_NEVER, "of the range that means this host (0.0.0.0/8)"},
	{V4(10, 0, 0, 0, 8), LIFT_NETWORK, private_v4},
	{V4(100, 64, 0, 0, 10), LIFT_NETWORK, "of a carrier's own network (RFC 6598)"},
	{V4(127, 0, 0, 0, 8), LIFT_NETWORK, "a loopback address"},
	{V4(169, 254, 0, 0, 16), LIFT_NETWORK, "a link-local address"},
	{V4(172, 16, 0, 0, 12), LIFT_NETWORK, private_v4},
	/* Two of it can be reached, by programs that are no concern of a session: PCP, TURN. */
	{V4(192, 0, 0, 0, 24), LIFT_NETWORK, "reserved for protocols (192.0.0.0/24)"},
	{V4(192, 0, 2, 0, 24), LIFT_NETWORK, documentation},
	{V4(192, 88, 99, 0, 24), LIFT_NETWORK, "a 6to4 relay (RFC 7526)"},
	{V4(192, 168, 0, 0, 16), LIFT_NETWORK, private_v4},
	{V4(198, 18, 0, 0, 15), LIFT_NEVER, "of the range that names are given addresses of"},
	{V4(198, 51, 100, 0, 24), LIFT_NETWORK, documentation},
	{V4(203, 0, 113, 0, 24), LIFT_NETWORK, documentation},
	{V4(224, 0, 0, 0, 4), LIFT_NEVER, "a multicast address"},
	{V4(255, 255, 255, 255, 32), LIFT_NEVER, "the broadcast address"},
	{V4(240, 0, 0, 0, 4), LIFT_NEVER, "a reserved address (240.0.0.0/4)"},
	/* The rest of v4 can be dialled. */
	{V4(0, 0, 0, 0, 0), LIFT_NETWORK, NULL},

	{V6(0, 0, 0, 0, 128), LIFT_NEVER, "the unspecified address"},
	{V6(0, 0, 0, 1, 128), LIFT_NETWORK, "a loopback address"},
	{V6(0, 0, 0, 0, 96), LIFT_NEVER, "an IPv4 address written as IPv6 (v4-compatible)"},
	{V6(0x64, 0xff9b, 1, 0, 48), LIFT_NETWORK, "of a local NAT64 (RFC 8215)"},
	{V6(0x100, 0, 0, 0, 64), LIFT_NEVER, "of the range that is discarded (RFC 6666)"},
	{V6_FOURTH(0x100, 1, 64), LIFT_NEVER, "of the dummy range (RFC 9780)"},
	{V6(0xfd5c, 0x6f72, 0x646f, 0, 48), LIFT_NEVER,
	 "of the range that names are given addresses of"},
	{V6(0xfc00, 0, 0, 0, 7), LIFT_NETWORK, "a unique local address (RFC 4193)"},
	{V6(0xfe80, 0, 0, 0, 10), LIFT_NETWORK, "a link-local address"},
	{V6(0xfec0, 0, 0, 0, 10), LIFT_NETWORK, "a site-local address (RFC 3879)"},
	{V6(0xff00, 0, 0, 0, 8), LIFT_NEVER, "a multicast address"},
	/* Both carry a v4 address to which somebody on the way sends what comes. */
	{V6(0x2001, 0, 0, 0, 32), LIFT_NETWORK, "an IPv4 address written as IPv6 (Teredo)"},
	{V6(0x2002, 0, 0, 0, 16), LIFT_NETWORK, "an IPv4 address written as IPv6 (6to4)"},
	{V6(0x2001, 0, 0, 0, 23), LIFT_NETWORK, "reserved for protocols (2001::/23)"},
	{V6(0x2001, 0x0db8, 0, 0, 32), LIFT_NETWORK, documentation},
	{V6(0x3fff, 0, 0, 0, 20), LIFT_NETWORK, documentation},
	{V6(0x2000, 0, 0, 0, 3), LIFT_NETWORK, NULL},
	{V6(0, 0, 0, 0, 0), LIFT_NETWORK, "outside of the addresses that are reachable globally"},
};

/* A form of v6 address that leads to a v4 one, which stands in these of its bytes. */
struct carrier {
	struct cidr net;
	uint8_t at[4];
	bool is_inverted;
	bool is_alone; /* the form is no reason against it: the v4 address decides */
	bool is_guess; /* one of several places: which, only who set the network up knows */
};

static const struct carrier carriers[] = {
	/* RFC 6052, 2765, 3056. */
	{.net = V6(0x64, 0xff9b, 0, 0, 96), .at = {12, 13, 14, 15}, .is_alone = true},
	{.net = {{[8] = 0xff, 0xff}, 96}, .at = {12, 13, 14, 15}},
	{.net = V6(0x2002, 0, 0, 0, 16), .at = {2, 3, 4, 5}},
	/* RFC 4380: its server, then itself. */
	{.net = V6(0x2001, 0, 0, 0, 32), .at = {4, 5, 6, 7}},
	{.net = V6(0x2001, 0, 0, 0, 32), .at = {12, 13, 14, 15}, .is_inverted = true},
	/* RFC 8215, with prefixes of 48, 56, 64 and 96 bits (RFC 6052 2.2). */
	{.net = V6(0x64, 0xff9b, 1, 0, 48), .at = {6, 7, 9, 10}, .is_guess = true},
	{.net = V6(0x64, 0xff9b, 1, 0, 48), .at = {7, 9, 10, 11}, .is_guess = true},
	{.net = V6(0x64, 0xff9b, 1, 0, 48), .at = {9, 10, 11, 12}, .is_guess = true},
	{.net = V6(0x64, 0xff9b, 1, 0, 48), .at = {12, 13, 14, 15}, .is_guess = true},
};

static bool is_lifted(const uint8_t address[16], enum lift lift, const struct upstream_rules *rules)
{
	for (size_t i = 0; i < rules->allowed_count && lift != LIFT_NEVER; i++) {
		if (lift == LIFT_ADDRESS && rules->allowed[i].bits != 128)
			continue;
		if (cidr_has(&rules->allowed[i], address))
			return true;
	}
	return false;
}

static bool is_own(const uint8_t address[16], const struct upstream_rules *rules)
{
	for (size_t i = 0; i < rules->own_count; i++) {
		if (cidr_has(&rules->own[i], address))
			return true;
	}
	return false;
}

static const struct range *range_of(const uint8_t address[16])
{
	const struct range *range = ranges;

	/* The last row holds every address. */
	while (!cidr_has(&range->net, address))
		range++;
	return range;
}

static const char *range_refusal(const uint8_t address[16], const uint8_t asked[16],
				 const struct upstream_rules *rules)
{
	const struct range *range = range_of(address);

	if (is_own(address, rules) && !is_lifted(asked, LIFT_ADDRESS, rules))
		return "an address of this host";
	return range->reason && !is_lifted(asked, range->lift, rules) ? range->reason : NULL;
}

/*
 * Allowed as the one or as the other, but never more than the v4 address can be. Of a guess that is
 * asked only where it hits a single address: of ranges, too many would be hit that are not meant.
 */
static const char *carried_refusal(const struct carrier *carrier, const uint8_t address[16],
				   const struct upstream_rules *rules)
{
	struct cidr v4 = V4(0, 0, 0, 0, 0);
	const char *refusal;

	for (unsigned i = 0; i < 4; i++)
		v4.address[12 + i] = address[carrier->at[i]] ^ (carrier->is_inverted ? 0xff : 0);
	if (carrier->is_guess && range_of(v4.address)->lift != LIFT_ADDRESS &&
	    !is_own(v4.address, rules))
		return NULL;
	refusal = range_refusal(v4.address, v4.address, rules);
	return refusal ? range_refusal(v4.address, address, rules) : NULL;
}

const char *upstream_address_refusal(const uint8_t address[16], const struct upstream_rules *rules)
{
	const char *refusal = NULL;
	bool is_alone = false;

	for (size_t i = 0; i < sizeof(carriers) / sizeof(carriers[0]) && !refusal; i++) {
		if (!cidr_has(&carriers[i].net, address))
			continue;
		refusal = carried_refusal(&carriers[i], address, rules);
		is_alone |= carriers[i].is_alone;
	}
	return refusal || is_alone ? refusal : range_refusal(address, address, rules);
}
