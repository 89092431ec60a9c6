/* SPDX-License-Identifier: Apache-2.0 */

/* What is protected, cut out of the record and of what an agent is told of a refusal. */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "common/cleanup.h"
#include "monitor/evidence/mask.h"
#include "monitor/net/canary.h"
#include "monitor/policy/redact.h"
#include "monitor/redact.h"

struct redactor {
	const struct policy *policy; /* borrowed */
	struct canaries canaries;
};

int redactor_new(const struct policy *policy, const char *const *canaries, struct redactor **ret,
		 struct error *err)
{
	struct redactor *redactor = xcalloc(1, sizeof(*redactor));
	const int r = canaries_add_given(&redactor->canaries, canaries, err);

	redactor->policy = policy;
	if (r < 0 || (!redactor->canaries.count && !policy_has_redact(policy)))
		redactor = redactor_free(redactor);
	*ret = redactor;
	return r;
}

struct redactor *redactor_free(struct redactor *redactor)
{
	if (redactor)
		canaries_done(&redactor->canaries);
	free(redactor);
	return NULL;
}

static void put_mark(const unsigned char *key, struct str name, struct str hidden, struct buf *out)
{
	unsigned char hash[crypto_generichash_BYTES_MIN];

	buf_puts(out, "[redacted:");
	buf_put(out, name.at, name.len);
	if (key) {
		(void)crypto_generichash(hash, sizeof(hash), (const unsigned char *)hidden.at,
					 hidden.len, key, RECORD_MASK_KEY_BYTES);
		buf_printf(out, ":%02x%02x%02x%02x", hash[0], hash[1], hash[2], hash[3]);
	}
	buf_putc(out, ']');
}

/* Up to @most the text goes on; what lies in some span, and those that overlap with it, is one
 * mark. */
static size_t put_marked(const unsigned char *key, struct str text, size_t most,
			 const struct redact_spans *spans, struct buf *out)
{
	size_t marks = 0;
	size_t at = 0;

	while (most < text.len && most && ((unsigned char)text.at[most] & 0xc0) == 0x80)
		most--;
	most = most < text.len ? most : text.len;
	for (size_t i = 0; i < spans->count && spans->items[i].start < most;) {
		const struct redact_span *first = &spans->items[i];
		size_t end = first->end;

		for (i++; i < spans->count && spans->items[i].start < end; i++)
			end = spans->items[i].end > end ? spans->items[i].end : end;
		buf_put(out, text.at + at, first->start - at);
		put_mark(key, first->name, (struct str){text.at + first->start, end - first->start},
			 out);
		marks++;
		at = end;
	}
	if (marks && at < most)
		buf_put(out, text.at + at, most - at);
	return marks;
}

size_t redactor_mask(void *ctx, const unsigned char *key, struct str text, size_t most,
		     struct buf *out)
{
	const struct redactor *redactor = ctx;
	_cleanup_(redact_spans_done) struct redact_spans spans = {0};

	redact_find_canaries(&redactor->canaries, text, &spans);
	if (policy_redact_spans(redactor->policy, text, &spans) < 0) {
		buf_puts(out, MASK_UNSEEN);
		return 1;
	}
	redact_sort(&spans);
	return put_marked(key, text, most, &spans, out);
}

void redactor_copy(struct redactor *redactor, struct str text, char *to, size_t size)
{
	_cleanup_buf_ struct buf marked = BUF_INIT(0);

	if (redactor && redactor_mask(redactor, NULL, text, SIZE_MAX, &marked))
		text = (struct str){marked.data, marked.len};
	(void)snprintf(to, size, "%.*s", (int)text.len, text.at ? text.at : "");
}
