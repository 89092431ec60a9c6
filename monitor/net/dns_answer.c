/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "common/hex.h"
#include "monitor/net/dns_message.h"

/* Types 128 to 255 are about messages and transfers, not about a name (RFC 6895). */
#define FIRST_META_TYPE 128u
#define LAST_META_TYPE	254u

static bool ends_with(const char *name, const char *end)
{
	const size_t len = strlen(name);
	const size_t end_len = strlen(end);

	return len >= end_len && strcmp(name + len - end_len, end) == 0 &&
	       (len == end_len || name[len - end_len - 1] == '.');
}

/*
 * Names that no server of the Internet may be asked for (RFC 6761, 6762, 7686). Below "local" only
 * those of a single label are of mDNS; clusters have names like "db.ns.svc.cluster.local".
 */
static bool is_nowhere(const char *name)
{
	const char *const dot = strchr(name, '.');

	if (ends_with(name, "invalid") || ends_with(name, "onion"))
		return true;
	return strcmp(name, "local") == 0 || (dot && strcmp(dot, ".local") == 0);
}

/* "4.3.2.1.in-addr.arpa"; each number as it is written without zeros before it. */
static bool read_reverse_v4(const char *name, uint8_t ret[16])
{
	memset(ret, 0, 16);
	ret[10] = ret[11] = 0xff;
	for (int i = 15; i >= 12; i--) {
		const char *const start = name;
		unsigned value = 0;

		while (*name >= '0' && *name <= '9' && name - start < 3)
			value = value * 10 + (unsigned)(*name++ - '0');
		if (name == start || value > 255 || *name++ != '.')
			return false;
		if (*start == '0' && name - start > 2)
			return false;
		ret[i] = (uint8_t)value;
	}
	return strcmp(name, "in-addr.arpa") == 0;
}

static bool read_reverse_v6(const char *name, uint8_t ret[16])
{
	for (int i = 15; i >= 0; i--) {
		int digit[2];

		for (unsigned half = 0; half < 2; half++) {
			digit[half] = hex_value(name[0]);
			if (digit[half] < 0 || name[1] != '.')
				return false;
			name += 2;
		}
		ret[i] = (uint8_t)(digit[1] << 4 | digit[0]);
	}
	return strcmp(name, "ip6.arpa") == 0;
}

static const uint8_t loopback_v4[16] = {[10] = 0xff, 0xff, 127, 0, 0, 1};
static const uint8_t loopback_v6[16] = {[15] = 1};

static void answer_reverse(const struct names *names, const struct dns_query *query,
			   struct dns_reply *ret)
{
	uint8_t address[16];

	if (!read_reverse_v4(query->name, address) && !read_reverse_v6(query->name, address))
		ret->ptr_name = NULL;
	else if (memcmp(address, loopback_v4, 16) == 0 || memcmp(address, loopback_v6, 16) == 0)
		ret->ptr_name = "localhost";
	else
		ret->ptr_name = names_find(names, address);
	if (!ret->ptr_name)
		ret->rcode = DNS_NXDOMAIN;
	else if (query->type != DNS_TYPE_PTR)
		ret->ptr_name = NULL; /* the name is there, nothing else of it */
}

int dns_answer(struct names *names, const struct dns_query *query, struct dns_reply *ret)
{
	const bool is_v4 = query->type == DNS_TYPE_A;
	int r = 0;

	*ret = (struct dns_reply){.rcode = DNS_NOERROR, .ede = DNS_EDE_NONE};
	if (query->class != DNS_CLASS_IN) {
		ret->rcode = DNS_REFUSED;
	} else if (query->type == DNS_TYPE_OPT) {
		ret->rcode = DNS_FORMERR;
	} else if (query->type >= FIRST_META_TYPE && query->type <= LAST_META_TYPE) {
		ret->rcode = DNS_NOTIMP;
	} else if (!query->is_host || is_nowhere(query->name)) {
		ret->rcode = DNS_NXDOMAIN;
	} else if (ends_with(query->name, "arpa")) {
		answer_reverse(names, query, ret);
	} else if (is_v4 || query->type == DNS_TYPE_AAAA) {
		ret->has_address = true;
		if (ends_with(query->name, "localhost"))
			memcpy(ret->address, is_v4 ? loopback_v4 : loopback_v6, 16);
		else
			r = names_mint(names, query->name, is_v4 ? AF_INET : AF_INET6,
				       ret->address);
	}
	if (r < 0) {
		ret->has_address = false;
		ret->rcode = DNS_SERVFAIL;
	}
	return r;
}
