/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * May this address be dialled on behalf of a session? Pure but for upstream_own_addresses().
 *
 * Whatever a name resolved to, or a program wrote as a number: loopback, private, link-local,
 * carrier-grade NAT, multicast, broadcast, reserved, documentation, benchmarking (minted addresses
 * are of that range) and metadata addresses are refused, and so are the forms of IPv6 that carry a
 * v4 address (v4-compatible, 6to4, Teredo; NAT64 where what it carries is refused), all v6 outside
 * of global unicast, and the host's own addresses. Where a network lifts such a form, what the
 * address carries is judged all the same. The ranges are those of the IANA special-purpose
 * address registries (RFC 6890), multicast and class E beside them.
 *
 * An address has one form here, the 16 bytes of endpoint.h: a v4-mapped address is the v4 address.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "monitor/policy/cidr.h"

struct upstream_rules {
	/* --allow-private: lifts the refusal for what lies in it. Metadata addresses and those of
	 * the host are lifted only by a network that is exactly the one address; unspecified,
	 * multicast, broadcast and minted addresses never. Borrowed. */
	const struct cidr *allowed;
	size_t allowed_count;
	const struct cidr *own; /* of the host; borrowed */
	size_t own_count;
};

/*
 * upstream_address_refusal - Return: NULL if @address may be dialled, else the reason, a static
 * text that fits behind "ADDRESS is ": "a private address (RFC 1918)". The errno is EPERM.
 */
const char *upstream_address_refusal(const uint8_t address[16], const struct upstream_rules *rules);

/*
 * upstream_own_addresses - The host's addresses as they are now: those of its interfaces, and what
 * its routes deliver to itself; loopback ones left out (they are a range of their own). To be asked
 * anew for each dial, or every few seconds: they change.
 * Owns: *ret is the caller's, to be given to free(). Errors: as getifaddrs(3).
 */
int upstream_own_addresses(struct cidr **ret, size_t *ret_count, struct error *err);
