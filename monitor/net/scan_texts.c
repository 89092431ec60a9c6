/* SPDX-License-Identifier: Apache-2.0 */

/* The patterns of a scan: what encoders make of its texts. */

#include <string.h>

#include "common/buf.h"
#include "monitor/net/scan_internal.h"

static const char base64_standard[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char base64_url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/*
 * What stands in the middle of any base64 that holds the text behind @before other bytes: only
 * characters all of whose bits are the text's.
 */
static void add_base64(struct finder *finder, const uint8_t *text, size_t len, size_t before,
		       const char *alphabet, unsigned id)
{
	uint8_t out[SCAN_MAX_TEXT * 4 / 3 + 4];
	const size_t first = (before * 8 + 5) / 6;
	const size_t end = (before + len) * 8 / 6;

	for (size_t i = first; i < end; i++) {
		const size_t bit = i * 6 - before * 8;
		const unsigned high = text[bit / 8];
		const unsigned low = bit / 8 + 1 < len ? text[bit / 8 + 1] : 0;

		out[i - first] = (uint8_t)alphabet[(high << 8 | low) >> (10 - bit % 8) & 63];
	}
	finder_add(finder, out, end - first, id);
}

static void add_hex(struct finder *finder, const uint8_t *text, size_t len, const char *digits,
		    unsigned id)
{
	uint8_t out[2 * SCAN_MAX_TEXT];

	for (size_t i = 0; i < len; i++) {
		out[2 * i] = (uint8_t)digits[text[i] >> 4];
		out[2 * i + 1] = (uint8_t)digits[text[i] & 15];
	}
	finder_add(finder, out, 2 * len, id);
}

/* In a form (application/x-www-form-urlencoded); its other escapes are undone. */
static void add_form(struct finder *finder, const uint8_t *text, size_t len, unsigned id)
{
	uint8_t out[SCAN_MAX_TEXT];

	for (size_t i = 0; i < len; i++)
		out[i] = text[i] == ' ' ? '+' : text[i];
	finder_add(finder, out, len, id);
}

/*
 * In a string of JSON, with the escapes that everybody writes (RFC 8259 7); @slashes: with that of
 * "/", too, which PHP writes and others do not.
 */
static void add_json(struct finder *finder, const uint8_t *text, size_t len, bool slashes,
		     unsigned id)
{
	static const char escaped[] = "\"\\\b\f\n\r\t/";
	static const char letters[] = "\"\\bfnrt/";
	const size_t count = sizeof(letters) - (slashes ? 1 : 2);
	uint8_t out[2 * SCAN_MAX_TEXT];
	size_t made = 0;

	for (size_t i = 0; i < len; i++) {
		const char *which = memchr(escaped, text[i], count);

		if (which)
			out[made++] = '\\';
		out[made++] = which ? (uint8_t)letters[which - escaped] : text[i];
	}
	finder_add(finder, out, made, id);
}

static void add_text(struct scan_set *set, const uint8_t *text, size_t len, unsigned id)
{
	finder_add(&set->plain, text, len, id);
	add_form(&set->plain, text, len, id);
	add_json(&set->plain, text, len, false, id);
	if (memchr(text, '/', len))
		add_json(&set->plain, text, len, true, id);
	for (size_t before = 0; before < 3; before++) {
		add_base64(&set->encoded, text, len, before, base64_standard, id);
		add_base64(&set->encoded, text, len, before, base64_url, id);
	}
	add_hex(&set->encoded, text, len, "0123456789abcdef", id);
	add_hex(&set->encoded, text, len, "0123456789ABCDEF", id);
}

int scan_set_new(const struct str *texts, size_t count, struct scan_set **ret, struct error *err)
{
	if (count > SCAN_MAX_TEXTS)
		return error_set(err, E2BIG, "%zu texts to be searched for: at most %u", count,
				 SCAN_MAX_TEXTS);
	for (size_t i = 0; i < count; i++) {
		if (texts[i].len < SCAN_MIN_TEXT || texts[i].len > SCAN_MAX_TEXT)
			return error_set(
				err, EINVAL,
				"text %zu to be searched for has %zu bytes: at least %u, at most %u",
				i + 1, texts[i].len, SCAN_MIN_TEXT, SCAN_MAX_TEXT);
	}
	_cleanup_(scan_set_freep) struct scan_set *set = xcalloc(1, sizeof(*set));

	for (size_t i = 0; i < count; i++)
		add_text(set, (const uint8_t *)texts[i].at, texts[i].len, (unsigned)i);
	finder_build(&set->plain);
	finder_build(&set->encoded);
	*ret = take_ptr(set);
	return 0;
}

struct scan_set *scan_set_free(struct scan_set *set)
{
	if (set) {
		finder_done(&set->plain);
		finder_done(&set->encoded);
		free(set);
	}
	return NULL;
}
