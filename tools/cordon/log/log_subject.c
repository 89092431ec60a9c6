/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cordon/log/log_subject.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"

/* An argument as a shell would want it, so that where one ends can be seen. */
static void put_argument(struct buf *out, const char *text)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "@%+=:,./_-";

	if (*text && text[strspn(text, plain)] == '\0') {
		buf_puts(out, text);
		return;
	}
	buf_putc(out, '\'');
	for (; *text; text++) {
		if (*text == '\'')
			buf_puts(out, "'\\''");
		else
			buf_putc(out, *text);
	}
	buf_putc(out, '\'');
}

static void put_arguments(struct buf *out, const struct json *argv, bool skip_first)
{
	for (const struct json *a = json_first(argv); a; a = json_next(a)) {
		if (skip_first && a == json_first(argv))
			continue;
		if (out->len)
			buf_putc(out, ' ');
		if (json_string(a))
			put_argument(out, json_string(a));
	}
}

static void put_address(struct buf *out, const struct json *fields)
{
	const char *address = json_get_string(fields, "address");
	const char *host = json_get_string(fields, "host");
	int64_t port = 0;

	buf_printf(out, strchr(address, ':') ? "[%s]" : "%s", address);
	if (json_i64(json_get(fields, "port"), 0, 65535, &port) == 0)
		buf_printf(out, ":%" PRId64, port);
	if (host && strcmp(host, address) != 0)
		buf_printf(out, " (%s)", host);
}

static void put_result(struct buf *out, const struct json *fields)
{
	int64_t result = 0;

	if (json_bool(json_get(fields, "write")))
		buf_puts(out, " (for writing)");
	if (json_i64(json_get(fields, "result"), -4095, -1, &result) == 0)
		buf_printf(out, " = %s",
			   strerrorname_np((int)-result) ? strerrorname_np((int)-result)
							 : "an error");
}

/* Nothing of none. */
static void put_count(struct buf *out, const struct json *fields, const char *key, const char *of)
{
	int64_t count = 0;

	if (json_i64(json_get(fields, key), 1, INT64_MAX, &count) == 0)
		buf_printf(out, ", %" PRId64 " %s", count, of);
}

/* How an execution ended. */
static void put_outcome(struct buf *out, const struct json *fields)
{
	int64_t status = 0;
	int64_t wall_ns = 0;

	buf_puts(out, json_get_string(fields, "outcome"));
	if (json_i64(json_get(fields, "status"), INT32_MIN, INT32_MAX, &status) == 0)
		buf_printf(out, " %" PRId64, status);
	if (json_bool(json_get(fields, "timed_out")))
		buf_puts(out, ", timed out");
	if (json_get_string(fields, "error"))
		buf_printf(out, ", %s", json_get_string(fields, "error"));
	if (json_i64(json_get(fields, "wall_ns"), 0, INT64_MAX, &wall_ns) == 0)
		buf_printf(out, ", %.1f ms", (double)wall_ns / 1e6);
	put_count(out, fields, "memory_kills", "killed for want of memory");
	put_count(out, fields, "refused_forks", "processes refused");
	put_count(out, fields, "disk_ends", "ended for want of room on the disk");
	put_count(out, fields, "left", "still running");
}

static void put_limit(struct buf *out, const struct json *fields)
{
	buf_puts(out, json_get_string(fields, "limit"));
	if (json_get_string(fields, "op"))
		buf_printf(out, ", %s of %s", json_get_string(fields, "op"),
			   json_get_string(fields, "exe") ? json_get_string(fields, "exe") : "?");
	else
		put_count(out, fields, "hits", "times");
}

static void put_path(struct buf *out, const struct json *fields)
{
	const struct json *argv = json_get(fields, "argv");

	if (json_get_string(fields, "op"))
		buf_printf(out, "%s ", json_get_string(fields, "op"));
	put_argument(out,
		     json_get_string(fields, "path") ? json_get_string(fields, "path") : "memory");
	if (json_get_string(fields, "target")) {
		buf_puts(out, " -> ");
		put_argument(out, json_get_string(fields, "target"));
	}
	if (argv)
		put_arguments(out, argv, true);
	put_result(out, fields);
}

void log_put_arguments(struct buf *out, const struct json *argv)
{
	put_arguments(out, argv, false);
}

/* Of mem.exec: no file shows in it. */
static bool is_memory(const struct json *fields)
{
	const char *provenance = json_get_string(fields, "provenance");

	return provenance && strcmp(provenance, "anonymous") == 0;
}

void log_put_subject(struct buf *out, const struct json *fields)
{
	_cleanup_free_ char *all = NULL;

	if (!json_first(fields))
		return;
	if (json_get_string(fields, "outcome")) {
		put_outcome(out, fields);
	} else if (json_get_string(fields, "limit")) {
		put_limit(out, fields);
	} else if (json_get_string(fields, "address") && *json_get_string(fields, "address")) {
		put_address(out, fields);
		put_result(out, fields);
	} else if (json_get(fields, "labels")) {
		put_arguments(out, json_get(fields, "labels"), false);
		if (json_get_string(fields, "path"))
			buf_printf(out, " from %s", json_get_string(fields, "path"));
	} else if (json_get_string(fields, "path") || is_memory(fields)) {
		put_path(out, fields);
	} else if (json_get(fields, "argv")) {
		put_arguments(out, json_get(fields, "argv"), false);
	} else if (json_get_string(fields, "tool")) {
		buf_puts(out, json_get_string(fields, "tool"));
		if (json_get_string(fields, "command"))
			buf_printf(out, ": %s", json_get_string(fields, "command"));
		else if (json_get_string(fields, "args"))
			buf_printf(out, " %s", json_get_string(fields, "args"));
		else if (json_get(fields, "is_error"))
			buf_puts(out, json_bool(json_get(fields, "is_error")) ? ": error" : ": ok");
	} else {
		all = json_print(fields);
		buf_puts(out, all);
	}
}
