/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What would have allowed a run: its record is judged by policies (log/replay.h); what they refuse
 * of it is described as narrowly as can be and allowed, by a file of its own where a default
 * refuses it, by an exception in the rule where a rule does; and judged again, until nothing of it
 * is refused. What comes out is a proposal to be read, and has been proven on the record.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "common/cleanup.h"
#include "common/input.h"
#include "common/log.h"
#include "monitor/evidence/chain.h"
#include "monitor/evidence/reader.h"
#include "tools/cordon/log/replay.h"
#include "tools/cordon/policy/learn.h"
#include "tools/cordon/policy/policy_command.h"

#define MAX_ROUNDS 16u /* each brings to light what other rules refuse behind the first */

struct learning {
	const char *record;
	const char *name; /* of the new file */
	struct sources originals;
	struct learned_set set;
	struct sources proposal; /* the originals with exceptions, and what was learned */
	char *learned;		 /* text of the new file; NULL: none is needed */
	bool closed;		 /* no policies were given: all that the run did, and no more */
	bool collects;		 /* of a closed one, before there is a proposal */
	/* what the record has of no use, told at its first reading */
	bool is_read;
	uint64_t unknown;
	uint64_t first_unknown; /* its line */
	char unknown_reason[128];
	/* of one round */
	struct replay replay;
	struct chain_check check;
	uint64_t refused;
	bool is_new;
	char still[160]; /* who refuses, for the error */
	struct error *err;
};

/* ---- the record ---- */

static bool is_wanted(const struct learning *l, const struct replayed *what)
{
	const struct action *action = &l->replay.action;

	if (!l->collects)
		return what->now.verdict >= VERDICT_ASK;
	return action_enforced(action->kind) == ENFORCED_BEFORE ||
	       (action->kind == ACTION_FILE_OPEN && action->write);
}

/* What is not in the record cannot be learned. */
static void warn_of_no_trace(const struct learning *l, const struct json *event)
{
	const char *trace = json_get_string(json_get(event, "fields"), "trace");
	const char *kind = json_get_string(event, "kind");

	if (l->collects && kind && trace && strcmp(kind, "session.start") == 0 &&
	    strcmp(trace, "off") == 0)
		log_warning("%s was made without a trace: writes that no rule stopped are not in "
			    "it, and will be refused; record the run again as root",
			    l->record);
}

static void note_unknown(struct learning *l, uint64_t line, const char *reason)
{
	if (l->unknown++)
		return;
	l->first_unknown = line;
	(void)snprintf(l->unknown_reason, sizeof(l->unknown_reason), "%s", reason);
}

static void warn_of_unknown(struct learning *l)
{
	if (l->is_read || !l->unknown)
		return;
	log_warning("%s: actions that cannot be learned from: %" PRIu64
		    ", the first in line %" PRIu64 ": %s; the proposal leaves them out",
		    l->record, l->unknown, l->first_unknown, l->unknown_reason);
}

static void on_line(struct learning *l, const char *line, size_t len, uint64_t number)
{
	_cleanup_(json_freep) struct json *event = NULL;
	struct replayed what;
	enum replay_result result;

	if (json_parse("event", line, len, &event, NULL) < 0)
		return;
	warn_of_no_trace(l, event);
	result = replay_event(&l->replay, event, line, len, &what);
	if (result == REPLAY_UNKNOWN)
		note_unknown(l, number, what.reason);
	if (result == REPLAY_NOTHING || result == REPLAY_UNKNOWN || !is_wanted(l, &what))
		return;
	l->refused++;
	l->is_new |= learned_add(&l->set, &l->replay.action, what.now.rule ? what.now_rule : NULL);
	(void)snprintf(l->still, sizeof(l->still), "%s by %.96s",
		       action_kind_name(l->replay.action.kind),
		       what.now_rule ? what.now_rule : "the default");
}

static int read_record(struct learning *l)
{
	_cleanup_(reader_done) struct record_reader reader = {.input_fd = -1};
	char reason[256];
	const char *line;
	size_t len;
	int r = reader_open(l->record, &reader, l->err);

	if (r < 0)
		return r;
	l->check = (struct chain_check){0};
	while ((r = reader_next(&reader, &line, &len)) == READER_LINE) {
		if (chain_check_line(&l->check, line, len, reason, sizeof(reason)) < 0)
			return error_set(l->err, EBADMSG,
					 "%s: line %" PRIu64
					 ": %s; what is not proven is not learned from",
					 l->record, reader.line, reason);
		on_line(l, line, len, reader.line);
	}
	if (r < 0)
		return error_errno(l->err, r, "cannot read the record %s", l->record);
	if (!reader.line || (reader.line == 1 && r == READER_CUT))
		return error_set(l->err, ENODATA, "the record %s holds no event", l->record);
	return 0;
}

/* Judges the record by the proposal as it stands. */
static int judge(struct learning *l)
{
	struct policy *policy = NULL;
	int r = policy_build(&l->proposal, &policy, l->err);

	if (r < 0)
		return error_prefix(l->err, "the proposal cannot be loaded");
	l->refused = 0;
	l->is_new = false;
	replay_init(&l->replay, policy);
	r = read_record(l);
	if (r == 0)
		warn_of_unknown(l);
	l->is_read = true;
	replay_done(&l->replay);
	(void)policy_free(policy);
	return r;
}

/* ---- the proposal ---- */

static size_t select_items(const struct learning *l, const char *rule,
			   const struct learned **ret_items)
{
	size_t count = 0;

	for (size_t i = 0; i < l->set.count; i++) {
		const char *by = l->set.items[i].rule;

		if (rule ? by && strcmp(by, rule) == 0 : !by)
			ret_items[count++] = &l->set.items[i];
	}
	return count;
}

static int except_rule(struct learning *l, const char *rule)
{
	_cleanup_free_ const struct learned **items = xcalloc(l->set.count, sizeof(const void *));
	const size_t count = select_items(l, rule, items);
	int r = -ENOENT;

	for (size_t i = 0; i < l->proposal.count && r == -ENOENT; i++)
		r = learn_except(&l->proposal.items[i], rule, (const struct learned *const *)items,
				 count, l->err);
	return r == -ENOENT
		       ? error_set(l->err, r, "%s refuses what was recorded, and is no rule", rule)
		       : r;
}

static int propose(struct learning *l)
{
	_cleanup_free_ const struct learned **items =
		xcalloc(l->set.count + 1, sizeof(const void *));
	const size_t count = select_items(l, NULL, items);
	int r = 0;

	sources_done(&l->proposal);
	l->proposal = (struct sources){0};
	for (size_t i = 0; i < l->originals.count && r == 0; i++)
		r = sources_add_text(&l->proposal, l->originals.items[i].name,
				     l->originals.items[i].text, l->originals.items[i].len, l->err);
	for (size_t i = 0; i < l->set.count && r == 0; i++) {
		bool done = !l->set.items[i].rule;

		for (size_t k = 0; k < i && !done; k++)
			done = l->set.items[k].rule &&
			       strcmp(l->set.items[k].rule, l->set.items[i].rule) == 0;
		if (!done)
			r = except_rule(l, l->set.items[i].rule);
	}
	free(l->learned);
	l->learned = count || l->closed
			     ? learn_policy((const struct learned *const *)items, count, l->closed)
			     : NULL;
	if (r == 0 && l->learned)
		r = sources_add_text(&l->proposal, l->name, l->learned, strlen(l->learned), l->err);
	return r;
}

static int learn(struct learning *l)
{
	static const char nothing[] = "{\"policy\":\"nothing\",\"version\":1}";
	int r;

	if (l->closed) {
		l->collects = true;
		r = sources_add_text(&l->proposal, "nothing", nothing, sizeof(nothing) - 1, l->err);
	} else {
		r = propose(l);
	}
	for (unsigned round = 0; r == 0 && round < MAX_ROUNDS; round++) {
		r = judge(l);
		if (r < 0 || (!l->refused && !l->collects))
			return r;
		if (!l->collects && !l->is_new)
			break;
		l->collects = false;
		r = propose(l);
	}
	return r < 0 ? r
		     : error_set(l->err, ELOOP,
				 "no proposal: what was recorded is still refused (%s); change "
				 "that rule by hand",
				 l->still);
}

static void put_proposal(const struct learning *l, struct buf *out)
{
	if (l->closed) {
		buf_puts(out, l->learned);
		return;
	}
	for (size_t i = 0; i < l->originals.count; i++) {
		const struct source *was = &l->originals.items[i];

		for (size_t k = 0; k < l->proposal.count; k++)
			if (strcmp(l->proposal.items[k].name, was->name) == 0 &&
			    strcmp(l->proposal.items[k].text, was->text) != 0)
				learn_put_diff(was->name, was->text, l->proposal.items[k].text,
					       out);
	}
	if (l->learned)
		learn_put_diff(l->name, NULL, l->learned, out);
}

int learn_check_policies(const char *const *paths, size_t count, struct error *err)
{
	struct stat st;

	for (size_t i = 0; i < count; i++)
		if (stat(paths[i], &st) == 0 && S_ISFIFO(st.st_mode))
			return error_set(err, ESPIPE,
					 "policy %s: there is no change of a pipe to propose; save "
					 "it as a file",
					 paths[i]);
	return 0;
}

/* It is judged anew by each proposal. */
static int check_record(const char *path, struct error *err)
{
	const int file_fd = input_open_file("the record ", path, err);

	if (file_fd < 0)
		return file_fd;
	(void)close(file_fd);
	return 0;
}

int learn_from(const struct learn_request *request, struct buf *out, struct error *err)
{
	struct learning l = {.err = err,
			     .record = request->record,
			     .name = request->name ? request->name : LEARNED_NAME,
			     .closed = request->count == 0};
	int r;

	r = sodium_init() < 0 ? error_set(err, EIO, "libsodium finds no source of randomness") : 0;
	if (r == 0)
		r = learn_check_policies(request->paths, request->count, err);
	if (r == 0)
		r = check_record(request->record, err);
	for (size_t i = 0; i < request->count && r == 0; i++)
		r = sources_add_path(&l.originals, request->paths[i], err);
	if (r == 0 && request->more)
		r = sources_add_text(&l.originals, "options", request->more, strlen(request->more),
				     err);
	if (r == 0)
		r = learn(&l);
	if (r == 0)
		put_proposal(&l, out);
	sources_done(&l.originals);
	sources_done(&l.proposal);
	learned_done(&l.set);
	free(l.learned);
	return r;
}
