/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cordon/run/summary.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "common/json_write.h"
#include "common/log.h"
#include "common/plain.h"
#include "sandbox/compat/libc.h"
#include "tools/cordon/run/run.h"

static void put_denial(struct json_writer *w, const struct exec_result *result)
{
	const struct denial *denial = &result->last_denial;

	json_begin_object(w, "last_denial");
	json_put_string(w, "kind", denial->kind);
	json_put_string(w, "rule", denial->rule);
	json_put_string(w, "subject", denial->subject);
	json_put_string(w, "because", denial->because);
	json_end_object(w);
}

void summary_json(const struct floor *floor, const struct command_outcome *outcome, int exit_status)
{
	const struct exec_result *result = outcome->ended ? &outcome->result : NULL;
	_cleanup_buf_ struct buf out = BUF_INIT(0);
	struct json_writer w = {.out = &out};

	json_begin_object(&w, NULL);
	json_put_string(&w, "session", floor_plan(floor)->id);
	json_put_i64(&w, "exit_status", exit_status);
	if (result) {
		json_put_bool(&w, "timed_out", result->timed_out);
		json_put_bool(&w, "killed", result->killed);
		json_put_u64(&w, "denied", result->denied);
		if (result->denied || result->killed)
			put_denial(&w, result);
		json_put_u64(&w, "wall_ns", result->wall_ns);
		json_put_u64(&w, "user_us", result->user_time_us);
		json_put_u64(&w, "system_us", result->system_time_us);
		json_put_u64(&w, "max_rss_kib", result->max_rss_kib);
		json_put_u64(&w, "memory_kills", result->memory_kills);
		json_put_u64(&w, "refused_forks", result->refused_forks);
		json_put_u64(&w, "disk_ends", result->disk_ends);
		json_put_u64(&w, "left", result->left);
	}
	json_put_u64(&w, "gated", outcome->totals.gated);
	json_put_u64(&w, "events", outcome->totals.events);
	json_put_string(&w, "record", floor_plan(floor)->record_path);
	json_put_string(&w, "changes", floor_changes(floor));
	json_end_object(&w);
	/* whatever the command has written last, and whether that was a whole line */
	(void)fprintf(stderr, "\n%s\n", out.data);
}

/* What a program needs that is no more than its libraries; below it is killed as it starts. */
#define FEW_BYTES (UINT64_C(32) << 20)

/* Who is killed, or may start nothing, for want of something is not told so by the kernel. */
static void tell_limits(const struct spec_limits *limits, const struct exec_result *result)
{
	const bool is_killed = result->outcome == EXEC_SIGNALED &&
			       (result->status == SIGKILL || result->status == SIGSEGV ||
				result->status == SIGBUS);

	if (result->memory_kills)
		log_info("out of memory: the session may have %" PRIu64 " bytes (--memory), and "
			 "the kernel has ended %" PRIu64 " of its processes for that",
			 limits->memory_bytes, result->memory_kills);
	if (result->refused_forks)
		log_info("out of processes: the session may have %" PRIu32 " (--pids), and %" PRIu64
			 " more were refused",
			 limits->pids, result->refused_forks);
	if (result->disk_ends)
		log_info("out of room: the session may have %" PRIu64 " bytes of the host's disk "
			 "(--layer-size), less where that is nearly full; the command had more "
			 "and was ended",
			 result->layer_bytes);
	if (is_killed && result->memory_is_each && limits->memory_bytes < FEW_BYTES)
		log_info("each process may have %" PRIu64 " bytes of memory (--memory), too few "
			 "for most programs to start",
			 limits->memory_bytes);
}

void summary_text(const struct floor *floor, const struct command_outcome *outcome)
{
	const struct exec_result *result = outcome->ended ? &outcome->result : NULL;
	const char *changes = floor_changes(floor);

	if (result && result->timed_out)
		log_info("the command was ended: its time was over");
	if (result && (result->denied || result->killed)) {
		const struct denial *denial = &result->last_denial;
		_cleanup_buf_ struct buf line = BUF_INIT(0);

		if (result->denied)
			buf_printf(&line, "%u action%s refused%s; the last: %s ", result->denied,
				   result->denied == 1 ? "" : "s",
				   result->killed ? ", and the command was killed" : "",
				   denial->kind);
		else
			buf_printf(&line, "the command was killed for %s ", denial->kind);
		/* The one part that comes from inside. */
		buf_put_plain(&line, denial->subject, sizeof(denial->subject));
		buf_printf(&line, ", by %s: %s", denial->rule, denial->because);
		log_info("%s", line.data);
		log_info("`cordon log show %s` tells all", floor_plan(floor)->record_path);
	}
	if (result)
		tell_limits(&floor_plan(floor)->spec.limits, result);
	if (changes)
		log_info("changes are kept in %s", changes);
}

int summary_status(const struct command_outcome *outcome)
{
	const struct exec_result *result = &outcome->result;

	if (outcome->refused)
		return EXIT_NOT_EXECUTABLE;
	if (!outcome->ended)
		return outcome->early_signal ? 128 + outcome->early_signal : EXIT_CORDON;
	if (result->timed_out)
		return EXIT_TIMED_OUT;
	switch (result->outcome) {
	case EXEC_EXITED:
		return result->status;
	case EXEC_SIGNALED:
		return 128 + result->status;
	case EXEC_NOT_STARTED:
		return result->status == ENOENT || result->status == ENOTDIR ? EXIT_NOT_FOUND
									     : EXIT_NOT_EXECUTABLE;
	case EXEC_SETUP_ERROR:
		break;
	}
	return EXIT_CORDON;
}

void summary_failures(const char *name, const struct command_outcome *outcome,
		      const struct error *failure)
{
	const struct exec_result *result = &outcome->result;

	if (outcome->refused)
		log_error("the call was refused by %s: %s", outcome->refusal.rule,
			  outcome->refusal.because);
	if (outcome->ended && (result->outcome == EXEC_SETUP_ERROR || result->error[0]))
		log_error("%s: %s", name,
			  result->error[0] ? result->error : "the execution could not be set up");
	else if (outcome->ended && result->outcome == EXEC_NOT_STARTED && !result->denied)
		log_error("%s: %s", name,
			  result->status == ENOENT ? "command not found in the session"
						   : strerrordesc_np(result->status));
	/* Told already as the reason why the command ended? */
	if (failure && !(outcome->ended && result->error[0]))
		log_error("%s", failure->text);
}
