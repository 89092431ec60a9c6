/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The index loses nothing: where a pattern matches a text, the pattern's key is among the keys of
 * the text, and a list of globs says what trying each of them says. The input is two patterns and
 * a text, each on a line; beside the text as it is, one is made from the first pattern by putting
 * parts of the text in place of its wildcards, so that many match.
 */

#include "tests/support/fuzz.h"

#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "monitor/policy/globs.h"
#include "monitor/policy/match.h"

struct search {
	struct key wanted;
	bool found;
};

static void on_key(void *arg, uint64_t hash, uint8_t bits)
{
	struct search *search = arg;

	search->found |= hash == search->wanted.hash && bits == search->wanted.bits;
}

static bool has_key(struct key wanted, struct str text)
{
	struct search search = {.wanted = wanted};
	uint64_t lengths[KEY_LENGTH_WORDS] = {0};

	if (wanted.bits / 64 < KEY_LENGTH_WORDS)
		lengths[wanted.bits / 64] = UINT64_C(1) << (wanted.bits % 64);
	keys_of_text(wanted.kind, text, lengths, on_key, &search);
	return search.found;
}

static void check_glob(struct str pattern, struct str text)
{
	struct key key;

	if (!glob_check(pattern, false) && glob_match(pattern, text, false) &&
	    key_of_glob(pattern, &key))
		fuzz_expect(has_key(key, text) && (!key.first || key.first == path_first(text)));
}

static void check_globs(const struct str patterns[2], struct str text)
{
	struct globs *globs = NULL;
	struct path_keys keys;
	bool matches = false;

	for (unsigned i = 0; i < 2; i++) {
		if (glob_check(patterns[i], false))
			return;
		matches |= glob_match(patterns[i], text, false);
	}
	path_keys_of(text, &keys);
	if (keys.count > MAX_PATH_KEYS)
		return;
	fuzz_expect(path_keys_first(&keys) == path_first(text));
	globs = globs_new(patterns, 2);
	fuzz_expect(globs_match(globs, &keys) == matches);
	(void)globs_free(globs);
}

static void check_host(struct str pattern, struct str text)
{
	struct key key;

	if (!host_check(pattern) && host_match(pattern, text) && key_of_host(pattern, &key))
		fuzz_expect(has_key(key, text));
}

/* A text that is no address may match: inCIDR() gives an error for it. */
static void check_net(struct str pattern, struct str text)
{
	uint8_t address[16];
	struct cidr net;
	struct key key;

	if (cidr_parse(pattern, &net))
		return;
	key_of_net(&net, &key);
	if (text.len && !address_parse(text, address))
		key_of_no_address(&key);
	else if (!text.len || !cidr_has(&net, address))
		return;
	fuzz_expect(has_key(key, text));
}

static void check_start(struct str pattern, struct str text)
{
	uint64_t wanted;
	uint64_t has;

	if (text.len >= pattern.len && str_eq((struct str){text.at, pattern.len}, pattern) &&
	    hash_start(pattern, &wanted))
		fuzz_expect(hash_start(text, &has) && has == wanted);
}

static void check(const struct str patterns[2], struct str text)
{
	for (unsigned i = 0; i < 2; i++) {
		check_glob(patterns[i], text);
		check_host(patterns[i], text);
		check_net(patterns[i], text);
		check_start(patterns[i], text);
	}
	check_globs(patterns, text);
}

/* The next part of what is left of the text: as many bytes as its first one says. */
static void put_part(struct buf *out, struct str *left)
{
	size_t n = left->len ? (unsigned char)left->at[0] % 8u : 0;

	n = n < left->len ? n : left->len;
	buf_put(out, left->at, n);
	*left = (struct str){left->at + n, left->len - n};
}

static void fill_in(struct str pattern, struct str text, struct buf *out)
{
	for (size_t i = 0; i < pattern.len; i++) {
		const char c = pattern.at[i];

		if (c == '~' && i == 0)
			buf_puts(out, SESSION_HOME);
		else if (c == '\\' && i + 1 < pattern.len)
			buf_putc(out, pattern.at[++i]);
		else if (c == '*')
			put_part(out, &text);
		else
			buf_putc(out, c == '?' ? 'x' : c);
	}
}

static struct str next_line(struct str *rest)
{
	const char *end = rest->len ? memchr(rest->at, '\n', rest->len) : NULL;
	const struct str line = {rest->at, end ? (size_t)(end - rest->at) : rest->len};
	const size_t used = line.len + (end != NULL);

	*rest = (struct str){rest->at + used, rest->len - used};
	return line;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str rest = {size ? (const char *)data : "", size};
	struct str patterns[2];
	_cleanup_buf_ struct buf filled = BUF_INIT(0);

	if (size > 4096)
		return 0;
	patterns[0] = next_line(&rest);
	patterns[1] = next_line(&rest);
	check(patterns, rest);
	fill_in(patterns[0], rest, &filled);
	if (filled.len)
		check(patterns, (struct str){filled.data, filled.len});
	return 0;
}
