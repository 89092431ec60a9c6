/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/policy/keys.h"

#include <string.h>

#include "monitor/policy/match.h"

#define FNV_START KEY_HASH_START
#define FNV_PRIME UINT64_C(0x100000001b3)
#define NO_BITS	  255u /* stands for "no address" among the lengths of networks */

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

/* The bytes before the first wildcard. */
static struct str literal_start(struct str c)
{
	size_t n = 0;

	while (n < c.len && !strchr("*?\\", c.at[n]))
		n++;
	return (struct str){c.at, n};
}

static uint32_t first_of(struct str component)
{
	return component.len ? (uint32_t)hash_string(component) | 1 : 0;
}

uint32_t path_first(struct str path)
{
	struct str c = {"", 0};

	while (path.len && !c.len)
		c = next_component(&path);
	return first_of(c);
}

/* What every path that the pattern matches begins with. */
static uint32_t first_of_glob(struct str pattern)
{
	struct str rest = pattern;
	struct str c = next_component(&rest);

	if (c.at == pattern.at && str_eq(c, STR("~")))
		return path_first(STR(SESSION_HOME));
	if (!c.len && rest.len)
		c = next_component(&rest);
	return is_literal(c) ? first_of(c) : 0;
}

/* The last component that is literal, as a rule the most telling one; else what the path ends in;
 * else how one of its components starts. */
bool key_of_glob(struct str pattern, struct key *ret)
{
	struct str start = {"", 0};
	struct str last = {"", 0};
	struct str found = {"", 0};

	for (struct str rest = pattern; rest.len;) {
		last = next_component(&rest);
		if (last.at == pattern.at && str_eq(last, STR("~")))
			last = home_name(); /* elsewhere it is a name like any other */
		if (is_literal(last))
			found = last;
		if (literal_start(last).len >= KEY_START_BYTES)
			start = (struct str){last.at, KEY_START_BYTES};
	}
	if (!found.len && is_literal(extension_of(last)) && !memchr(last.at, '\\', last.len))
		found = extension_of(last);
	if (!found.len)
		found = start;
	*ret = (struct key){
		.kind = KEY_PATH, .first = first_of_glob(pattern), .hash = hash_string(found)};
	return found.len > 0;
}

static inline __attribute__((always_inline)) void keys_of_path(struct str path, key_found found,
							       void *arg)
{
	struct str last = {"", 0};
	size_t start = 0;

	while (start < path.len) {
		size_t n = start;

		while (n < path.len && path.at[n] != '/')
			n++;
		if (n > start) {
			last = (struct str){path.at + start, n - start};
			found(arg, hash_string(last), 0);
		}
		if (n - start > KEY_START_BYTES)
			found(arg, hash_string((struct str){last.at, KEY_START_BYTES}), 0);
		start = n + 1;
	}
	last = extension_of(last);
	if (last.len)
		found(arg, hash_string(last), 0);
}

static void note_key(void *arg, uint64_t hash, uint8_t bits)
{
	struct path_keys *keys = arg;

	(void)bits;
	if (keys->count < MAX_PATH_KEYS)
		keys->hashes[keys->count] = hash;
	keys->count++;
}

void path_keys_of(struct str path, struct path_keys *ret)
{
	ret->text = path;
	ret->count = 0;
	keys_of_path(path, note_key, ret);
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

void keys_of_text(enum key_kind kind, struct str text, const uint64_t lengths[KEY_LENGTH_WORDS],
		  key_found found, void *arg)
{
	switch (kind) {
	case KEY_LABEL:
	case KEY_COMMAND:
	case KEY_VALUE:
	case KEY_START:
		return;
	case KEY_PATH:
		keys_of_path(text, found, arg);
		return;
	case KEY_HOST:
		labels_of(text, found, arg);
		return;
	case KEY_NET:
		nets_of(text, lengths, found, arg);
		return;
	}
}
