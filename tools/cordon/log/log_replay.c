/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cordon/log/log_replay.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/limits.h"
#include "common/log.h"
#include "common/plain.h"
#include "monitor/evidence/chain.h"
#include "monitor/evidence/reader.h"
#include "monitor/policy/decide.h"
#include "tools/cordon/log/log_show.h"
#include "tools/cordon/log/replay.h"

struct replaying {
	const char *file;
	bool json;
	struct replay replay;
	struct log_printer printer;
	struct chain_check check;
	struct json_writer writer; /* of the JSON report */
	struct buf report;
	uint64_t judged, changed, stricter, other_rule, other_also, unknown;
};

static void print_rule(const char *rule, const char *because)
{
	_cleanup_buf_ struct buf plain = BUF_INIT(0);

	buf_put_plain(&plain, rule ? rule : "the default", 96);
	buf_puts(&plain, ": ");
	buf_put_plain(&plain, because, 2000);
	(void)fputs(plain.data, stdout);
}

static void print_change(struct replaying *r, const struct json *event, const char *line,
			 size_t len, const struct replayed *what)
{
	log_print_event(&r->printer, event, line, len);
	(void)printf("    now %s, by ", verdict_name(what->now.verdict));
	print_rule(what->now_rule, what->because ? what->because : "");
	(void)putchar('\n');
}

static void put_change(struct replaying *r, uint64_t seq, const struct json *event,
		       const struct replayed *what)
{
	struct json_writer *w = &r->writer;

	json_begin_object(w, NULL);
	json_put_u64(w, "seq", seq);
	json_put_string(w, "kind", json_get_string(event, "kind"));
	json_put_string(w, "call", json_get_string(event, "call"));
	json_begin_object(w, "was");
	json_put_string(w, "verdict", verdict_name(what->was));
	json_put_string(w, "rule", what->was_rule);
	json_end_object(w);
	json_begin_object(w, "now");
	json_put_string(w, "verdict", verdict_name(what->now.verdict));
	if (what->now.rule || !what->now_rule || strcmp(what->now_rule, "default") == 0)
		policy_explain(r->replay.policy, r->replay.state, &r->replay.action, &what->now, w);
	else
		json_put_string(w, "rule", what->now_rule);
	policy_put_also(r->replay.policy, &what->now, w);
	json_end_object(w);
	json_end_object(w);
}

static void on_line(struct replaying *r, const char *line, size_t len, uint64_t number)
{
	_cleanup_(json_freep) struct json *event = NULL;
	struct replayed what;

	if (json_parse("event", line, len, &event, NULL) < 0)
		return; /* a line that is whole by its hash and no JSON is none of cordon's */
	log_learn_start(&r->printer, event, line, len);
	switch (replay_event(&r->replay, event, line, len, &what)) {
	case REPLAY_NOTHING:
		return;
	case REPLAY_SAME:
		break;
	case REPLAY_OTHER_RULE:
		r->other_rule++;
		break;
	case REPLAY_OTHER_ALSO:
		r->other_also++;
		break;
	case REPLAY_CHANGED:
		r->changed++;
		r->stricter += what.now.verdict > what.was;
		if (r->json)
			put_change(r, number - 1, event, &what);
		else
			print_change(r, event, line, len, &what);
		break;
	case REPLAY_UNKNOWN:
		r->unknown++;
		log_warning("%s: line %" PRIu64 " cannot be judged: %s", r->file, number,
			    what.reason);
		return;
	}
	r->judged++;
}

static int read_record(struct replaying *r)
{
	_cleanup_(reader_done) struct record_reader reader = {.input_fd = -1};
	struct error err = {0};
	char reason[256];
	const char *line;
	size_t len;
	int result = reader_open(r->file, &reader, &err);

	if (result < 0) {
		log_error("%s", err.text);
		return result;
	}
	while ((result = reader_next(&reader, &line, &len)) == READER_LINE) {
		if (chain_check_line(&r->check, line, len, reason, sizeof(reason)) < 0) {
			log_error("%s: line %" PRIu64 ": %s; what is not proven is not judged",
				  r->file, reader.line, reason);
			return -EBADMSG;
		}
		on_line(r, line, len, reader.line);
	}
	if (result == -EMSGSIZE)
		log_error("%s: line %" PRIu64 " is longer than %u bytes", r->file, reader.line,
			  MAX_EVENT_LINE);
	else if (result < 0)
		log_error("cannot read the record %s: %s", r->file, strerror(-result));
	else if (!r->check.closed)
		log_warning("%s has no signed end: the session still runs, or the rest was cut off",
			    r->file);
	return result < 0 ? result : 0;
}

/* What the answer rests on beside the record. */
static void put_notes(struct replaying *r, void (*put)(void *ctx, const char *note))
{
	const struct policy *policy = r->replay.policy;

	for (size_t i = 0; i < policy_label_count(policy); i++) {
		_cleanup_free_ char *note = NULL;

		if (!(r->replay.labels_dropped & (UINT64_C(1) << i)))
			continue;
		note = xasprintf("the label %s was set where this policy does not set it, and does "
				 "not count here; if it came from --label, it would",
				 policy_label_name(policy, i));
		put(r, note);
	}
	if (r->replay.masked) {
		_cleanup_free_ char *note = xasprintf(
			"texts of %" PRIu64 " of the actions that cannot be judged were redacted: "
			"what they would count and begin for later ones is missing here",
			r->replay.masked);

		put(r, note);
	}
	if (r->replay.counted_bytes)
		put(r, "bytes that left count when their connection ends, which is when the record "
		       "tells how many they were; the session counted them as they left");
	if (r->replay.writes_seen && policy_gates_files(policy, r->replay.host_bound))
		put(r, "this policy judges writes before they happen; the record has them after, "
		       "without action.provenance, so rules that ask for it do not match here");
}

static void print_note(void *ctx, const char *note)
{
	(void)ctx;
	(void)printf("note: %s\n", note);
}

static void put_note(void *ctx, const char *note)
{
	struct replaying *r = ctx;

	json_put_string(&r->writer, NULL, note);
}

static void end_text(struct replaying *r)
{
	(void)printf("%s%" PRIu64 " judged%s: %" PRIu64 " verdict%s change%s (%" PRIu64
		     " stricter), %" PRIu64 " by another rule, %" PRIu64
		     " beside other rules, %" PRIu64 " cannot be judged\n",
		     r->changed ? "\n" : "", r->judged,
		     r->replay.is_same_policy ? " by the policy that the session had" : "",
		     r->changed, r->changed == 1 ? "" : "s", r->changed == 1 ? "s" : "",
		     r->stricter, r->other_rule, r->other_also, r->unknown);
	put_notes(r, print_note);
}

static void end_json(struct replaying *r)
{
	struct json_writer *w = &r->writer;

	json_end_array(w);
	json_put_bool(w, "same_policy", r->replay.is_same_policy);
	json_put_u64(w, "judged", r->judged);
	json_put_u64(w, "stricter", r->stricter);
	json_put_u64(w, "other_rule", r->other_rule);
	json_put_u64(w, "other_also", r->other_also);
	json_put_u64(w, "not_judged", r->unknown);
	json_begin_array(w, "notes");
	put_notes(r, put_note);
	json_end_array(w);
	json_end_object(w);
	(void)puts(r->report.data);
}

int log_replay(const char *file, const struct policy *policy, bool json)
{
	struct replaying r = {
		.file = file,
		.json = json,
		.printer = {.out = stdout, .colour = isatty(STDOUT_FILENO) && !getenv("NO_COLOR")},
	};
	int result;

	if (sodium_init() < 0) {
		log_error("libsodium finds no source of randomness");
		return REPLAY_STATUS_FAILED;
	}
	replay_init(&r.replay, policy);
	r.writer = (struct json_writer){.out = &r.report, .indent = true};
	json_begin_object(&r.writer, NULL);
	json_put_string(&r.writer, "record", file);
	json_begin_array(&r.writer, "changed");
	result = read_record(&r);
	if (result == 0 && json)
		end_json(&r);
	else if (result == 0)
		end_text(&r);
	(void)fflush(stdout);
	replay_done(&r.replay);
	buf_done(&r.report);
	if (result < 0 || (!r.changed && r.unknown))
		return REPLAY_STATUS_FAILED;
	return r.changed ? REPLAY_STATUS_CHANGED : REPLAY_STATUS_SAME;
}
