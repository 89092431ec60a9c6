/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/evidence/mask.h"

#include <stdint.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/json_scan.h"
#include "common/json_write.h"

/* Shown of a text that is not looked at whole: a match that begins in there ends in what is. */
#define SHOWN_BYTES (32u << 10)

struct walk;

/* Puts in @masked what stands there instead of a text. Return: the marks in it; 0: nothing does. */
typedef size_t (*mask_fn)(const struct walk *walk, struct str looked, bool is_whole,
			  struct buf *masked);

struct walk {
	const struct masker *masker;
	mask_fn mask;
	const char *text;
	size_t len;
	size_t copied;	 /* of the text, to `out` */
	struct buf *out; /* borrowed */
	size_t left;	 /* bytes of this member that may still be looked at */
	size_t marks;
	unsigned depth;
	bool is_event; /* else the arguments of a tool, whose keys are the agent's words too */
	bool is_kept;  /* by the key that was read last */
	bool is_args;
};

static const char *const kept_keys[] = {
	"session", "kind",   "verdict",		 "rule",	   "category",	     "severity",
	"mode",	   "labels", "process_labels",	 "session.labels", "process.labels", "canaries",
	"policy",  "utc",    "policy_signed_by", "signer",	   "answered_by",
};

static bool is_key(struct str key, const char *name)
{
	return str_eq(key, (struct str){name, strlen(name)});
}

static void on_key(struct walk *walk, struct str key)
{
	walk->is_args = is_key(key, "args");
	walk->is_kept = false;
	for (size_t i = 0; i < sizeof(kept_keys) / sizeof(kept_keys[0]) && !walk->is_kept; i++)
		walk->is_kept = is_key(key, kept_keys[i]);
	if (walk->depth == 1)
		walk->left = MASK_LOOK_BYTES;
}

static bool begins_character(struct str text, size_t at)
{
	return at >= text.len || ((unsigned char)text.at[at] & 0xc0) != 0x80;
}

static struct str cut_to(struct str text, size_t most)
{
	while (most < text.len && !begins_character(text, most))
		most--;
	return (struct str){text.at, most < text.len ? most : text.len};
}

static struct str text_of(const struct buf *buf)
{
	return (struct str){buf->len ? buf->data : "", buf->len};
}

/* The inside of the string whose quote is at @at. *ret_looked: as much of it as may be looked at,
 * which ends with a whole character. */
static struct str read_string(const struct walk *walk, size_t at, struct str *ret_looked)
{
	const struct str rest = {walk->text + at + 1, walk->len - at - 1};
	size_t fits = 0;
	size_t i = 0;

	while (i < rest.len && rest.at[i] != '"') {
		size_t step = 1;

		if (rest.at[i] == '\\')
			step = i + 1 < rest.len && rest.at[i + 1] == 'u' ? 6 : 2;
		i = step < rest.len - i ? i + step : rest.len;
		if (i <= walk->left && begins_character(rest, i))
			fits = i;
	}
	*ret_looked = (struct str){rest.at, fits};
	return (struct str){rest.at, i};
}

static size_t walk_text(struct walk *walk);

static struct str decode(struct str inside, struct buf *plain)
{
	if (!inside.len || !memchr(inside.at, '\\', inside.len))
		return inside;
	json_unescape(inside.at, inside.len, plain);
	return text_of(plain);
}

/* @before: marks that are in the text already. */
static size_t mask_text(const struct walk *walk, struct str text, bool is_whole, size_t before,
			struct buf *masked)
{
	const struct masker *masker = walk->masker;
	const size_t most = is_whole ? SIZE_MAX : SHOWN_BYTES;
	const size_t more = masker->redact(masker->ctx, masker->key, text, most, masked);

	if (!more && (before || !is_whole)) {
		text = cut_to(text, most);
		buf_put(masked, text.at, text.len);
	}
	if (is_whole)
		return before + more;
	buf_puts(masked, MASK_UNSEEN);
	return before + more + 1;
}

static size_t mask_argument(const struct walk *walk, struct str looked, bool is_whole,
			    struct buf *masked)
{
	_cleanup_buf_ struct buf plain = BUF_INIT(0);

	return mask_text(walk, decode(looked, &plain), is_whole, 0, masked);
}

static size_t mask_value(const struct walk *walk, struct str looked, bool is_whole,
			 struct buf *masked)
{
	_cleanup_buf_ struct buf plain = BUF_INIT(0);
	_cleanup_buf_ struct buf args = BUF_INIT(0);
	struct str text = decode(looked, &plain);
	struct walk inner = {.masker = walk->masker,
			     .mask = mask_argument,
			     .text = text.at,
			     .len = text.len,
			     .out = &args,
			     .left = SIZE_MAX};

	if (walk->is_args && walk_text(&inner))
		text = text_of(&args);
	return mask_text(walk, text, is_whole, inner.marks, masked);
}

/* Return: where the text goes on behind the string at @at. */
static size_t on_string(struct walk *walk, size_t at)
{
	_cleanup_buf_ struct buf masked = BUF_INIT(0);
	struct json_writer w = {.out = walk->out};
	struct str looked;
	const struct str inside = read_string(walk, at, &looked);
	const size_t end = at + 1 + inside.len;
	const size_t next = end < walk->len ? end + 1 : walk->len;
	size_t marks;

	if (walk->is_event && next < walk->len && walk->text[next] == ':') {
		on_key(walk, inside);
		return next;
	}
	if (walk->is_kept)
		return next;
	walk->left -= looked.len;
	marks = walk->mask(walk, looked, looked.len == inside.len, &masked);
	if (!marks)
		return next;
	walk->marks += marks;
	buf_put(walk->out, walk->text + walk->copied, at - walk->copied);
	/* Not `exact`: bytes that are no UTF-8 are written out in it already. */
	json_text(&w, masked.data, masked.len);
	walk->copied = next;
	return next;
}

static size_t walk_text(struct walk *walk)
{
	size_t at = 0;

	while (at < walk->len) {
		const char c = walk->text[at];

		walk->depth += c == '{' || c == '[';
		walk->depth -= (c == '}' || c == ']') && walk->depth;
		at = c == '"' ? on_string(walk, at) : at + 1;
	}
	buf_put(walk->out, walk->text + walk->copied, walk->len - walk->copied);
	return walk->marks;
}

size_t mask_line(const struct masker *masker, const char *line, size_t len, struct buf *out)
{
	struct walk walk = {.masker = masker,
			    .mask = mask_value,
			    .text = line,
			    .len = len,
			    .out = out,
			    .left = MASK_LOOK_BYTES,
			    .is_event = true};

	return walk_text(&walk);
}
