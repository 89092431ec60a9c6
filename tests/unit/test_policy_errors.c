/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/test.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/buf.h"
#include "monitor/policy/policy.h"

/*
 * What is wrong with a policy, word for word and with its place. A row of a rule replaces one
 * member of a good one, so that nothing else can be the reason.
 */

#define X20  "xxxxxxxxxxxxxxxxxxxx"
#define X100 X20 X20 X20 X20 X20

struct member {
	const char *name, *value; /* value NULL: left out */
};

static const struct member good_rule[] = {
	{"id", "\"a.b\""},
	{"category", "\"test\""},
	{"severity", "\"low\""},
	{"on", "[\"exec\"]"},
	{"when", "\"action.name == 'x'\""},
	{"verdict", "\"deny\""},
	{"because", "\"no\""},
	{"match", "[{\"action\":{\"kind\":\"exec\",\"name\":\"x\"}}]"},
	{"not_match", "[{\"action\":{\"kind\":\"exec\",\"name\":\"y\"}}]"},
};

/* Each member of the rule on a line of its own, so that the line tells which one is meant. */
static void put_rule(struct buf *text, const struct member *instead)
{
	bool replaced = false;

	buf_puts(text, "{\n\"policy\":\"t\",\"version\":1,\n\"rules\":[\n{");
	for (size_t i = 0; i < COUNT(good_rule); i++) {
		const bool this = strcmp(good_rule[i].name, instead->name) == 0;
		const char *value = this ? instead->value : good_rule[i].value;

		replaced |= this;
		if (value)
			buf_printf(text, "%s\"%s\":%s",
				   text->data[text->len - 1] == '{' ? "" : ",\n", good_rule[i].name,
				   value);
	}
	if (!replaced)
		buf_printf(text, ",\n\"%s\":%s", instead->name, instead->value);
	buf_puts(text, "}]}");
}

#define KNOWN_KINDS \
	"; known are: tool.call, exec, net.connect, net.send, net.bind, net.listen, net.dns, net.request, net.close, file.open, file.change, proc.fork, proc.exit, proc.call, proc.signal, tool.result, proc.usage, mem.exec, limit.hit, proc.outlive"

static void check_refused(const char *text, size_t len, const char *expected)
{
	struct policy *policy = NULL;
	struct error err = {0};
	char *end;

	if (policy_load_text("t.json", text, len, &policy, &err) == 0)
		fail_msg("not refused: %s", text);
	assert_null(policy);
	end = strchr(err.text, '\n');
	if (end)
		*end = '\0';
	if (strcmp(err.text, expected) != 0)
		fail_msg("%s\n  but: %s\n  in:  %s", err.text, expected, text);
}

static const struct {
	struct member instead;
	const char *expected;
} bad_members[] = {
	{{"id", "\"A\""},
	 "t.json:4:7: an id has up to 95 of a-z, 0-9, '.', '_' and '-', and is not "
	 "\"default\""},
	{{"id", "\"on_loss.x\""},
	 "t.json:4:7: ids that begin with \"on_loss.\" are those of losses"},
	{{"id", "\"default\""},
	 "t.json:4:7: an id has up to 95 of a-z, 0-9, '.', '_' and '-', and "
	 "is not \"default\""},
	{{"id", NULL}, "t.json:4:1: member \"id\" (string) is missing"},
	{{"id", "7"}, "t.json:4:7: expected string, found number"},
	{{"severity", "\"bad\""}, "t.json:6:12: a severity is low, medium, high or critical"},
	{{"category", "\"\""}, "t.json:5:12: a category is a word"},
	{{"because", "\"\""},
	 "t.json:10:11: a text of 1 to 500 bytes that tells the agent why and what to do"},
	{{"because", "\"" X100 X100 X100 X100 X100 "x\""},
	 "t.json:10:11: a text of 1 to 500 bytes that tells the agent why and what to do"},
	{{"on", "[]"}, "t.json:7:6: names no action kind" KNOWN_KINDS},
	{{"on", "[\"exec\",\"fly\"]"}, "t.json:7:6: unknown action kind \"fly\"" KNOWN_KINDS},
	{{"on", "[1]"}, "t.json:7:6: unknown action kind \"number\"" KNOWN_KINDS},
	{{"on", "[\"proc.fork\"]"},
	 "t.json:9:11: proc.fork cannot be refused: it is seen after it happened. Use log with "
	 "\"label\" and a rule on a kind that is checked before (exec, net.*, tool.call), or kill"},
	{{"verdict", "\"block\""},
	 "t.json:9:11: a verdict is allow, log, throttle, redact, ask, decoy, deny or kill"},
	{{"verdict", "\"throttle\""},
	 "t.json:9:11: \"throttle\" says how much, and goes with the verdict throttle only"},
	{{"throttle", "{\"per_second\":5}"},
	 "t.json:9:11: \"throttle\" says how much, and goes with the verdict throttle only"},
	{{"mode", "\"learn\""}, "t.json:13:8: a mode is enforce or observe"},
	{{"errno", "\"ESTRANGE\""},
	 "t.json:13:9: unknown errno name \"ESTRANGE\"; known are EPERM, EACCES, ENOENT, EROFS, EINVAL, EAGAIN, ECONNREFUSED, ENETUNREACH, EHOSTUNREACH, EADDRNOTAVAIL and ETIMEDOUT"},
	{{"maturity", "\"new\""},
	 "t.json:13:12: a maturity is stable, incubating, sandbox or deprecated"},
	{{"refs", "[1]"}, "t.json:13:8: its items are strings"},
	{{"label", "[\"No Name\"]"},
	 "t.json:13:9: a label's name has letters a-z, digits, _ - and ."},
	{{"declassify", "[\"No Name\"]"},
	 "t.json:13:14: a label's name has letters a-z, digits, _ - and ."},
	{{"declassify", "[\"x\"]"},
	 "t.json:13:14: what is refused takes no label away: use it with allow or log"},
	{{"then", "1"},
	 "t.json:13:8: unknown member \"then\"; known are: id, category, severity, maturity, on, when, "
	 "verdict, errno, because, refs, label, declassify, count, sequence, throttle, budget, "
	 "mode, match, not_match"},
	{{"count", "{\"at_least\":1}"},
	 "t.json:13:9: \"window\" is a time such as \"500ms\", \"60s\", \"5m\" or \"1h\""},
	{{"count", "{\"at_least\":1,\"window\":\"9999999h\"}"},
	 "t.json:13:32: \"window\" is a time such as \"500ms\", \"60s\", \"5m\" or \"1h\""},
	{{"count", "{\"at_least\":1,\"window\":\"0s\"}"},
	 "t.json:13:32: \"window\" is a time such as \"500ms\", \"60s\", \"5m\" or \"1h\""},
	{{"count", "{\"at_least\":0,\"window\":\"1s\"}"},
	 "t.json:13:21: \"at_least\" is a number from 1 to 65536 (with \"distinct\" to 4096)"},
	{{"count", "{\"at_least\":5000,\"window\":\"1s\",\"distinct\":\"action.name\"}"},
	 "t.json:13:21: \"at_least\" is a number from 1 to 65536 (with \"distinct\" to 4096)"},
	{{"count", "{\"at_least\":2,\"window\":\"1s\",\"every\":1}"},
	 "t.json:13:9: unknown member \"every\"; known are: window, at_least, distinct"},
	{{"count", "{\"at_least\":2,\"window\":\"1s\",\"distinct\":\"name\"}"},
	 "t.json:13:48: expected \"action.FIELD\""},
	{{"count", "{\"at_least\":2,\"window\":\"1s\",\"distinct\":\"action.fly\"}"},
	 "t.json:13:48: unknown field action.fly"},
	{{"count", "{\"at_least\":2,\"window\":\"1s\",\"distinct\":\"action.port\"}"},
	 "t.json:13:48: action.port is a list or is not there for every kind in \"on\""},
	{{"count", "{\"at_least\":2,\"window\":\"1s\",\"distinct\":[]}"},
	 "t.json:13:48: names no field"},
	{{"sequence", "{}"}, "t.json:13:12: member \"steps\" (array) is missing"},
	{{"sequence", "{\"steps\":[]}"},
	 "t.json:13:21: 1 to 16 actions that must have been before the one that \"on\" and \"when\" "
	 "of the rule are about"},
	{{"sequence", "{\"steps\":[{\"on\":[\"exec\"]}]}"},
	 "t.json:13:22: member \"when\" (string) is missing"},
	{{"sequence", "{\"steps\":[{\"on\":[\"fly\"],\"when\":\"true\"}]}"},
	 "t.json:13:28: unknown action kind \"fly\"" KNOWN_KINDS},
	{{"sequence", "{\"steps\":[{\"on\":[\"exec\"],\"when\":\"action.port == 1\"}]}"},
	 "t.json:13:52: action.port is not there for exec, which the rule is \"on\""},
	{{"sequence", "{\"steps\":[{\"on\":[\"exec\"],\"when\":\"true\",\"repeat\":33}]}"},
	 "t.json:13:22: \"repeat\" is a number from 1 to 32"},
	{{"sequence", "{\"steps\":[{\"on\":[\"exec\"],\"when\":\"true\",\"repeat\":32},{\"on\":["
		      "\"exec\"],\"when\":\"true\"}]}"},
	 "t.json:13:21: more than 32 steps, repetitions counted"},
	{{"sequence",
	  "{\"steps\":[{\"on\":[\"exec\"],\"when\":\"true\",\"repeat\":2,\"missing\":true}]}"},
	 "t.json:13:22: what is missing is not repeated: leave out one of \"missing\" and "
	 "\"repeat\""},
	{{"sequence", "{\"steps\":[{\"on\":[\"exec\"],\"when\":\"true\",\"twice\":2}]}"},
	 "t.json:13:59: unknown member \"twice\"; known are: on, when, missing, repeat"},
	{{"sequence", "{\"within\":\"0s\",\"steps\":[{\"on\":[\"exec\"],\"when\":\"true\"}]}"},
	 "t.json:13:22: \"within\" is a time such as \"500ms\", \"60s\", \"5m\" or \"1h\""},
	{{"sequence", "{\"by\":\"moon\",\"steps\":[{\"on\":[\"exec\"],\"when\":\"true\"}]}"},
	 "t.json:13:18: \"by\" is session, lineage, file or host"},
	{{"sequence", "{\"by\":\"host\",\"steps\":[{\"on\":[\"exec\"],\"when\":\"true\"}]}"},
	 "t.json:13:18: by \"host\", but exec has no host: use \"by\": \"session\""},
	{{"sequence",
	  "{\"by\":\"lineage\",\"steps\":[{\"on\":[\"exec\",\"tool.call\"],\"when\":\"true\"}]}"},
	 "t.json:13:43: by \"lineage\", but tool.call has no process: use \"by\": \"session\""},
	{{"sequence", "{\"steps\":[{\"on\":[\"exec\"],\"when\":\"true\"}],\"since\":{\"on\":["
		      "\"exec\"],\"when\":\"true\",\"repeat\":1}}"},
	 "t.json:13:99: unknown member \"repeat\"; known are: on, when"},
	{{"budget", "{\"of\":\"hosts\",\"per\":\"call\"}"},
	 "t.json:13:10: member \"limit\" (number) is missing"},
	{{"budget", "{\"of\":\"stars\",\"per\":\"call\",\"limit\":1}"},
	 "t.json:13:16: \"of\" is tool_calls, processes_created, processes_alive, files_written, "
	 "connections, hosts, cpu_seconds, memory, bytes_written, bytes_out or spend"},
	{{"budget", "{\"of\":\"hosts\",\"per\":\"day\",\"limit\":1}"},
	 "t.json:13:30: \"per\" is session or call"},
	{{"budget", "{\"of\":\"hosts\",\"per\":\"call\",\"limit\":4096}"},
	 "t.json:13:45: \"limit\" is a whole number from 0 to 4095"},
	{{"budget", "{\"of\":\"spend\",\"per\":\"call\",\"unit\":\"c\",\"limit\":1}"},
	 "t.json:13:30: spend is counted of a session only: what one call costs is action.cost"},
	{{"budget", "{\"of\":\"spend\",\"per\":\"session\",\"limit\":1}"},
	 "t.json:13:10: \"unit\" says what is spent, and goes with spend only"},
	{{"budget", "{\"of\":\"hosts\",\"per\":\"call\",\"limit\":1,\"unit\":\"c\"}"},
	 "t.json:13:54: \"unit\" says what is spent, and goes with spend only"},
	{{"budget", "{\"of\":\"spend\",\"per\":\"session\",\"limit\":1,\"unit\":\"US $\"}"},
	 "t.json:13:57: a unit has up to 31 of a-z, 0-9, '.', '_', '-'"},
	{{"budget", "{\"of\":\"hosts\",\"per\":\"call\",\"limit\":1,\"by\":\"host\"}"},
	 "t.json:13:52: \"by\" is host, and of bytes_out only"},
	{{"budget", "{\"of\":\"bytes_out\",\"per\":\"call\",\"limit\":1,\"by\":\"port\"}"},
	 "t.json:13:56: \"by\" is host, and of bytes_out only"},
	{{"match", "[{\"action\":{\"kind\":\"exec\",\"name\":\"x\"},\"before\":[{\"action\":{"
		   "\"kind\":\"exec\"},\"before\":[]}]}]"},
	 "t.json:11:92: a.b: what was before is one list, in order"},
	{{"match", "[{\"action\":{\"kind\":\"exec\",\"name\":\"x\"},\"before\":[{\"action\":{"
		   "\"kind\":\"net.connect\",\"port\":\"x\"}}]}]"},
	 "t.json:11:96: a.b: expected a whole number"},
	{{"match", "[{\"action\":{\"kind\":\"exec\",\"name\":\"x\"},\"after\":\"x\"}]"},
	 "t.json:11:55: a.b: a time such as \"500ms\" or \"1s\""},
	{{"match", "[{\"action\":{\"kind\":\"exec\",\"name\":\"x\",\"pid\":0}}]"},
	 "t.json:11:52: a.b: the number of a process"},
	/* the place is inside the expression, escapes of both languages counted */
	{{"when", "\"action.port == 1\""},
	 "t.json:8:16: action.port is not there for exec, which the rule is \"on\""},
	{{"when", "\"\\u0061ction.name == 'ö' && fly\""}, "t.json:8:36: unknown name \"fly\""},
	{{"when", "\"'No Label' in session.labels\""},
	 "t.json:8:8: it names a label that is no label's name"},
	{{"match", "[]"},
	 "t.json:11:9: a.b: at least one example each in match and not_match; where no action could be one, write a default for the kind, or say in \"when\" which are meant"},
	{{"match", "[{\"action\":{\"kind\":\"exec\",\"name\":\"y\"}}]"},
	 "t.json:11:10: a.b: this example should match the rule and does not"},
	{{"not_match", "[{\"action\":{\"kind\":\"exec\",\"name\":\"y\"}},{\"action\":{\"kind\":"
		       "\"exec\",\"name\":\"x\"}}]"},
	 "t.json:12:52: a.b: this example should not match the rule and does"},
	{{"match", "[{\"action\":{\"name\":\"x\"}}]"},
	 "t.json:11:20: a.b: the action needs a \"kind\" that exists"},
	{{"match", "[{\"action\":{\"kind\":\"net.bind\",\"port\":1}}]"},
	 "t.json:11:28: a.b: the rule is not \"on\" this kind of action"},
	{{"match", "[{\"action\":{\"kind\":\"exec\",\"name\":\"x\",\"port\":1}}]"},
	 "t.json:11:53: a.b: actions of this kind have no such field"},
	{{"match", "[{\"action\":{\"kind\":\"exec\",\"name\":1}}]"},
	 "t.json:11:42: a.b: expected string"},
	{{"match", "[{\"action\":{\"kind\":\"exec\",\"argv\":[1]}}]"},
	 "t.json:11:42: a.b: expected an array of strings"},
	{{"match", "[{\"labels\":[\"x\"],\"action\":{\"kind\":\"exec\",\"name\":\"x\"}}]"},
	 "t.json:11:20: a.b: a label that no rule sets or reads"},
	{{"match", "[{\"repeat\":0,\"action\":{\"kind\":\"exec\",\"name\":\"x\"}}]"},
	 "t.json:11:20: a.b: a number of times, 1 to 262144"},
	{{"match", "[{\"vary\":\"argv\",\"action\":{\"kind\":\"exec\",\"name\":\"x\"}}]"},
	 "t.json:11:18: a.b: names a string or int field of the action"},
	{{"match", "[{\"every\":\"soon\",\"action\":{\"kind\":\"exec\",\"name\":\"x\"}}]"},
	 "t.json:11:19: a.b: a time such as \"500ms\" or \"1s\""},
	{{"when", "\"action.argv[0] == 'x' || action.name == 'x'\""},
	 "t.json:12:14: a.b: \"when\" ends in an error on this example (an index outside its "
	 "list, a text that is no address); let it be true or false"},
	{{"match", "[{\"on\":1,\"action\":{\"kind\":\"exec\",\"name\":\"x\"}}]"},
	 "t.json:11:16: unknown member \"on\"; known are: action, labels, process_labels, repeat, vary, every, after, before, cpu_seconds, "
	 "bytes_out"},
};

static void test_members_of_a_rule(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(bad_members); i++) {
		_cleanup_buf_ struct buf text = BUF_INIT(0);

		put_rule(&text, &bad_members[i].instead);
		check_refused(text.data, text.len, bad_members[i].expected);
	}
}

#define HEAD "{\"policy\":\"t\",\"version\":1,\n"

static void test_documents(void **state)
{
	static const char *const rows[][2] = {
		{"", "t.json:1:1: the document ends too early"},
		{"[]", "t.json:1:1: expected object, found array"},
		{"{}", "t.json:1:1: member \"policy\" (string) is missing"},
		{"{\"policy\":\"t\",\"version\":2}",
		 "t.json:1:25: this cordon reads version 1 of the format"},
		{HEAD "\"rules\":{}}", "t.json:2:9: expected array, found object"},
		{HEAD "\"rules\":[7]}", "t.json:2:10: expected object, found number"},
		{HEAD "\"extra\":1}",
		 "t.json:2:9: unknown member \"extra\"; known are: policy, version, description, "
		 "locked, redact, lists, macros, labels, defaults, on_loss, rules"},
		{HEAD "\"odd \\\"key\\\"\":1}",
		 "t.json:2:15: unknown member \"odd \\\"key\\\"\"; known are: policy, version, "
		 "description, locked, redact, lists, macros, labels, defaults, on_loss, rules"},
		{HEAD "\"lists\":{\"Hosts\":[]}}",
		 "t.json:2:18: a list's name has letters a-z, digits and _, not \"Hosts\""},
		{HEAD "\"lists\":{\"hosts\":7}}",
		 "t.json:2:18: list hosts: expected array, found number"},
		{HEAD "\"lists\":{\"hosts\":[7]}}",
		 "t.json:2:18: list hosts: its items are strings"},
		{HEAD "\"labels\":[{\"label\":\"a\"}]}",
		 "t.json:2:11: a label has \"paths\", or \"from\": \"network\""},
		{HEAD "\"labels\":[{\"label\":\"a\",\"from\":\"disk\"}]}",
		 "t.json:2:31: the one source is \"network\""},
		{HEAD "\"labels\":[{\"label\":\"A\",\"paths\":[]}]}",
		 "t.json:2:11: a label's name has letters a-z, digits, _ - and ."},
		{HEAD "\"labels\":[{\"label\":\"a\",\"paths\":[\"**/x\",\"x\"]}]}",
		 "t.json:2:40: paths are absolute: start the pattern with /, ~/ or **/"},
		{HEAD "\"labels\":[{\"label\":\"a\",\"paths\":[],\"except\":[7]}]}",
		 "t.json:2:45: a pattern is a string"},
		{HEAD "\"defaults\":{\"fly\":\"deny\"}}",
		 "t.json:2:19: unknown action kind \"fly\"" KNOWN_KINDS},
		{HEAD "\"on_loss\":\"ignore\"}", "t.json:2:11: on_loss is log, deny_new or kill"},
		{HEAD "\"defaults\":{\"net.bind\":\"no\"}}",
		 "t.json:2:24: the default of net.bind is allow, log, ask, deny or kill"},
		{HEAD "\"defaults\":{\"file.open\":\"deny\"}}",
		 "t.json:2:25: file.open is seen after it happened and cannot be refused: its "
		 "default is allow or log"},
		{HEAD "\"version\":1}", "t.json:2:1: the key is there twice"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		check_refused(rows[i][0], strlen(rows[i][0]), rows[i][1]);
	check_refused("{\"a\":1}\0x", 9, "t.json:1:8: something follows the document");
}

static void test_the_line_is_shown_with_a_mark(void **state)
{
	struct policy *policy = NULL;
	struct error err = {0};
	const char text[] = HEAD "\t\"lists\": {\"grö\": [], \"ok\":[7]}}";

	(void)state;
	assert_true(policy_load_text("t.json", text, sizeof(text) - 1, &policy, &err) < 0);
	assert_string_equal(
		err.text, "t.json:2:19: a list's name has letters a-z, digits and _, not \"grö\"\n"
			  "     \"lists\": {\"grö\": [], \"ok\":[7]}}\n"
			  "                      ^");
	assert_true(policy_load_text("t.json", "{\n \"a\": tru }", 13, &policy, &err) < 0);
	assert_non_null(strstr(err.text, "t.json:2:7: "));
	assert_non_null(strstr(err.text, "\n     \"a\": tru }\n          ^"));
}

/* Of an example that should match: which parts of the condition are false, also inside a macro. */
static void test_the_false_parts_are_told(void **state)
{
	static const char text[] =
		"{\"policy\":\"t\",\"version\":1,\n"
		"\"macros\":{\"many\":\"'x' == action.name || size(action.argv) > 3\"},\n"
		"\"rules\":[{\"id\":\"a.b\",\"category\":\"test\",\"severity\":\"low\",\"on\":[\"exec\"],\n"
		"\"when\":\"action.name == 'y' && macros.many && ('l' in session.labels)\",\n"
		"\"verdict\":\"deny\",\"because\":\"no\",\n"
		"\"match\":[{\"action\":{\"kind\":\"exec\",\"name\":\"y\",\"argv\":[\"y\"]}}],\n"
		"\"not_match\":[{\"action\":{\"kind\":\"exec\",\"name\":\"z\"}}]}]}";
	struct policy *policy = NULL;
	struct error err;

	(void)state;
	assert_true(policy_load_text("t.json", text, sizeof(text) - 1, &policy, &err) < 0);
	assert_non_null(strstr(err.text, "a.b: this example should match the rule and does not\n"));
	assert_null(strstr(err.text, "t.json:4:9: "));
	assert_non_null(strstr(err.text, "\n    t.json:2:19: this is false, of "
					 "{\"name\":\"y\",\"argv\":[\"y\"]}\n"));
	assert_non_null(
		strstr(err.text, "\n    t.json:4:47: this is false, of {\"session.labels\":[]}\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_members_of_a_rule),
		cmocka_unit_test(test_documents),
		cmocka_unit_test(test_the_line_is_shown_with_a_mark),
		cmocka_unit_test(test_the_false_parts_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
