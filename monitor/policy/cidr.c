/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/policy/cidr.h"

#include <arpa/inet.h>
#include <string.h>

/* As inet_pton(3) takes it: four decimal numbers without a zero in front. */
static bool parse_v4(const char *at, size_t len, uint8_t ret[4])
{
	size_t i = 0;

	for (unsigned part = 0; part < 4; part++) {
		unsigned value = 0;
		size_t start;

		if (part && (i == len || at[i++] != '.'))
			return false;
		start = i;
		for (; i < len && at[i] >= '0' && at[i] <= '9' && i - start < 3; i++)
			value = value * 10 + (unsigned)(at[i] - '0');
		if (i == start || value > 255 || (at[start] == '0' && i - start > 1))
			return false;
		ret[part] = (uint8_t)value;
	}
	return i == len;
}

bool address_parse(struct str text, uint8_t ret[16])
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	const char *zone = text.len ? memchr(text.at, '%', text.len) : NULL;
	const size_t len = zone ? (size_t)(zone - text.at) : text.len;
	char copy[INET6_ADDRSTRLEN + 1];

	if (!len || len >= sizeof(copy) || memchr(text.at, '\0', len))
		return false;
	if (!memchr(text.at, ':', len)) {
		memcpy(ret, mapped, sizeof(mapped));
		return parse_v4(text.at, len, ret + 12);
	}
	memcpy(copy, text.at, len);
	copy[len] = '\0';
	return inet_pton(AF_INET6, copy, ret) == 1;
}

const char *cidr_read(struct str text, struct cidr *ret)
{
	const char *slash = text.len ? memchr(text.at, '/', text.len) : NULL;
	const struct str address = {text.at, slash ? (size_t)(slash - text.at) : text.len};
	const bool v6 = address.len && memchr(address.at, ':', address.len) != NULL;
	const unsigned most = v6 ? 128 : 32;
	unsigned bits = 0;

	if (!address_parse(address, ret->address) || memchr(address.at, '%', address.len))
		return "not a numeric address";
	if (slash) {
		const size_t digits = text.len - address.len - 1;

		if (!digits || digits > 3)
			return "the prefix length is a number after the slash";
		for (size_t i = 0; i < digits; i++) {
			const char c = slash[1 + i];

			if (c < '0' || c > '9')
				return "the prefix length is a number after the slash";
			bits = bits * 10 + (unsigned)(c - '0');
		}
	} else {
		bits = most;
	}
	if (bits > most)
		return "the prefix is longer than the address";
	ret->bits = (uint8_t)(v6 ? bits : bits + 96);
	return NULL;
}

const char *cidr_parse(struct str text, struct cidr *ret)
{
	const char *reason = cidr_read(text, ret);

	if (reason)
		return reason;
	for (unsigned i = ret->bits; i < 128; i++) {
		if (ret->address[i / 8] & (0x80u >> (i % 8)))
			return "the address has bits set behind the prefix";
	}
	return NULL;
}

bool cidr_has(const struct cidr *net, const uint8_t address[16])
{
	const unsigned whole = net->bits / 8;
	const unsigned left = net->bits % 8;
	const unsigned mask = left ? (0xffu << (8 - left)) & 0xffu : 0;

	if (memcmp(net->address, address, whole) != 0)
		return false;
	return !left || (net->address[whole] & mask) == (address[whole] & mask);
}
