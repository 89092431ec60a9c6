/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/net/names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <sodium.h>

#include "common/buf.h"
#include "common/cleanup.h"

#define V4_BYTES_AT    12u
#define V4_POOL_NET    0xc6120000u /* 198.18.0.0/15 */
#define V4_POOL_MASK   0xfffe0000u
#define V4_FIRST       0xc6120100u /* 198.18.1.0; below it are addresses of ours */
#define V6_PREFIX_SIZE 8u
#define V6_FIRST       0x100u
#define MIN_BUCKETS    64u
#define NOBODY	       UINT32_MAX

/* The v6 one: "cordon" after the byte of a locally assigned prefix. */
static const uint8_t v6_prefix[V6_PREFIX_SIZE] = {0xfd, 0x5c, 0x6f, 0x72, 0x64, 0x6f, 0x6e, 0};
static const uint8_t v4_prefix[V4_BYTES_AT] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

struct entry {
	char *name; /* owned */
	uint32_t next;
};

/* An entry's place says its addresses. Whoever asks chooses the names, so the hash has a key. */
struct names {
	unsigned char key[crypto_shorthash_KEYBYTES];
	struct entry *entries; /* owned; room for as many as there are buckets */
	uint32_t count;
	uint32_t *buckets; /* owned; first entry, or NOBODY */
	uint32_t bucket_count;
};

static uint32_t bucket_of(const struct names *names, const char *name)
{
	unsigned char hash[crypto_shorthash_BYTES];
	uint32_t low;

	(void)crypto_shorthash(hash, (const unsigned char *)name, strlen(name), names->key);
	memcpy(&low, hash, sizeof(low));
	return low & (names->bucket_count - 1);
}

static void link_entry(struct names *names, uint32_t i)
{
	const uint32_t bucket = bucket_of(names, names->entries[i].name);

	names->entries[i].next = names->buckets[bucket];
	names->buckets[bucket] = i;
}

static void grow(struct names *names)
{
	names->bucket_count = names->bucket_count ? names->bucket_count * 2 : MIN_BUCKETS;
	names->entries =
		xrealloc_array(names->entries, names->bucket_count, sizeof(*names->entries));
	names->buckets =
		xrealloc_array(names->buckets, names->bucket_count, sizeof(*names->buckets));
	memset(names->buckets, 0xff, names->bucket_count * sizeof(*names->buckets));
	for (uint32_t i = 0; i < names->count; i++)
		link_entry(names, i);
}

struct names *names_new(void)
{
	struct names *names = xcalloc(1, sizeof(*names));

	crypto_shorthash_keygen(names->key);
	grow(names);
	return names;
}

struct names *names_free(struct names *names)
{
	if (!names)
		return NULL;
	for (uint32_t i = 0; i < names->count; i++)
		free(names->entries[i].name);
	free(names->entries);
	free(names->buckets);
	free(names);
	return NULL;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_host_byte(char c)
{
	return (c >= 'a' && c <= 'z') || is_digit(c) || c == '-' || c == '_';
}

/* What inet_aton(3) and the URL standard take for a part of an address. */
static bool is_number(const char *label, size_t len)
{
	const bool hex = len >= 2 && label[0] == '0' && label[1] == 'x';

	for (size_t i = hex ? 2 : 0; i < len; i++) {
		if (!is_digit(label[i]) && !(hex && label[i] >= 'a' && label[i] <= 'f'))
			return false;
	}
	return true;
}

static bool is_label(const char *label, size_t len)
{
	if (len == 0 || len > MAX_LABEL_BYTES || label[0] == '-' || label[len - 1] == '-')
		return false;
	for (size_t i = 0; i < len; i++) {
		if (!is_host_byte(label[i]))
			return false;
	}
	return true;
}

static void put_lower(char *to, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		to[i] = (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] - 'A' + 'a' : text[i]);
	to[len] = '\0';
}

bool names_canonical(const char *text, size_t len, char ret[MAX_NAME_BYTES + 1])
{
	char name[MAX_NAME_BYTES + 1];
	size_t start = 0;

	if (len > 0 && text[len - 1] == '.')
		len--;
	if (len > MAX_NAME_BYTES)
		return false;
	put_lower(name, text, len);
	for (size_t at = 0; at <= len; at++) {
		if (at < len && name[at] != '.')
			continue;
		if (!is_label(name + start, at - start))
			return false;
		if (at == len && is_number(name + start, at - start))
			return false;
		start = at + 1;
	}
	memcpy(ret, name, len + 1);
	return true;
}

static uint32_t find_or_add(struct names *names, const char *name)
{
	for (uint32_t i = names->buckets[bucket_of(names, name)]; i != NOBODY;
	     i = names->entries[i].next) {
		if (strcmp(names->entries[i].name, name) == 0)
			return i;
	}
	if (names->count == MAX_NET_NAMES)
		return NOBODY;
	if (names->count == names->bucket_count)
		grow(names);
	names->entries[names->count].name = xstrdup(name);
	link_entry(names, names->count);
	return names->count++;
}

static void put_be32(uint8_t *to, uint32_t value)
{
	for (unsigned i = 0; i < 4; i++)
		to[i] = (uint8_t)(value >> (24 - 8 * i));
}

static uint32_t get_be32(const uint8_t *from)
{
	uint32_t value = 0;

	for (unsigned i = 0; i < 4; i++)
		value = value << 8 | from[i];
	return value;
}

int names_mint(struct names *names, const char *name, int family, uint8_t ret_address[16])
{
	const uint32_t i = find_or_add(names, name);

	if (i == NOBODY)
		return -ENOSPC;
	memset(ret_address, 0, 16);
	if (family == AF_INET) {
		memcpy(ret_address, v4_prefix, sizeof(v4_prefix));
		put_be32(ret_address + V4_BYTES_AT, V4_FIRST + i);
	} else {
		memcpy(ret_address, v6_prefix, sizeof(v6_prefix));
		put_be32(ret_address + 12, V6_FIRST + i);
	}
	return 0;
}

static bool is_v4(const uint8_t address[16])
{
	return memcmp(address, v4_prefix, sizeof(v4_prefix)) == 0;
}

bool names_is_pool(const uint8_t address[16])
{
	if (is_v4(address))
		return (get_be32(address + V4_BYTES_AT) & V4_POOL_MASK) == V4_POOL_NET;
	return memcmp(address, v6_prefix, sizeof(v6_prefix)) == 0;
}

const char *names_find(const struct names *names, const uint8_t address[16])
{
	uint32_t i;

	if (is_v4(address))
		i = get_be32(address + V4_BYTES_AT) - V4_FIRST;
	else if (names_is_pool(address) && get_be32(address + V6_PREFIX_SIZE) == 0)
		i = get_be32(address + 12) - V6_FIRST;
	else
		return NULL;
	return i < names->count ? names->entries[i].name : NULL;
}

size_t names_count(const struct names *names)
{
	return names->count;
}
