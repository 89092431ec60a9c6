/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/policy/keys.h"

#include <string.h>

#include "monitor/policy/match.h"

#define FNV_START UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME UINT64_C(0x100000001b3)
#define NO_BITS	  255u /* stands for "no address" among the lengths of networks */

uint64_t hash_string(struct str text)
{
	uint64_t h = FNV_START;

	for (size_t i = 0; i < text.len; i++)
		h = (h ^ (unsigned char)text.at[i]) * FNV_PRIME;
	return h;
}

uint64_t hash_integer(int64_t value)
{
	uint64_t h = (uint64_t)value + UINT64_C(0x9e3779b97f4a7c15);

	h = (h ^ (h >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	return h ^ (h >> 27);
}

/* ---- paths ---- */

static struct str next_component(struct str *rest)
{
	const char *end = rest->len ? memchr(rest->at, '/', rest->len) : NULL;
	const size_t len = end ? (size_t)(end - rest->at) : rest->len;
	const struct str c = {rest->at, len};

	*rest = (struct str){rest->at + len + (end != NULL), rest->len - len - (end != NULL)};
	return c;
}

static bool is_literal(struct str c)
{
	for (size_t i = 0; i < c.len; i++) {
		if (strchr("*?\\", c.at[i]))
			return false;
	}
	return c.len > 0;
}

static struct str extension_of(struct str c)
{
	const char *dot = c.len ? memrchr(c.at, '.', c.len) : NULL;

	return dot ? (struct str){dot, c.len - (size_t)(dot - c.at)} : (struct str){"", 0};
}

static struct str home_name(void)
{
	const struct str home = STR(SESSION_HOME);
	const char *slash = memrchr(home.at, '/', home.len);

	return (struct str){slash + 1, home.len - (size_t)(slash + 1 - home.at)};
}

/* The last component that is literal, as a rule the most telling one; else what it ends in. */
bool key_of_glob(struct str pattern, struct key *ret)
{
	struct str literal = {"", 0};
	struct str last = {"", 0};
	struct str extension;

	for (struct str rest = pattern; rest.len;) {
		last = next_component(&rest);
		if (str_eq(last, STR("~")))
			last = home_name();
		if (is_literal(last))
			literal = last;
	}
	extension = extension_of(last);
	if (literal.len) {
		*ret = (struct key){.kind = KEY_COMPONENT, .hash = hash_string(literal)};
		return true;
	}
	if (!is_literal(extension) || memchr(last.at, '\\', last.len))
		return false;
	*ret = (struct key){.kind = KEY_EXTENSION, .hash = hash_string(extension)};
	return true;
}

static void components_of(enum key_kind kind, struct str text, key_found found, void *arg)
{
	struct str last = {"", 0};

	for (struct str rest = text; rest.len;) {
		const struct str c = next_component(&rest);

		if (!c.len)
			continue;
		last = c;
		if (kind == KEY_COMPONENT)
			found(arg, hash_string(c), 0);
	}
	if (kind == KEY_EXTENSION && last.len)
		found(arg, hash_string(extension_of(last)), 0);
}

/* ---- hosts: hashed from the end, so that each label adds to the hash of those behind it ---- */

static unsigned char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (unsigned char)(c + 32) : (unsigned char)c;
}

static struct str without_dot(struct str host)
{
	if (host.len > 1 && host.at[host.len - 1] == '.')
		host.len--;
	return host;
}

static uint64_t hash_address(const uint8_t address[16])
{
	return hash_string((struct str){(const char *)address, 16});
}

bool key_of_host(struct str pattern, struct key *ret)
{
	const struct str host = without_dot(pattern);
	uint64_t h = FNV_START;
	uint8_t address[16];

	*ret = (struct key){.kind = KEY_HOST};
	if (address_parse(host, address)) {
		ret->hash = hash_address(address);
		return true;
	}
	for (size_t i = host.len; i-- > 0;) {
		if (host.at[i] == '*')
			break;
		h = (h ^ lower(host.at[i])) * FNV_PRIME;
		if (i == 0 || host.at[i - 1] == '.')
			ret->hash = h; /* the labels from here on are literal */
	}
	return ret->hash != 0;
}

static void labels_of(struct str text, key_found found, void *arg)
{
	const struct str host = without_dot(text);
	uint64_t h = FNV_START;
	uint8_t address[16];

	if (address_parse(host, address)) {
		found(arg, hash_address(address), 0);
		return;
	}
	for (size_t i = host.len; i-- > 0;) {
		h = (h ^ lower(host.at[i])) * FNV_PRIME;
		if (i == 0 || host.at[i - 1] == '.')
			found(arg, h, 0);
	}
}

/* ---- addresses ---- */

static uint64_t hash_net(const uint8_t address[16], unsigned bits)
{
	uint8_t net[16] = {0};

	memcpy(net, address, bits / 8);
	if (bits % 8)
		net[bits / 8] = (uint8_t)(address[bits / 8] & (0xffu << (8 - bits % 8)));
	return hash_address(net);
}

void key_of_net(const struct cidr *net, struct key *ret)
{
	*ret = (struct key){
		.kind = KEY_NET, .bits = net->bits, .hash = hash_net(net->address, net->bits)};
}

void key_of_no_address(struct key *ret)
{
	*ret = (struct key){.kind = KEY_NET, .bits = NO_BITS};
}

static void nets_of(struct str text, const uint64_t lengths[KEY_LENGTH_WORDS], key_found found,
		    void *arg)
{
	uint8_t address[16];

	if (!text.len)
		return;
	if (!address_parse(text, address)) {
		found(arg, 0, NO_BITS);
		return;
	}
	for (unsigned w = 0; w < KEY_LENGTH_WORDS; w++) {
		for (uint64_t left = lengths[w]; left; left &= left - 1) {
			const unsigned bits = w * 64 + (unsigned)__builtin_ctzll(left);

			found(arg, hash_net(address, bits), (uint8_t)bits);
		}
	}
}

/* ---- all ---- */

bool key_of_start(struct str start, struct key *ret)
{
	if (start.len < KEY_START_BYTES)
		return false;
	start.len = KEY_START_BYTES;
	*ret = (struct key){.kind = KEY_START, .hash = hash_string(start)};
	return true;
}

void keys_of_text(enum key_kind kind, struct str text, const uint64_t lengths[KEY_LENGTH_WORDS],
		  key_found found, void *arg)
{
	switch (kind) {
	case KEY_LABEL:
	case KEY_COMMAND:
		return;
	case KEY_VALUE:
		found(arg, hash_string(text), 0);
		return;
	case KEY_START:
		if (text.len >= KEY_START_BYTES)
			found(arg, hash_string((struct str){text.at, KEY_START_BYTES}), 0);
		return;
	case KEY_COMPONENT:
	case KEY_EXTENSION:
		components_of(kind, text, found, arg);
		return;
	case KEY_HOST:
		labels_of(text, found, arg);
		return;
	case KEY_NET:
		nets_of(text, lengths, found, arg);
		return;
	}
}
