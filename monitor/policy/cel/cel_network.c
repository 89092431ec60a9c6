/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Addresses and networks as values: the standard's network library. Source: cel-spec,
 * network_ext.textproto. An address is 16 bytes, of v4 in its v4-mapped form; a network is an
 * address, whose bits behind the prefix are kept, and the prefix' length in that form.
 */

#include "monitor/policy/cel/cel_extension.h"
#include "monitor/policy/cidr.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define ADDRESS_BYTES 16u
#define V4_BITS	      96u /* before a v4 address in its mapped form */

static const uint8_t *bytes_of(const struct cel_value *v)
{
	return (const uint8_t *)v->text.at;
}

static bool is_v4(const uint8_t *address)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	return memcmp(address, mapped, sizeof(mapped)) == 0;
}

static unsigned prefix_of(const struct cel_value *network)
{
	const uint8_t *bytes = bytes_of(network);

	return bytes[ADDRESS_BYTES] - (is_v4(bytes) ? V4_BITS : 0);
}

/* As RFC 5952 writes it. inet_ntop(3) writes ::102:304 with dots, which is out of use. */
static void print_address(const uint8_t *a, char ret[CEL_TEXT_MAX])
{
	static const uint8_t none[12];

	if (is_v4(a))
		(void)inet_ntop(AF_INET, a + 12, ret, CEL_TEXT_MAX);
	else if (memcmp(a, none, sizeof(none)) == 0 && (a[12] || a[13]))
		(void)snprintf(ret, CEL_TEXT_MAX, "::%x:%x", a[12] * 256 + a[13],
			       a[14] * 256 + a[15]);
	else
		(void)inet_ntop(AF_INET6, a, ret, CEL_TEXT_MAX);
}

void cel_print_network(const struct cel_value *v, char ret[CEL_TEXT_MAX])
{
	size_t n;

	print_address(bytes_of(v), ret);
	n = strlen(ret);
	if (v->kind == CEL_CIDR)
		(void)snprintf(ret + n, CEL_TEXT_MAX - n, "/%u", prefix_of(v));
}

static struct cel_value made(struct cel_arena *arena, enum cel_kind kind, const struct cidr *net)
{
	const size_t len = ADDRESS_BYTES + (kind == CEL_CIDR);
	char *copy = cel_take(arena, len);

	if (!copy)
		return cel_no_memory();
	memcpy(copy, net->address, ADDRESS_BYTES);
	if (kind == CEL_CIDR)
		copy[ADDRESS_BYTES] = (char)net->bits;
	return cel_of_text(kind, (struct str){copy, len});
}

static bool has_byte(struct str text, char c)
{
	return text.len && memchr(text.at, c, text.len) != NULL;
}

struct cel_value cel_read_network(struct cel_arena *arena, enum cel_kind kind, struct str text)
{
	struct cidr net;

	if (has_byte(text, '%'))
		return cel_of_error("an address with a zone is not allowed");
	if (has_byte(text, '/') != (kind == CEL_CIDR) || cidr_read(text, &net))
		return cel_of_error(kind == CEL_CIDR
					    ? "network address parse error: as 192.0.2.0/24"
					    : "IP address parse error: as 192.0.2.1");
	if (is_v4(net.address) && has_byte(text, ':') && has_byte(text, '.'))
		return cel_of_error("an IPv4-mapped IPv6 address is not allowed");
	/* Of ::ffff:102:304, which is 1.2.3.4, there is no such prefix. */
	if (is_v4(net.address) && net.bits < V4_BITS)
		return cel_of_error("a prefix that is shorter than what maps an IPv4 address");
	return made(arena, kind, &net);
}

static struct cidr net_of(const struct cel_value *v)
{
	struct cidr net = {.bits = 128};

	memcpy(net.address, bytes_of(v), ADDRESS_BYTES);
	if (v->kind == CEL_CIDR)
		net.bits = bytes_of(v)[ADDRESS_BYTES];
	return net;
}

static bool contains(const struct cel_value *outer, const struct cel_value *inner)
{
	const struct cidr net = net_of(outer);
	const struct cidr other = net_of(inner);

	return is_v4(net.address) == is_v4(other.address) && net.bits <= other.bits &&
	       cidr_has(&net, other.address);
}

static struct cel_value masked(struct cel_run *run, const struct cel_value *network)
{
	struct cidr net = net_of(network);

	for (unsigned i = net.bits; i < 128; i++)
		net.address[i / 8] &= (uint8_t) ~(0x80u >> (i % 8));
	return made(&run->arena, CEL_CIDR, &net);
}

static bool is_in(const struct cel_value *v, const char *v4, const char *v6)
{
	struct cidr net;

	return !cidr_parse(str_of(is_v4(bytes_of(v)) ? v4 : v6), &net) &&
	       cidr_has(&net, bytes_of(v));
}

static bool is_of_class(enum cel_extra which, const struct cel_value *v)
{
	switch ((int)which) {
	case NETWORK_UNSPECIFIED:
		return is_in(v, "0.0.0.0", "::");
	case NETWORK_LOOPBACK:
		return is_in(v, "127.0.0.0/8", "::1");
	case NETWORK_LINK_MULTICAST:
		return is_in(v, "224.0.0.0/24", "ff02::/16");
	case NETWORK_LINK_UNICAST:
		return is_in(v, "169.254.0.0/16", "fe80::/10");
	default: /* NETWORK_GLOBAL_UNICAST: none of what is special, private or not */
		return !is_in(v, "0.0.0.0", "::") && !is_in(v, "127.0.0.0/8", "::1") &&
		       !is_in(v, "224.0.0.0/4", "ff00::/8") &&
		       !is_in(v, "169.254.0.0/16", "fe80::/10") &&
		       !is_in(v, "255.255.255.255", "::");
	}
}

/* Of a text: whether it is one, or is written as string() would. */
static struct cel_value ask_text(struct cel_run *run, enum cel_extra which, struct str text)
{
	const enum cel_kind kind = which == NETWORK_IS_CIDR ? CEL_CIDR : CEL_IP;
	const struct cel_value v = cel_read_network(&run->arena, kind, text);
	char canonical[CEL_TEXT_MAX];

	if (which != NETWORK_IS_CANONICAL)
		return cel_of_bool(v.kind != CEL_ERROR);
	if (v.kind == CEL_ERROR)
		return v;
	cel_print_network(&v, canonical);
	return cel_of_bool(str_eq(text, str_of(canonical)));
}

static struct cel_value run_contains(struct cel_run *run, enum cel_kind kind,
				     const struct cel_value *args)
{
	const struct cel_value inner = args[1].kind == CEL_STRING
					       ? cel_read_network(&run->arena, kind, args[1].text)
					       : args[1];

	return inner.kind == CEL_ERROR ? inner : cel_of_bool(contains(&args[0], &inner));
}

struct cel_value cel_run_network(struct cel_run *run, enum cel_extra which,
				 const struct cel_value *args, unsigned count)
{
	struct cidr net;

	if (count == 2)
		return run_contains(run, which == NETWORK_CONTAINS_CIDR ? CEL_CIDR : CEL_IP, args);
	switch ((int)which) {
	case NETWORK_IP:
	case NETWORK_CIDR:
		if (args[0].kind == CEL_STRING)
			return cel_read_network(
				&run->arena, which == NETWORK_IP ? CEL_IP : CEL_CIDR, args[0].text);
		net = net_of(&args[0]);
		return made(&run->arena, CEL_IP, &net);
	case NETWORK_IS_IP:
	case NETWORK_IS_CIDR:
	case NETWORK_IS_CANONICAL:
		return ask_text(run, which, args[0].text);
	case NETWORK_FAMILY:
		return cel_of_int(is_v4(bytes_of(args)) ? 4 : 6);
	case NETWORK_MASKED:
		return masked(run, args);
	case NETWORK_PREFIX_LENGTH:
		return cel_of_int(prefix_of(args));
	default:
		return cel_of_bool(is_of_class(which, args));
	}
}
