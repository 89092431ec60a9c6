/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cordon/log/log_verify.h"

#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/log.h"
#include "monitor/evidence/record.h"
#include "tools/toolkit/paths.h"

static void print_report(const char *file, const struct record_report *report, bool trusted,
			 const char *signer)
{
	const unsigned long long events = report->events;

	switch (report->state) {
	case RECORD_CLOSED:
		if (trusted)
			(void)printf("%s: closed: %llu events of session %s, signed by %s%s\n",
				     file, events, report->session, report->signer,
				     report->signer_is_ours ? " (this host)" : "");
		else
			(void)printf(
				"%s: BROKEN: the chain holds, but it is signed by %s and not by "
				"%s; if you trust that key, say --signer\n",
				file, report->signer, signer ? signer : "this host's record key");
		break;
	case RECORD_CUT:
		(void)printf("%s: cut: ", file);
		if (report->bad_line)
			(void)printf("line %llu: ", (unsigned long long)report->bad_line);
		(void)printf("%s; %llu events hold\n", report->reason, events);
		break;
	case RECORD_BROKEN:
		(void)printf("%s: BROKEN: line %llu: %s; %llu events before it hold\n", file,
			     (unsigned long long)report->bad_line, report->reason, events);
		break;
	}
}

static enum log_status verify_one(const char *file, const char *key_path, const char *signer)
{
	struct record_report report;
	struct error err = {0};
	bool trusted;

	if (record_verify(file, key_path, &report, &err) < 0) {
		log_error("%s", err.text);
		return LOG_STATUS_BROKEN;
	}
	trusted = signer ? strcmp(signer, "any") == 0 || strcmp(signer, report.signer) == 0
			 : report.signer_is_ours;
	print_report(file, &report, trusted, signer);
	if (report.state == RECORD_CUT)
		return LOG_STATUS_CUT;
	return report.state == RECORD_CLOSED && trusted ? LOG_STATUS_CLOSED : LOG_STATUS_BROKEN;
}

int log_verify(char *const *files, size_t count, const char *signer)
{
	_cleanup_free_ char *key_path = NULL;
	enum log_status worst = LOG_STATUS_CLOSED;
	struct error err = {0};

	if (!signer && paths_record_key(&key_path, &err) < 0)
		log_warning("%s", err.text);
	for (size_t i = 0; i < count; i++) {
		const enum log_status status = verify_one(files[i], key_path, signer);

		if (status == LOG_STATUS_BROKEN || worst == LOG_STATUS_CLOSED)
			worst = status;
	}
	return (int)worst;
}
