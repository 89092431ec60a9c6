/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Patterns of "redact" that are gone, or have become another. What they matched is then shown in
 * results, refusals and records. Whether another pattern takes in all of that is not compared.
 */

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "tools/cordon/policy/diff_internal.h"

enum looked_for {
	BY_NAME,
	BY_PATTERN
};

/* The pattern of this name or this text; NULL: there is none. */
static const char *find(const struct policy_trees *set, enum looked_for by, const char *text)
{
	const char *const member = by == BY_NAME ? "name" : "pattern";

	for (size_t i = 0; i < set->sources.count; i++) {
		const struct json *all = json_get(set->sources.items[i].doc, "redact");

		for (const struct json *p = json_first(all); p; p = json_next(p)) {
			if (strcmp(json_get_string(p, member), text) == 0)
				return json_get_string(p, "pattern");
		}
	}
	return NULL;
}

void diff_find_unredacted(struct diffing *d)
{
	for (size_t i = 0; i < d->old.sources.count; i++) {
		const struct json *all = json_get(d->old.sources.items[i].doc, "redact");

		for (const struct json *p = json_first(all); p; p = json_next(p)) {
			const char *name = json_get_string(p, "name");
			const char *pattern = json_get_string(p, "pattern");

			/* Under another name it redacts the same. */
			if (find(&d->new, BY_PATTERN, pattern))
				continue;
			d->unredacted = xrealloc_array(d->unredacted, d->unredacted_count + 1,
						       sizeof(*d->unredacted));
			d->unredacted[d->unredacted_count++] =
				(struct unredacted){name, pattern, find(&d->new, BY_NAME, name)};
		}
	}
}
