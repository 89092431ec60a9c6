/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/net/decoy/script.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"

/* As in monitor/net/scan.h: what is shorter is found everywhere, what is longer nowhere. */
#define MIN_CANARY 8u
#define MAX_CANARY 256u

struct entry_row {
	const struct json *host, *path, *method, *port, *status, *headers, *body, *canary;
};

static const struct json_field entry_fields[] = {
	{"host", JSON_STRING, true, offsetof(struct entry_row, host)},
	{"path", JSON_STRING, false, offsetof(struct entry_row, path)},
	{"method", JSON_STRING, false, offsetof(struct entry_row, method)},
	{"port", JSON_NUMBER, false, offsetof(struct entry_row, port)},
	{"status", JSON_NUMBER, false, offsetof(struct entry_row, status)},
	{"headers", JSON_OBJECT, false, offsetof(struct entry_row, headers)},
	{"body", JSON_STRING, false, offsetof(struct entry_row, body)},
	{"canary", JSON_STRING, false, offsetof(struct entry_row, canary)},
};

static int wrong(struct error *err, const char *place, const char *member, const char *reason)
{
	return error_set(err, EINVAL, "%s.%s: %s", place, member, reason);
}

static bool is_text(const char *text, const char *others)
{
	for (const char *c = text; *c; c++) {
		if (!isalnum((unsigned char)*c) && !strchr(others, *c))
			return false;
	}
	return text[0] != '\0';
}

static int take_integer(const struct json *node, const char *place, int64_t min, int64_t max,
			int64_t *ret, struct error *err)
{
	_cleanup_free_ char *reason = NULL;

	if (!node || json_i64(node, min, max, ret) == 0)
		return 0;
	reason = xasprintf("must be a whole number from %lld to %lld", (long long)min,
			   (long long)max);
	return wrong(err, place, json_key(node), reason);
}

static int take_headers(const struct json *object, const char *place, struct script_entry *entry,
			struct error *err)
{
	entry->fields = xcalloc(json_length(object), sizeof(*entry->fields));
	for (const struct json *m = json_first(object); m; m = json_next(m)) {
		const char *value = json_string(m);

		if (!is_text(json_key(m), "-_") || !value || strpbrk(value, "\r\n"))
			return wrong(err, place, "headers",
				     "must be names of letters, digits, - and _, with strings of "
				     "one line");
		if (strcasecmp(json_key(m), "Content-Length") == 0 ||
		    strcasecmp(json_key(m), "Transfer-Encoding") == 0 ||
		    strcasecmp(json_key(m), "Connection") == 0)
			return wrong(err, place, "headers",
				     "how long the answer is follows from its body");
		entry->fields[entry->field_count++] =
			(struct script_field){xstrdup(json_key(m)), xstrdup(value)};
	}
	return 0;
}

static const char *check(const struct entry_row *row, const char **ret_member)
{
	const char *host = json_string(row->host);
	const char *text;

	*ret_member = "host";
	if (!is_text(strncmp(host, "*.", 2) == 0 ? host + 2 : host, ".-_:"))
		return "must be a name, *.NAME, or an address";
	*ret_member = "path";
	if (row->path && json_string(row->path)[0] != '/')
		return "must begin with /";
	*ret_member = "method";
	if (row->method && !is_text(json_string(row->method), "-_"))
		return "must be a word";
	*ret_member = "canary";
	text = row->canary ? json_string(row->canary) : NULL;
	if (text && (strlen(text) < MIN_CANARY || strlen(text) > MAX_CANARY))
		return "must have 8 to 256 bytes";
	return NULL;
}

static char *copy_of(const struct json *node)
{
	return node ? xstrdup(json_string(node)) : NULL;
}

static int decode_entry(const struct json *node, const char *place, struct script_entry *entry,
			struct error *err)
{
	int64_t status = 200;
	int64_t port = 0;
	struct entry_row row;
	const char *member;
	const char *reason;
	int r = json_decode(node, place, entry_fields,
			    sizeof(entry_fields) / sizeof(entry_fields[0]), &row, err);

	if (r < 0)
		return r;
	reason = check(&row, &member);
	if (reason)
		return wrong(err, place, member, reason);
	r = take_integer(row.status, place, 200, 599, &status, err);
	if (r == 0)
		r = take_integer(row.port, place, 1, 65535, &port, err);
	if (r == 0 && row.headers)
		r = take_headers(row.headers, place, entry, err);
	if (r < 0)
		return r;
	entry->host = xstrdup(json_string(row.host));
	for (char *c = entry->host; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	entry->path = copy_of(row.path);
	entry->method = copy_of(row.method);
	entry->canary = copy_of(row.canary);
	entry->body = row.body ? copy_of(row.body) : xstrdup("");
	entry->status = (int)status;
	entry->port = (uint16_t)port;
	return 0;
}

int script_decode(const struct json *array, const char *place, struct decoy_script *ret,
		  struct error *err)
{
	struct decoy_script script = {0};
	size_t canaries = 0;
	int r = 0;

	if (json_type(array) != JSON_ARRAY)
		return error_set(err, EINVAL, "%s: expected array, found %s", place,
				 json_type_name(json_type(array)));
	if (json_length(array) > MAX_SCRIPT_ENTRIES)
		return error_set(err, E2BIG, "%s: at most %u answers", place, MAX_SCRIPT_ENTRIES);
	script.entries = xcalloc(json_length(array) + 1, sizeof(*script.entries));
	for (const struct json *i = json_first(array); r == 0 && i; i = json_next(i)) {
		_cleanup_free_ char *at = xasprintf("%s[%zu]", place, script.count);

		r = decode_entry(i, at, &script.entries[script.count++], err);
		if (r == 0 && script.entries[script.count - 1].canary &&
		    ++canaries > MAX_SCRIPT_CANARIES)
			r = wrong(err, at, "canary", "one too many: 16 are looked for");
	}
	if (r < 0) {
		script_done(&script);
		return r;
	}
	*ret = script;
	return 0;
}

void script_done(struct decoy_script *script)
{
	for (size_t i = 0; i < script->count; i++) {
		struct script_entry *entry = &script->entries[i];

		for (size_t k = 0; k < entry->field_count; k++) {
			free(entry->fields[k].name);
			free(entry->fields[k].value);
		}
		free(entry->fields);
		free(entry->host);
		free(entry->path);
		free(entry->method);
		free(entry->body);
		free(entry->canary);
	}
	free(script->entries);
	*script = (struct decoy_script){0};
}

static bool host_matches(const char *pattern, const char *host)
{
	const size_t len = strlen(host);
	const size_t tail = strlen(pattern) - 1;

	if (strncmp(pattern, "*.", 2) != 0)
		return strcmp(pattern, host) == 0;
	return len > tail && strcmp(host + len - tail, pattern + 1) == 0;
}

const struct script_entry *script_find(const struct decoy_script *script, const char *host,
				       uint16_t port, const char *method, struct str path)
{
	for (size_t i = 0; script && i < script->count; i++) {
		const struct script_entry *entry = &script->entries[i];
		const size_t len = entry->path ? strlen(entry->path) : 0;

		if (host_matches(entry->host, host) && (!entry->port || entry->port == port) &&
		    (!entry->method || strcmp(entry->method, method) == 0) && path.len >= len &&
		    (!len || memcmp(path.at, entry->path, len) == 0))
			return entry;
	}
	return NULL;
}
