/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/support/test.h"

#include <stdio.h>
#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/json.h"
#include "monitor/policy/decide.h"
#include "monitor/policy/policy.h"
#include "monitor/policy/policy_state.h"
#include "tests/unit/man_page.h"

/*
 * cordon-policy(5) says what the code knows, no more and no less: its kinds, fields and
 * members are read from the page and from the code's own tables and must be the same lists. MAN is
 * the page's source; kinds and fields are on cordon-actions(5), MAN_ACTIONS, members of rules that
 * look at more than one action on cordon-rules(5), MAN_RULES.
 */

static char *page;
static char *actions;
static char *rules;

static int read_page(void **state)
{
	size_t len = 0;

	(void)state;
	return json_read_file(MAN, &page, &len, NULL) < 0 ||
			       json_read_file(MAN_ACTIONS, &actions, &len, NULL) < 0 ||
			       json_read_file(MAN_RULES, &rules, &len, NULL) < 0
		       ? -1
		       : 0;
}

static int free_page(void **state)
{
	(void)state;
	free(page);
	free(actions);
	free(rules);
	return 0;
}

static char *section(const char *heading)
{
	return man_section(page, heading);
}

static void expect_same(const char *whole, const char *heading, const char *start,
			const char *expected)
{
	_cleanup_free_ char *text = man_section(whole, heading);
	_cleanup_buf_ struct buf items = BUF_INIT(0);

	buf_puts(&items, "");
	man_items(text, start, &items);
	assert_string_equal(items.data, expected);
}

static void test_kinds(void **state)
{
	static const char *const points[] = {
		[ENFORCED_BEFORE] = "checked before",
		[ENFORCED_WRITES] = "checked before where it writes",
		[ENFORCED_AFTER] = "seen after",
	};
	_cleanup_buf_ struct buf expected = BUF_INIT(0);

	(void)state;
	for (unsigned kind = 0; kind < ACTION_KINDS; kind++)
		buf_printf(&expected, "*%s*, %s\n", action_kind_name((enum action_kind)kind),
			   points[action_enforced((enum action_kind)kind)]);
	expect_same(actions, "# KINDS", "*", expected.data);
}

static void test_fields(void **state)
{
	static const char *const types[] = {
		[FIELD_STRING] = "string",
		[FIELD_INT] = "int",
		[FIELD_BOOL] = "bool",
		[FIELD_LIST] = "list of string",
	};
	_cleanup_buf_ struct buf expected = BUF_INIT(0);

	(void)state;
	for (size_t i = 0; i < action_field_count; i++) {
		const struct action_field *field = &action_fields[i];
		const char *comma = "";

		buf_printf(&expected, "*action.%s* %s, of ", field->name, types[field->type]);
		for (unsigned kind = 0; kind < ACTION_KINDS; kind++) {
			if (!(field->kinds & (1u << kind)))
				continue;
			buf_printf(&expected, "%s%s", comma,
				   action_kind_name((enum action_kind)kind));
			comma = ", ";
		}
		buf_puts(&expected, "\n");
	}
	expect_same(actions, "# FIELDS", "*", expected.data);
}

/* A document with a member that nobody knows is refused with the list of those that are known. */
static void expect_members_on(const char *whole, const char *heading, const char *document)
{
	_cleanup_free_ char *text = man_section(whole, heading);
	_cleanup_buf_ struct buf items = BUF_INIT(0);
	_cleanup_buf_ struct buf names = BUF_INIT(0);
	struct policy *policy = NULL;
	struct error err = {0};
	char *known;

	assert_int_equal(policy_load_text("t", document, strlen(document), &policy, &err), -EINVAL);
	known = strstr(err.text, "known are: ");
	assert_non_null(known);
	known += strlen("known are: ");
	known[strcspn(known, "\n")] = '\0';
	man_items(text, "*", &items);
	for (const char *line = items.data; line && *line;) {
		buf_printf(&names, "%s%.*s", names.len ? ", " : "", (int)strcspn(line + 1, "*"),
			   line + 1);
		line += strcspn(line, "\n");
		line += *line == '\n';
	}
	assert_string_equal(names.data, known);
}

static void expect_members(const char *heading, const char *document)
{
	expect_members_on(page, heading, document);
}

#define RULE                                                                               \
	"{\"id\":\"a\",\"category\":\"c\",\"severity\":\"low\",\"on\":[\"exec\"],"         \
	"\"when\":\"true\",\"verdict\":\"log\",\"because\":\"b\",\"match\":[{\"action\":{" \
	"\"kind\":\"exec\"},\"no\":1}],\"not_match\":[]}"

static void test_members(void **state)
{
	(void)state;
	expect_members("# FILE", "{\"no\":1}");
	expect_members("# RULES", "{\"policy\":\"t\",\"version\":1,\"rules\":[{\"no\":1}]}");
	expect_members("## Examples", "{\"policy\":\"t\",\"version\":1,\"rules\":[" RULE "]}");
	expect_members("# LABELS", "{\"policy\":\"t\",\"version\":1,\"labels\":[{\"no\":1}]}");
	expect_members_on(
		rules, "# COUNTERS",
		"{\"policy\":\"t\",\"version\":1,\"rules\":[{\"id\":\"a\",\"category\":\"c\","
		"\"severity\":\"low\",\"on\":[\"exec\"],\"when\":\"true\",\"verdict\":"
		"\"log\",\"because\":\"b\",\"count\":{\"no\":1},\"match\":[],"
		"\"not_match\":[]}]}");
}

#define WITH(_member)                                                                                \
	"{\"policy\":\"t\",\"version\":1,\"rules\":[{\"id\":\"a\",\"category\":\"c\",\"severity\":"  \
	"\"low\",\"on\":[\"exec\"],\"when\":\"true\",\"verdict\":\"log\",\"because\":\"b\"," _member \
	",\"match\":[],\"not_match\":[]}]}"

/* The rule in the section's code block loads, with the examples it has. */
static void expect_rule_loads(const char *heading)
{
	_cleanup_free_ char *text = man_section(rules, heading);
	char *start = strstr(text, "```\n");
	char *end = start ? strstr(start + 4, "\n```") : NULL;
	_cleanup_buf_ struct buf document = BUF_INIT(0);
	struct policy *policy = NULL;
	struct error err = {0};

	assert_non_null(end);
	buf_printf(&document, "{\"policy\":\"t\",\"version\":1,\"rules\":[%.*s]}",
		   (int)(end - start - 4), start + 4);
	if (policy_load_text("t", document.data, document.len, &policy, &err) < 0)
		fail_msg("%s", err.text);
	(void)policy_free(policy);
}

static void test_rules_over_more_than_one_action(void **state)
{
	(void)state;
	expect_members_on(rules, "# SEQUENCES", WITH("\"sequence\":{\"no\":1}"));
	expect_members_on(rules, "# BUDGETS", WITH("\"budget\":{\"no\":1}"));
	expect_rule_loads("# SEQUENCES");
	expect_rule_loads("# BUDGETS");
	expect_rule_loads("# INTENT");
	expect_rule_loads("# RESULTS");
}

static void test_verdicts(void **state)
{
	_cleanup_buf_ struct buf expected = BUF_INIT(0);

	(void)state;
	for (unsigned v = VERDICT_ALLOW; v <= VERDICT_KILL; v++)
		buf_printf(&expected, "*%s*\n", verdict_name((enum verdict)v));
	expect_same(page, "# VERDICTS", "*", expected.data);
}

/* The n-th code block of the section. */
static char *block(const char *heading)
{
	_cleanup_free_ char *text = section(heading);
	char *start = strstr(text, "```\n");
	char *end = start ? strstr(start + 4, "\n```") : NULL;

	assert_non_null(end);
	return xstrndup(start + 4, (size_t)(end + 1 - (start + 4)));
}

static void test_the_example_loads_and_does_what_is_said(void **state)
{
	_cleanup_free_ char *example = block("# EXAMPLE");
	struct policy_state *session;
	struct policy *policy = NULL;
	struct error err = {0};
	struct decision d;
	struct action action = {.kind = ACTION_CONNECT,
				.family = STR("inet"),
				.address = STR("192.0.2.1"),
				.host = STR("files.example.org"),
				.port = 443};

	(void)state;
	if (policy_load_text("example.json", example, strlen(example), &policy, &err) < 0)
		fail_msg("%s", err.text);
	session = policy_state_new(policy);
	policy_decide(policy, session, &action, &d);
	assert_int_equal(d.verdict, VERDICT_ALLOW);
	policy_state_add_labels(session, policy_labels_of_path(policy, STR("/w/deploy.key")));
	policy_decide(policy, session, &action, &d);
	assert_int_equal(d.verdict, VERDICT_DENY);
	assert_int_equal(d.errno_value, ENETUNREACH);
	action.host = action.address;
	policy_state_free(session);
	session = policy_state_new(policy);
	policy_decide(policy, session, &action, &d);
	assert_int_equal(d.verdict, VERDICT_DENY);
	assert_null(d.rule);
	(void)policy_state_free(session);
	(void)policy_free(policy);
}

static void test_the_error_is_told_like_that(void **state)
{
	static const char text[] = "{\n  \"policy\": \"x\",\n  \"version\": 1,\n  \"rules\": [{\n"
				   "    \"id\": \"a\",\n    \"category\": \"c\",\n"
				   "    \"severity\": \"low\",\n    \"on\": [\"net.connect\"],\n"
				   "    \"when\": \"!action.loopback && action.prot == 25\",\n"
				   "    \"verdict\": \"deny\", \"because\": \"b\", \"match\": [],\n"
				   "    \"not_match\": []\n  }]\n}\n";
	_cleanup_free_ char *shown = block("# ERRORS");
	_cleanup_free_ char *told = NULL;
	struct policy *policy = NULL;
	struct error err = {0};

	(void)state;
	assert_int_equal(policy_load_text("rules.json", text, sizeof(text) - 1, &policy, &err),
			 -EINVAL);
	told = xasprintf("%s\n", err.text);
	assert_string_equal(told, shown);
}

/* Every errno that the page names is one that a rule can ask for. */
static void test_errno_names(void **state)
{
	_cleanup_free_ char *text = section("# RULES");
	const char *at = strstr(text, "*errno* string\n");
	unsigned count = 0;
	const char *end;

	(void)state;
	assert_non_null(at);
	end = strstr(at, "\n\n");
	assert_non_null(end);
	while ((at = strchr(at, 'E')) && at < end) {
		char name[32];
		_cleanup_free_ char *document = NULL;
		struct policy *policy = NULL;
		struct error err = {0};

		assert_int_equal(sscanf(at, "%31[A-Z]", name), 1); // NOLINT
		document = xasprintf(
			"{\"policy\":\"t\",\"version\":1,\"rules\":[{\"id\":\"a\",\"category\":"
			"\"c\",\"severity\":\"low\",\"on\":[\"exec\"],\"when\":\"action.name == "
			"'x'\",\"verdict\":\"deny\",\"errno\":\"%s\",\"because\":\"b\",\"match\":"
			"[{\"action\":{\"kind\":\"exec\",\"name\":\"x\"}}],\"not_match\":[{"
			"\"action\":{\"kind\":\"exec\"}}]}]}",
			name);
		if (policy_load_text("t", document, strlen(document), &policy, &err) < 0)
			fail_msg("%s: %s", name, err.text);
		(void)policy_free(policy);
		at += strlen(name);
		count++;
	}
	assert_int_equal(count, 11);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_members),
		cmocka_unit_test(test_rules_over_more_than_one_action),
		cmocka_unit_test(test_verdicts),
		cmocka_unit_test(test_the_example_loads_and_does_what_is_said),
		cmocka_unit_test(test_the_error_is_told_like_that),
		cmocka_unit_test(test_errno_names),
	};

	return cmocka_run_group_tests(tests, read_page, free_page);
}
