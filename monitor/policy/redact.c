/* SPDX-License-Identifier: Apache-2.0 */

#include "monitor/policy/redact.h"

#include <errno.h>
#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "monitor/policy/cel/cel_regex.h"
#include "monitor/policy/rule.h"

struct redact_row {
	const struct json *name, *pattern;
};

static const struct json_field fields[] = {
	{"name", JSON_STRING, true, offsetof(struct redact_row, name)},
	{"pattern", JSON_STRING, true, offsetof(struct redact_row, pattern)},
};

static const char *wrong_name(const struct policy *policy, const char *name)
{
	if (strlen(name) > MAX_NAME_BYTES ||
	    strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") != strlen(name) || !*name)
		return "a name has letters a-z, digits, _ and -";
	for (size_t i = 0; i < policy->redact_count; i++) {
		if (strcmp(policy->redacts[i].name, name) == 0)
			return "there is a pattern of this name already";
	}
	return NULL;
}

static int add_pattern(struct policy *policy, const struct source *source, const char *path,
		       const struct redact_row *row, struct error *err)
{
	_cleanup_free_ char *at_name = xasprintf("%s.name", path);
	_cleanup_free_ char *at_pattern = xasprintf("%s.pattern", path);
	const char *name = json_string(row->name);
	const char *wrong = wrong_name(policy, name);
	struct regex *regex;

	if (wrong)
		return source_error(source, err, EINVAL, at_name, "%s", wrong);
	regex = regex_new(str_of(json_string(row->pattern)), &wrong);
	if (!regex)
		return source_error(source, err, EINVAL, at_pattern, "%s", wrong);
	policy->redacts =
		xrealloc_array(policy->redacts, policy->redact_count + 1, sizeof(*policy->redacts));
	policy->redacts[policy->redact_count++] =
		(struct redact_pattern){.name = xstrdup(name), .regex = regex};
	return 0;
}

int policy_decode_redact(struct policy *policy, const struct source *source,
			 const struct json *node, struct error *err)
{
	size_t n = 0;

	for (const struct json *i = json_first(node); i; i = json_next(i), n++) {
		_cleanup_free_ char *path = xasprintf("$.redact[%zu]", n);
		struct redact_row row;
		int r;

		if (json_decode(i, path, fields, 2, &row, err) < 0)
			return source_located(source, err);
		r = add_pattern(policy, source, path, &row, err);
		if (r < 0)
			return r;
	}
	return 0;
}

void policy_free_redact(struct policy *policy)
{
	for (size_t i = 0; i < policy->redact_count; i++) {
		free(policy->redacts[i].name);
		free(policy->redacts[i].regex);
	}
	free(policy->redacts);
}

void redact_spans_add(struct redact_spans *spans, struct redact_span span)
{
	spans->items = xrealloc_array(spans->items, spans->count + 1, sizeof(*spans->items));
	spans->items[spans->count++] = span;
}

void redact_spans_done(struct redact_spans *spans)
{
	free(spans->items);
}

bool policy_has_redact(const struct policy *policy)
{
	return policy->redact_count > 0;
}

static int add_matches(const struct redact_pattern *p, struct str text, struct redact_spans *spans)
{
	_cleanup_free_ void *scratch = xcalloc(1, regex_span_scratch(p->regex));
	_cleanup_free_ struct regex_span *found = NULL;
	size_t size, count;

	/* Of most texts this is all, and it takes no room for what is found. */
	if (!regex_match(p->regex, text, scratch))
		return 0;
	size = text.len < MAX_REDACT_SPANS ? text.len + 1 : MAX_REDACT_SPANS;
	found = xcalloc(size, sizeof(*found));
	count = regex_spans(p->regex, text, scratch, found, size);
	if (count > size)
		return -E2BIG;
	for (size_t n = 0; n < count; n++)
		redact_spans_add(
			spans, (struct redact_span){found[n].start, found[n].end, str_of(p->name)});
	return 0;
}

int policy_redact_spans(const struct policy *policy, struct str text, struct redact_spans *spans)
{
	int r = text.len > UINT32_MAX ? -E2BIG : 0;

	for (size_t i = 0; i < policy->redact_count && r == 0; i++)
		r = add_matches(&policy->redacts[i], text, spans);
	return r;
}
