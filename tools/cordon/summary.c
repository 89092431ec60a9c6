/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cordon/summary.h"

#include <stdio.h>

#include "common/json_write.h"
#include "common/log.h"
#include "tools/cordon/log_show.h"

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

void summary_json(const struct agent_session *agent, const struct session_totals *totals,
		  const struct exec_result *result, int exit_status)
{
	_cleanup_buf_ struct buf out = BUF_INIT(0);
	struct json_writer w = {.out = &out};

	json_begin_object(&w, NULL);
	json_put_string(&w, "session", agent_session_spec_of(agent)->session);
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
	}
	json_put_u64(&w, "gated", totals->gated);
	json_put_u64(&w, "events", totals->events);
	json_put_string(&w, "record", agent_session_record(agent));
	json_put_string(&w, "changes", agent_session_changes(agent));
	json_end_object(&w);
	(void)fprintf(stderr, "%s\n", out.data);
}

void summary_text(const struct agent_session *agent, const struct exec_result *result)
{
	const char *changes = agent_session_changes(agent);

	if (result && result->timed_out)
		log_info("the command was ended: its time was over");
	if (result && result->denied) {
		const struct denial *denial = &result->last_denial;

		(void)fprintf(stderr, "cordon: %u action%s refused; the last: %s ", result->denied,
			      result->denied == 1 ? "" : "s", denial->kind);
		/* The one part that comes from inside. */
		log_print_safe(stderr, denial->subject, sizeof(denial->subject));
		(void)fprintf(stderr, ", by %s: %s\n", denial->rule, denial->because);
		log_info("`cordon log show %s` tells all", agent_session_record(agent));
	}
	if (changes)
		log_info("changes are kept in %s", changes);
}
