/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "common/cleanup.h"
#include "common/hex.h"
#include "common/limits.h"
#include "monitor/evidence/chain.h"
#include "monitor/evidence/key.h"
#include "monitor/evidence/reader.h"
#include "monitor/evidence/record.h"

static void set_state(struct record_report *report, enum record_state state, uint64_t line,
		      const char *reason)
{
	report->state = state;
	report->bad_line = line;
	(void)snprintf(report->reason, sizeof(report->reason), "%s", reason);
}

/* Reads to the end of the file or to the first line that does not fit. */
static int follow(struct record_reader *reader, struct chain_check *check,
		  struct record_report *report)
{
	const char *line;
	size_t len;

	for (;;) {
		char reason[sizeof(report->reason)];
		const int r = reader_next(reader, &line, &len);

		if (r == -EMSGSIZE) {
			(void)snprintf(reason, sizeof(reason), "the line is longer than %u bytes",
				       MAX_EVENT_LINE);
			set_state(report, RECORD_BROKEN, reader->line, reason);
			return 0;
		}
		if (r < 0)
			return r;
		if (r == READER_END) {
			if (check->closed)
				set_state(report, RECORD_CLOSED, 0, "");
			else
				set_state(report, RECORD_CUT, 0,
					  check->lines ? "there is no session.end: the session "
							 "still runs, or was cut off"
						       : "the record is empty");
			return 0;
		}
		if (r == READER_CUT && !check->closed) {
			set_state(report, RECORD_CUT, reader->line,
				  "the record ends in the middle of this line");
			return 0;
		}
		if (chain_check_line(check, line, len, reason, sizeof(reason)) < 0) {
			set_state(report, RECORD_BROKEN, reader->line, reason);
			return 0;
		}
	}
}

static bool is_our_key(const char *signer, const char *key_path)
{
	struct record_key key;
	char ours[CHAIN_HEX + 1];

	if (!key_path || key_load(key_path, false, &key, NULL) < 0)
		return false;
	hex_put(key.public, sizeof(key.public), ours);
	key_done(&key);
	return strcmp(ours, signer) == 0;
}

int record_verify(const char *path, const char *key_path, struct record_report *ret,
		  struct error *err)
{
	_cleanup_(reader_done) struct record_reader reader = {.input_fd = -1};
	struct record_report report = {0};
	struct chain_check check = {0};
	int r;

	if (sodium_init() < 0)
		return error_set(err, EIO, "libsodium finds no source of randomness");
	r = reader_open(path, &reader, err);
	if (r < 0)
		return r;
	r = follow(&reader, &check, &report);
	if (r < 0)
		return error_errno(err, r, "cannot read the record %s", path);
	report.events = check.lines;
	(void)memcpy(report.session, check.session, sizeof(report.session));
	(void)memcpy(report.signer, check.signer, sizeof(report.signer));
	report.signer_is_ours = check.closed && is_our_key(check.signer, key_path);
	*ret = report;
	return 0;
}
