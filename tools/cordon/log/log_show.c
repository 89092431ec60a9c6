/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cordon/log/log_show.h"

#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/plain.h"
#include "tools/cordon/log/log_severity.h"
#include "tools/cordon/log/log_subject.h"

#define MAX_SUBJECT 240u
#define MAX_BECAUSE 2000u
#define MAX_VERDICT 8u
#define MAX_WORD    16u
#define NS_PER_S    1000000000

/* Text from inside a sandbox. */
static void print_plain(FILE *out, const char *text, size_t max_bytes)
{
	_cleanup_buf_ struct buf plain = BUF_INIT(0);

	buf_put_plain(&plain, text, max_bytes);
	if (plain.len)
		(void)fwrite(plain.data, 1, plain.len, out);
}

bool log_raw_u64(const char *line, size_t len, const char *key, uint64_t *ret)
{
	const char *at;
	size_t n;
	char digits[24];

	if (json_member_raw(line, len, key, &at, &n) < 0 || n == 0 || n >= sizeof(digits) ||
	    *at < '0' || *at > '9')
		return false;
	(void)memcpy(digits, at, n);
	digits[n] = '\0';
	*ret = strtoull(digits, NULL, 10);
	return true;
}

/* "2026-11-24T05:00:00.123456789Z" of session.start. */
static void learn_utc(struct log_printer *p, const struct json *event, uint64_t ts)
{
	const char *utc = json_get_string(json_get(event, "fields"), "utc");
	struct tm parts = {0};
	const char *rest;
	char *end;

	if (!utc)
		return;
	rest = strptime(utc, "%Y-%m-%dT%H:%M:%S", &parts);
	if (!rest)
		return;
	p->start_utc_ns = 0;
	if (*rest == '.') {
		const long fraction = strtol(rest + 1, &end, 10);
		long scaled = fraction;

		for (long digits = end - rest - 1; digits < 9; digits++)
			scaled = scaled < NS_PER_S ? scaled * 10 : scaled;
		p->start_utc_ns = scaled >= 0 && scaled < NS_PER_S ? scaled : 0;
		rest = end;
	}
	if (strcmp(rest, "Z") != 0)
		return;
	p->start_utc_s = timegm(&parts);
	p->start_ns = ts;
	p->has_utc = true;
}

void log_learn_start(struct log_printer *p, const struct json *event, const char *line, size_t len)
{
	const char *kind = json_get_string(event, "kind");
	uint64_t ts = 0;

	if (kind && strcmp(kind, "session.start") == 0 && log_raw_u64(line, len, "ts", &ts))
		learn_utc(p, event, ts);
}

int64_t log_utc_ns(const struct log_printer *p, uint64_t ts)
{
	/* Unsigned: whose record it is may have written what does not fit. */
	return (int64_t)((uint64_t)p->start_utc_s * NS_PER_S + (uint64_t)p->start_utc_ns +
			 (ts - p->start_ns));
}

/* RFC 3339 UTC to the microsecond; without a known start the monotonic seconds. */
static void print_time(const struct log_printer *p, uint64_t ts)
{
	const int64_t since = (int64_t)(ts - p->start_ns);
	int64_t ns = p->start_utc_ns + since % NS_PER_S;
	time_t seconds = (time_t)(p->start_utc_s + since / NS_PER_S);
	struct tm parts;
	char text[40];

	if (!p->has_utc) {
		(void)fprintf(p->out, "%20.6f s     ", (double)ts / 1e9);
		return;
	}
	if (ns < 0) {
		ns += NS_PER_S;
		seconds--;
	} else if (ns >= NS_PER_S) {
		ns -= NS_PER_S;
		seconds++;
	}
	if (!gmtime_r(&seconds, &parts) ||
	    !strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &parts))
		(void)snprintf(text, sizeof(text), "%s", "?");
	(void)fprintf(p->out, "%s.%06" PRId64 "Z", text, ns / 1000);
}

static const char *colour_of(const char *verdict)
{
	if (strcmp(verdict, "kill") == 0)
		return "\033[1;31m";
	if (strcmp(verdict, "deny") == 0)
		return "\033[31m";
	return strcmp(verdict, "allow") == 0 ? "\033[32m" : "\033[33m";
}

static void print_verdict(const struct log_printer *p, const char *verdict)
{
	const size_t len = verdict ? strlen(verdict) : 0;

	if (verdict && p->colour)
		(void)fputs(colour_of(verdict), p->out);
	(void)fputs("  ", p->out);
	print_plain(p->out, verdict ? verdict : "", MAX_VERDICT);
	(void)fprintf(p->out, "%*s", len < 5 ? 5 - (int)len : 0, "");
	if (verdict && p->colour)
		(void)fputs("\033[0m", p->out);
}

static void print_reason(const struct log_printer *p, const struct json *event, const char *verdict)
{
	const bool refused =
		verdict && (strcmp(verdict, "deny") == 0 || strcmp(verdict, "kill") == 0 ||
			    strcmp(verdict, "ask") == 0);
	const char *because = json_get_string(event, "because");
	const char *rule = json_get_string(event, "rule");

	if (!refused && !because)
		return;
	(void)fputs("    ", p->out);
	print_plain(p->out, rule ? rule : verdict ? "default" : "", MAX_SUBJECT);
	if (because) {
		(void)fputs(": ", p->out);
		print_plain(p->out, because, MAX_BECAUSE);
	}
	if (refused && json_get(event, "enforced") && !json_bool(json_get(event, "enforced")))
		(void)fputs(" (observed only: not enforced)", p->out);
	(void)fputc('\n', p->out);
}

/* @rule: an object of "also", or "would". */
static void print_other(const struct log_printer *p, const struct json *rule, bool observed)
{
	(void)fputs(observed ? "    only observed: " : "    also ", p->out);
	print_plain(p->out, json_get_string(rule, "rule") ? json_get_string(rule, "rule") : "?",
		    MAX_SUBJECT);
	(void)fputs(" (", p->out);
	print_plain(p->out,
		    json_get_string(rule, "severity") ? json_get_string(rule, "severity") : "?",
		    MAX_WORD);
	(void)fputs(", ", p->out);
	print_plain(p->out,
		    json_get_string(rule, "verdict") ? json_get_string(rule, "verdict") : "?",
		    MAX_WORD);
	(void)fputs("): ", p->out);
	print_plain(p->out,
		    json_get_string(rule, "because") ? json_get_string(rule, "because") : "",
		    MAX_BECAUSE);
	(void)fputc('\n', p->out);
}

/* Rules that matched too; a verdict hides none of them. */
static void print_others(const struct log_printer *p, const struct json *event)
{
	int64_t omitted = 0;

	if (json_get(event, "would"))
		print_other(p, json_get(event, "would"), true);
	for (const struct json *a = json_first(json_get(event, "also")); a; a = json_next(a))
		print_other(p, a, log_is_observed(a));
	if (json_i64(json_get(event, "also_omitted"), 1, UINT32_MAX, &omitted) == 0)
		(void)fprintf(p->out, "    and %" PRId64 " more, none of them more severe\n",
			      omitted);
}

void log_print_event(struct log_printer *p, const struct json *event, const char *line, size_t len)
{
	_cleanup_buf_ struct buf subject = BUF_INIT((size_t)1 << 20);
	const char *kind = json_get_string(event, "kind");
	const char *call = json_get_string(event, "call");
	const char *verdict = json_get_string(event, "verdict");
	uint64_t exec_id = 0;
	uint64_t ts = 0;
	char column[40] = "";

	(void)log_raw_u64(line, len, "ts", &ts);
	print_time(p, ts);
	if (log_raw_u64(line, len, "exec_id", &exec_id))
		(void)snprintf(column, sizeof(column), "#%" PRIu64, exec_id);
	(void)fputs("  ", p->out);
	print_plain(p->out, call ? call : "-", 40);
	(void)fprintf(p->out, "%*s  %-4s  ", call && strlen(call) < 6 ? 6 - (int)strlen(call) : 0,
		      "", column);
	print_plain(p->out, kind ? kind : "?", 40);
	(void)fprintf(p->out, "%*s", kind && strlen(kind) < 13 ? 13 - (int)strlen(kind) : 0, "");
	print_verdict(p, verdict);
	log_put_subject(&subject, json_get(event, "fields"));
	if (subject.len) {
		(void)fputs("  ", p->out);
		print_plain(p->out, subject.data, MAX_SUBJECT);
	}
	(void)fputc('\n', p->out);
	print_reason(p, event, verdict);
	print_others(p, event);
}

bool log_filter_matches(const struct log_filter *filter, const struct json *event)
{
	const char *kind = json_get_string(event, "kind");
	const char *call = json_get_string(event, "call");
	const char *verdict = json_get_string(event, "verdict");
	int64_t exec_id = 0;

	if (filter->kind && (!kind || fnmatch(filter->kind, kind, 0) != 0))
		return false;
	if (filter->call && (!call || strcmp(filter->call, call) != 0))
		return false;
	if (filter->verdict && (!verdict || strcmp(filter->verdict, verdict) != 0))
		return false;
	if (filter->severity && log_severity_of(event) < filter->severity)
		return false;
	if (filter->exec_id && (json_i64(json_get(event, "exec_id"), 0, UINT32_MAX, &exec_id) < 0 ||
				exec_id != filter->exec_id))
		return false;
	return true;
}
