/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/integration/loss_fixture.h"

#include "tests/support/test.h"

#include <string.h>

#include "common/cleanup.h"

const char *loss_policy(enum on_loss on_loss)
{
	switch (on_loss) {
	case ON_LOSS_LOG:
		return LOSS_POLICY(",\"on_loss\":\"log\"");
	case ON_LOSS_DENY_NEW:
		return LOSS_POLICY(""); /* what holds where nobody says anything */
	case ON_LOSS_KILL:
		break;
	}
	return LOSS_POLICY(",\"on_loss\":\"kill\"");
}

void loss_run(struct run *run, const struct supervisor_config *config)
{
	session_run(&run, 1, config);
}

int64_t check_loss(const struct run *run, const char *kind, enum on_loss on_loss)
{
	static const char *const verdicts[] = {
		[ON_LOSS_LOG] = "log", [ON_LOSS_DENY_NEW] = "deny", [ON_LOSS_KILL] = "kill"};
	_cleanup_free_ char *rule = xasprintf("on_loss.%s", kind);
	struct json *event = session_event(run, kind, 0);
	int64_t seq;

	if (!event)
		fail_msg("no %s in the record:\n%s", kind, run->lines.data);
	assert_string_equal(event_text(event, "on_loss"), on_loss_name(on_loss));
	assert_string_equal(event_text(event, "verdict"), verdicts[on_loss]);
	assert_string_equal(event_text(event, "rule"), rule);
	assert_true(strlen(event_text(event, "because")) > 20);
	assert_int_equal(strstr(event_text(event, "because"), "new session") != NULL,
			 on_loss != ON_LOSS_LOG);
	seq = event_number(event, "seq");
	json_free(event);
	return seq;
}

void check_refused(const struct run *run, size_t script, const char *kind, int64_t seq)
{
	_cleanup_free_ char *rule = xasprintf("on_loss.%s", kind);
	struct json *event = session_event(run, "tool.call", script);
	const struct json *matched = json_get(event, "matched");

	assert_true(run->outcomes[script].refused);
	assert_string_equal(run->outcomes[script].denial.rule, rule);
	assert_non_null(event);
	assert_string_equal(event_text(event, "rule"), rule);
	assert_string_equal(json_get_string(matched, "loss"), kind);
	assert_int_equal(event_number(matched, "loss.seq"), seq);
	json_free(event);
}

void check_exited(const struct run *run, size_t script, int status)
{
	const struct exec_result *result = &run->outcomes[script].result;

	assert_false(run->outcomes[script].refused);
	if (result->outcome != EXEC_EXITED || result->status != status)
		fail_msg("script %zu: outcome %d, status %d, %s%s\n%s", script, result->outcome,
			 result->status, result->error, result->last_denial.rule, run->lines.data);
}
