/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/test.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "monitor/policy/decide.h"
#include "monitor/policy/policy.h"
#include "monitor/policy/policy_state.h"

/* Expressions with a name: what they mean where they are used, and where what is wrong is shown. */

static const struct str argv[] = {STR("sh"), STR("-l")};
static const struct action action = {
	.kind = ACTION_EXEC,
	.name = STR("sh"),
	.path = STR("/usr/bin/sh"),
	.argv = {argv, 2},
};

#define EXAMPLES                                                                       \
	"\"match\":[{\"action\":{\"kind\":\"exec\",\"name\":\"sh\",\"cwd\":\"/m\"}}]," \
	"\"not_match\":[{\"action\":{\"kind\":\"exec\",\"name\":\"no\",\"cwd\":\"/n\"}}]"

/* @macros: members of the object. Each on a line of its own: macros on 2, the rule's text on 4. */
static char *document(const char *macros, const char *when)
{
	return xasprintf(
		"{\"policy\":\"t\",\"version\":1,\"lists\":{\"shells\":[\"sh\"]},\n"
		"\"macros\":{%s},\n\"rules\":[{\"id\":\"r\",\"category\":\"c\",\"severity\":"
		"\"low\",\"on\":[\"exec\"],\n\"when\":\"%s\",\"verdict\":\"deny\",\"because\":"
		"\"b\"," EXAMPLES "}]}",
		macros, when);
}

static const char some[] = "\"shell\": \"action.name in lists.shells\","
			   "\"login\": \"macros.shell && action.argv.exists(a, a == '-l')\","
			   "\"bin\": \"['/usr/bin/*', '/bin/*']\","
			   "\"start\": \"'^/usr'\","
			   "\"two\": \"1 + 1\","
			   "\"flags\": \"action.argv.filter(x, x.startsWith('-'))\","
			   "\"any_or\": \"true || false\"";

static void test_what_a_macro_means(void **state)
{
	static const struct {
		const char *when;
		bool matches;
	} rows[] = {
		{"macros.shell", true},
		{"macros.login", true},
		{"!macros.login", false},
		{"macros.login && action.name != 'sh'", false},
		{"glob(action.path, macros.bin)", true},
		{"action.path.matches(macros.start)", true},
		{"size(action.argv) == macros.two", true},
		{"macros.two * 3 == 6", true}, /* a value, not a text: no precedence leaks */
		{"macros.any_or && false", false},
		{"macros.flags == ['-l'] && macros.flags.size() == 1", true},
		{"['-l'].exists(x, x in macros.flags)", true}, /* two that are called x */
		{"['sh'].all(a, a == 'sh' && macros.login)", true},
		{"has(macros.shell) && action.name == 'sh'", true},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		/* true of one example and false of the other, whatever the row says */
		_cleanup_free_ char *when =
			xasprintf("action.cwd == '/m' || action.cwd == '' && (%s)", rows[i].when);
		_cleanup_free_ char *text = document(some, when);
		struct policy *policy = NULL;
		struct policy_state *session;
		struct error err = {0};
		struct decision d;

		if (policy_load_text("t.json", text, strlen(text), &policy, &err) < 0)
			fail_msg("%s: %s", rows[i].when, err.text);
		session = policy_state_new(policy);
		policy_decide(policy, session, &action, &d);
		if ((d.matched == 1) != rows[i].matches)
			fail_msg("%s: %s", rows[i].when, rows[i].matches ? "no match" : "match");
		(void)policy_state_free(session);
		(void)policy_free(policy);
	}
}

/* The lines of the error that name a place, one behind the other. */
static char *places_of(const char *text)
{
	struct buf out = BUF_INIT(0);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		line += strspn(line, " ");
		if (strncmp(line, "t.json:", 7) == 0)
			buf_printf(&out, "%s%.*s", out.len ? " | " : "", (int)strcspn(line, "\n"),
				   line);
	}
	return out.data;
}

static void test_errors_tell_where_and_whence(void **state)
{
	static const struct {
		const char *macros, *when, *expected;
	} rows[] = {
		{"\"a\":\"action.nosuch\"", "true", "t.json:2:23: unknown field action.nosuch"},
		{"\"a\":\"1 +\"", "true",
		 "t.json:2:19: the expression ends where a value should be"},
		{"\"a\":\"1 + 'b'\"", "true", "t.json:2:18: type mismatch: int + string"},
		{"\"a\":\"x\"", "true", "t.json:2:16: unknown name \"x\""},
		{"\"a\":\"x\"", "action.argv.exists(x, macros.a)",
		 "t.json:2:16: unknown name \"x\""},
		{"\"a\":\"macros.b\"", "true", "t.json:2:23: no file defines the macro \"b\""},
		{"", "macros.b", "t.json:4:16: no file defines the macro \"b\""},
		{"", "has(macros.b)", "t.json:4:20: no file defines the macro \"b\""},
		{"\"a\":\"action.port == 1\"", "macros.a",
		 "t.json:2:23: action.port is not there for exec, which the rule is \"on\" | "
		 "t.json:4:16: macros.a is used here"},
		{"\"a\":\"action.port\",\"b\":\"1 < macros.a\"", "true && macros.b",
		 "t.json:2:23: action.port is not there for exec, which the rule is \"on\" | "
		 "t.json:2:45: macros.a is used here | t.json:4:24: macros.b is used here"},
		{"\"a\":\"1\"", "macros.a",
		 "t.json:2:16: type mismatch: a rule's \"when\" expects bool, found int | "
		 "t.json:4:16: macros.a is used here"},
		{"\"a\":\"'b'\"", "macros.a == 1",
		 "t.json:4:18: type mismatch: string compared with int"},
		{"\"a\":\"macros.a\"", "true",
		 "t.json:2:23: the macro a uses itself | t.json:2:23: macros.a is used here"},
		{"\"a\":\"!macros.b\",\"b\":\"macros.a\"", "true",
		 "t.json:2:24: the macro b uses itself | t.json:2:39: macros.a is used here | "
		 "t.json:2:24: macros.b is used here"},
		{"\"a\":1", "true",
		 "t.json:2:15: macro a: expected an expression as string, found "
		 "number"},
		{"\"A\":\"1\"", "true",
		 "t.json:2:15: a macro's name has letters a-z, digits and _, not \"A\""},
		{"", "action.argv.exists(macros, true)",
		 "t.json:4:28: \"macros\" has a meaning of its own: give the item another name"},
		{"", "macros == 1", "t.json:4:9: unknown name \"macros\""},
		{"\"a\":\"\\u0061ction.nosuch\"", "true", /* escapes count */
		 "t.json:2:28: unknown field action.nosuch"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		_cleanup_free_ char *text = document(rows[i].macros, rows[i].when);
		_cleanup_free_ char *places = NULL;
		struct policy *policy = NULL;
		struct error err = {0};

		if (policy_load_text("t.json", text, strlen(text), &policy, &err) == 0)
			fail_msg("%s with %s: loaded", rows[i].when, rows[i].macros);
		places = places_of(err.text);
		if (!places || strcmp(places, rows[i].expected) != 0)
			fail_msg("%s with %s:\n%s, not\n%s", rows[i].when, rows[i].macros, places,
				 rows[i].expected);
	}
}

/* Macros that use others, each `times` times. */
static char *tower(unsigned height, unsigned times)
{
	struct buf out = BUF_INIT(0);

	buf_puts(&out, "\"m0\":\"action.name == 'sh'\"");
	for (unsigned i = 1; i < height; i++) {
		buf_printf(&out, ",\"m%u\":\"", i);
		for (unsigned n = 0; n < times; n++)
			buf_printf(&out, "%smacros.m%u", n ? " && " : "", i - 1);
		buf_puts(&out, "\"");
	}
	return out.data;
}

static void check_tower(unsigned height, unsigned times, const char *refusal)
{
	_cleanup_free_ char *macros = tower(height, times);
	_cleanup_free_ char *when = xasprintf("macros.m%u", height - 1);
	_cleanup_free_ char *text = document(macros, when);
	struct policy *policy = NULL;
	struct error err = {0};
	const int r = policy_load_text("t.json", text, strlen(text), &policy, &err);

	if (!refusal && r < 0)
		fail_msg("%s", err.text);
	if (refusal && (r == 0 || !strstr(err.text, refusal)))
		fail_msg("%u of %u: %s", height, times, r ? err.text : "loaded");
	(void)policy_free(policy);
}

static void test_they_cannot_grow_without_end(void **state)
{
	(void)state;
	check_tower(8, 2, NULL);
	check_tower(9, 1, "more than 8 macros inside one another");
	check_tower(7, 6, "the expression has more than 2048 parts");
}

static void put_file(const char *folder, const char *name, const char *text)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", folder, name);
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, 0644), 0);
}

static void test_files_share_them(void **state)
{
	char folder[] = "/tmp/cordon-macros-XXXXXX";
	_cleanup_free_ char *user = document("", "macros.common");
	_cleanup_free_ char *expected = NULL;
	_cleanup_free_ char *remove = NULL;
	const char *path = folder;
	struct policy *policy = NULL;
	struct error err = {0};
	char before[65];

	(void)state;
	assert_non_null(mkdtemp(folder));
	put_file(folder, "a.json", user); /* it is read first, and used before it is defined */
	put_file(
		folder, "b.json",
		"{\"policy\":\"t\",\"version\":1,\"macros\":{\"common\":\"action.name == 'sh'\"}}");
	if (policy_load(&path, 1, &policy, &err) < 0)
		fail_msg("%s", err.text);
	(void)snprintf(before, sizeof(before), "%s", policy_hash(policy));
	policy = policy_free(policy);
	put_file(
		folder, "b.json",
		"{\"policy\":\"t\",\"version\":1,\"macros\":{\"common\":\"action.name in ['sh', 'zs']\"}}");
	assert_int_equal(policy_load(&path, 1, &policy, &err), 0);
	assert_string_not_equal(policy_hash(policy), before);
	policy = policy_free(policy);
	put_file(folder, "c.json",
		 "{\"policy\":\"t\",\"version\":1,\n\"macros\":{\"common\":\"true\"}}");
	assert_int_equal(policy_load(&path, 1, &policy, &err), -EEXIST);
	expected = xasprintf("%s/c.json:2:20: a macro common is in %s/b.json already: rename one",
			     folder, folder);
	assert_int_equal(strncmp(err.text, expected, strlen(expected)), 0);
	remove = xasprintf("rm -rf %s", folder);
	assert_int_equal(system(remove), 0); /* NOLINT(cert-env33-c): a name of mkdtemp() */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_a_macro_means),
		cmocka_unit_test(test_errors_tell_where_and_whence),
		cmocka_unit_test(test_they_cannot_grow_without_end),
		cmocka_unit_test(test_files_share_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
