/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cordon/log/log_verify.h"

#include <stdio.h>
#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/json_write.h"
#include "common/log.h"
#include "common/plain.h"
#include "monitor/evidence/record.h"
#include "tools/toolkit/paths.h"

#define MAX_SHOWN 4096u

/* As it may be shown: a name of a file or session, what was wrong with a line. */
static char *plain(const char *text)
{
	struct buf out = BUF_INIT(0);

	buf_put_plain(&out, text, MAX_SHOWN);
	return out.data ? out.data : xstrdup("");
}

static void print_report(const char *file, const struct record_report *report, bool trusted,
			 const char *signer)
{
	const unsigned long long events = report->events;
	_cleanup_free_ char *session = plain(report->session);
	_cleanup_free_ char *reason = plain(report->reason);
	_cleanup_free_ char *name = plain(file);

	switch (report->state) {
	case RECORD_CLOSED:
		if (trusted)
			(void)printf("%s: closed: %llu events of session %s, signed by %s%s\n",
				     name, events, session, report->signer,
				     report->signer_is_ours ? " (this host)" : "");
		else
			(void)printf(
				"%s: BROKEN: the chain holds, but it is signed by %s and not by "
				"%s; if you trust that key, say --signer\n",
				name, report->signer, signer ? signer : "this host's record key");
		break;
	case RECORD_CUT:
		(void)printf("%s: cut: ", name);
		if (report->bad_line)
			(void)printf("line %llu: ", (unsigned long long)report->bad_line);
		(void)printf("%s; %llu events hold\n", reason, events);
		break;
	case RECORD_BROKEN:
		(void)printf("%s: BROKEN: line %llu: %s; %llu events before it hold\n", name,
			     (unsigned long long)report->bad_line, reason, events);
		break;
	}
}

static void put_report(struct json_writer *w, const struct record_report *report, bool trusted)
{
	static const char *const states[] = {
		[RECORD_CLOSED] = "closed", [RECORD_CUT] = "cut", [RECORD_BROKEN] = "broken"};

	json_put_string(w, "state", states[report->state]);
	json_put_bool(w, "trusted", trusted);
	json_put_u64(w, "events", report->events);
	json_put_string(w, "session", report->session);
	json_put_string(w, "signer", report->signer);
	json_put_bool(w, "this_host", report->signer_is_ours);
	if (report->bad_line)
		json_put_u64(w, "line", report->bad_line);
	if (report->reason[0])
		json_put_string(w, "reason", report->reason);
}

/* @w: NULL for text. */
static enum log_status verify_one(const char *file, const char *key_path, const char *signer,
				  struct json_writer *w)
{
	struct record_report report;
	struct error err = {0};
	bool trusted;

	if (record_verify(file, key_path, &report, &err) < 0) {
		log_error("%s", err.text);
		if (w) {
			json_put_string(w, "state", "unreadable");
			json_put_string(w, "reason", err.text);
		}
		return LOG_STATUS_BROKEN;
	}
	trusted = report.state == RECORD_CLOSED &&
		  (signer ? strcmp(signer, "any") == 0 || strcmp(signer, report.signer) == 0
			  : report.signer_is_ours);
	if (w)
		put_report(w, &report, trusted);
	else
		print_report(file, &report, trusted, signer);
	if (report.state == RECORD_CUT)
		return LOG_STATUS_CUT;
	return trusted ? LOG_STATUS_CLOSED : LOG_STATUS_BROKEN;
}

int log_verify(char *const *files, size_t count, const char *signer, bool json)
{
	_cleanup_free_ char *key_path = NULL;
	_cleanup_buf_ struct buf out = BUF_INIT(0);
	struct json_writer w = {.out = &out, .indent = true};
	enum log_status worst = LOG_STATUS_CLOSED;
	struct error err = {0};

	if (!signer && paths_record_key(&key_path, &err) < 0)
		log_warning("%s", err.text);
	json_begin_object(&w, NULL);
	json_begin_array(&w, "records");
	for (size_t i = 0; i < count; i++) {
		enum log_status status;

		json_begin_object(&w, NULL);
		json_put_string(&w, "record", files[i]);
		status = verify_one(files[i], key_path, signer, json ? &w : NULL);
		json_end_object(&w);
		if (status == LOG_STATUS_BROKEN || worst == LOG_STATUS_CLOSED)
			worst = status;
	}
	json_end_array(&w);
	json_end_object(&w);
	if (json)
		(void)puts(out.data);
	return (int)worst;
}
