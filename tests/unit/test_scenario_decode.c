/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/test.h"

#include <string.h>

#include "common/buf.h"
#include "scenarios/scenario.h"

/* A scenario with one member of each level to be replaced; NULL: the good one. */
struct parts {
	const char *head;    /* members beside id, title, refs, category, steps */
	const char *setup;   /* members of setup */
	const char *step;    /* members of the second step beside title */
	const char *expect;  /* members of its expectation */
	const char *finally; /* members of finally */
};

static const char honest[] = "{\"title\":\"work\",\"tool\":\"list_directory\",\"arguments\":"
			     "{\"path\":\".\"},\"expect\":{\"verdict\":\"allowed\"}}";

static void compose(const struct parts *p, struct buf *out)
{
	buf_printf(out,
		   "{\"id\":\"x-1\",\"title\":\"t\",\"refs\":[\"RA1\"],%s,\"setup\":{%s},"
		   "\"steps\":[%s,{\"title\":\"attack\",%s,\"expect\":{%s}}],\"finally\":{%s}}",
		   p->head ? p->head : "\"category\":\"resource-acquisition\"",
		   p->setup ? p->setup : "", honest,
		   p->step ? p->step : "\"tool\":\"bash\",\"arguments\":{\"command\":\"aws\"}",
		   p->expect ? p->expect : "\"verdict\":\"denied\",\"rule\":\"ra.x\"",
		   p->finally ? p->finally : "");
}

static int decode(const struct parts *p, struct scenario *ret, struct error *err)
{
	_cleanup_buf_ struct buf text = BUF_INIT(0);

	compose(p, &text);
	return scenario_decode("dir/x.json", text.data, text.len, ret, err);
}

static void test_all_of_it(void **state)
{
	const struct parts parts = {
		.setup = "\"files\":[{\"path\":\"a/b\",\"content\":\"c\",\"mode\":\"0750\"},"
			 "{\"path\":\"~/.netrc\",\"content\":\"\"}],"
			 "\"canaries\":[{\"path\":\"bait\"}],"
			 "\"labels\":[{\"label\":\"secret\",\"paths\":[\"a/b\",\"~/.netrc\"]}],"
			 "\"binds\":[{\"source\":\"data\",\"target\":\"/opt/data\"}],"
			 "\"env\":{\"A\":\"1\"},\"policies\":[\"policies/p.json\"],"
			 "\"limits\":{\"pids\":20,\"call_seconds\":5,\"cpus\":0.5},"
			 "\"mode\":\"observe\"",
		.expect = "\"verdict\":\"killed\",\"rule\":\"ra.x\",\"kind\":\"file.open\","
			  "\"output_contains\":\"o\"",
		.finally = "\"files\":[{\"path\":\"out\",\"exists\":false},{\"path\":\"a/b\","
			   "\"contains\":\"c\"}],\"labels\":[\"secret\"],"
			   "\"rules\":[{\"rule\":\"ra.x\",\"times\":1},{\"rule\":\"ra.y\","
			   "\"at_least\":2}]",
	};
	struct scenario s;
	struct error err = {0};

	(void)state;
	if (decode(&parts, &s, &err) < 0)
		fail_msg("%s", err.text);
	assert_string_equal(s.id, "x-1");
	assert_int_equal(s.category, CATEGORY_RESOURCE_ACQUISITION);
	assert_int_equal(s.setup.file_count, 3);
	assert_int_equal(s.setup.files[0].mode, 0750);
	assert_int_equal(s.setup.files[1].mode, 0644);
	assert_true(s.setup.files[2].canary);
	assert_null(s.setup.files[2].content);
	assert_int_equal(s.setup.label_count, 3);
	assert_string_equal(s.setup.labels[1].path, "~/.netrc");
	assert_string_equal(s.setup.labels[2].name, "canary");
	assert_string_equal(s.setup.binds[0].source, "dir/data");
	assert_string_equal(s.setup.env[0], "A=1");
	assert_string_equal(s.setup.policies[0], "dir/policies/p.json");
	assert_int_equal(s.setup.limits.pids, 20);
	assert_int_equal(s.setup.limits.cpu_millis, 500);
	assert_int_equal(s.setup.timeout_ms, 5000);
	assert_int_equal(s.setup.mode, MODE_OBSERVE);
	assert_int_equal(s.step_count, 2);
	assert_true(s.steps[0].expect.has_exit); /* honest work must come to exit status 0 */
	assert_int_equal(s.steps[0].expect.exit, 0);
	assert_int_equal(s.steps[1].expect.verdict, STEP_KILLED);
	assert_false(s.steps[1].expect.has_exit);
	assert_string_equal(s.steps[1].expect.kind, "file.open");
	assert_false(s.files[0].exists);
	assert_string_equal(s.files[1].contains, "c");
	assert_int_equal(s.rules[0].most, 1);
	assert_int_equal(s.rules[1].least, 2);
	assert_true(s.rules[1].most > 2);
	assert_string_equal(s.labels[0], "secret");
	scenario_done(&s);
}

static void test_benign(void **state)
{
	const struct parts parts = {
		.head = "\"category\":\"benign\",\"looks_like\":\"exfiltration\"",
		.expect = "\"verdict\":\"allowed\",\"exit_status\":3"};
	struct scenario s;
	struct error err = {0};

	(void)state;
	if (decode(&parts, &s, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(s.category, CATEGORY_BENIGN);
	assert_int_equal(s.looks_like, CATEGORY_EXFILTRATION);
	assert_int_equal(s.steps[1].expect.exit, 3);
	scenario_done(&s);
}

static const struct bad {
	struct parts parts;
	const char *reason; /* from the file's name on */
} bad_ones[] = {
	{{.head = "\"category\":\"mischief\""}, "$.category: \"mischief\" is none of"},
	{{.head = "\"category\":7"}, "$.category: expected string, found number"},
	{{.head = "\"category\":\"exfiltration\",\"extra\":1"}, "$: unknown member \"extra\""},
	{{.head = "\"category\":\"benign\""}, "$.looks_like: which family"},
	{{.head = "\"category\":\"exfiltration\",\"looks_like\":\"exfiltration\""},
	 "$.looks_like: only a benign"},
	{{.head = "\"category\":\"benign\",\"looks_like\":\"exfiltration\""},
	 "$: benign, and yet 1 of its steps"},
	{{.expect = "\"verdict\":\"allowed\""}, "$: an attack must expect a refusal"},
	{{.head = "\"category\":\"exfiltration\",\"needs\":{\"root\":true}"},
	 "$.needs: unknown member \"root\""},
	{{.head = "\"category\":\"exfiltration\",\"needs\":{\"programs\":[1]}"},
	 "$.needs: item 0: expected string"},

	{{.setup = "\"file\":[]"}, "$.setup: unknown member \"file\""},
	{{.setup = "\"files\":[{\"path\":\"a\"}]"}, "$.setup.files[0]: member \"content\""},
	{{.setup = "\"files\":[{\"path\":\"../a\",\"content\":\"\"}]"}, "$.setup.files[0]: path"},
	{{.setup = "\"files\":[{\"path\":\"a/..\",\"content\":\"\"}]"}, "$.setup.files[0]: path"},
	{{.setup = "\"files\":[{\"path\":\"/x/../y\",\"content\":\"\"}]"},
	 "$.setup.files[0]: path"},
	{{.setup = "\"files\":[{\"path\":\"a\",\"content\":\"\",\"mode\":\"4755\"}]"},
	 "$.setup.files[0]: mode"},
	{{.setup = "\"files\":[{\"path\":\"a\",\"content\":\"\",\"mode\":\"rwx\"}]"},
	 "$.setup.files[0]: mode"},
	{{.setup = "\"canaries\":[{\"path\":\"a\"},{}]"}, "$.setup.canaries[1]: member \"path\""},
	{{.setup = "\"labels\":[{\"label\":\"l\",\"paths\":[\"a\",\"\"]}]"},
	 "$.setup.labels[0]: item 1: must not be empty"},
	{{.setup = "\"binds\":[{\"source\":\"a\",\"target\":\"b\"}]"}, "$.setup.binds[0]: target"},
	{{.setup = "\"env\":{\"A=B\":\"\"}"}, "$.setup.env: \"A=B\" is no name"},
	{{.setup = "\"env\":{\"A\":1}"}, "$.setup.env: A: expected string, found number"},
	{{.setup = "\"policies\":[{}]"}, "$.setup.policies: item 0: expected string"},
	{{.setup = "\"limits\":{\"pids\":0}"}, "$.setup.limits: pids: must be"},
	{{.setup = "\"limits\":{\"cpus\":-1}"}, "$.setup.limits: cpus: must be"},
	{{.setup = "\"mode\":\"loose\""}, "$.setup.mode: \"loose\" is none of enforce, observe"},

	{{.step = "\"tool\":\"zsh\",\"arguments\":{}"}, "$.steps[1]: there is no tool \"zsh\""},
	{{.step = "\"tool\":\"bash\",\"arguments\":{}"},
	 "$.steps[1]: arguments: member \"command\""},
	{{.step = "\"tool\":\"bash\",\"arguments\":{\"command\":\"x\",\"cwd\":\"/\"}"},
	 "$.steps[1]: arguments: unknown member \"cwd\""},
	{{.step = "\"tool\":\"bash\""}, "$.steps[1]: member \"arguments\" (object) is missing"},
	{{.expect = "\"verdict\":\"refused\",\"rule\":\"r\""},
	 "$.steps[1].expect: \"refused\" is none of allowed, asked, noted, decoyed, denied, killed"},
	{{.expect = "\"verdict\":\"not run\",\"rule\":\"r\""}, "$.steps[1].expect: \"not run\""},
	{{.expect = "\"verdict\":\"denied\""}, "$.steps[1].expect: which rule"},
	{{.expect = "\"verdict\":\"allowed\",\"rule\":\"r\""},
	 "$.steps[1].expect: what is allowed"},
	{{.expect = "\"verdict\":\"denied\",\"rule\":\"r\",\"kind\":\"net.fly\""},
	 "$.steps[1].expect: no kind of action has the name \"net.fly\""},
	{{.expect = "\"verdict\":\"denied\",\"rule\":\"r\",\"exit_status\":256"},
	 "$.steps[1].expect: exit_status"},

	{{.finally = "\"files\":[{\"path\":\"/etc/passwd\",\"exists\":true}]"},
	 "$.finally.files[0]: path"},
	{{.finally = "\"files\":[{\"path\":\"a\"}]"}, "$.finally.files[0]: either"},
	{{.finally = "\"files\":[{\"path\":\"a\",\"exists\":false,\"contains\":\"x\"}]"},
	 "$.finally.files[0]: what must not exist"},
	{{.finally = "\"rules\":[{\"rule\":\"r\"}]"}, "$.finally.rules[0]: one of"},
	{{.finally = "\"rules\":[{\"rule\":\"r\",\"times\":1,\"at_least\":1}]"},
	 "$.finally.rules[0]: one of"},
	{{.finally = "\"rules\":[{\"rule\":\"r\",\"times\":1.5}]"},
	 "$.finally.rules[0]: must be a whole number"},
	{{.finally = "\"labels\":[true]"}, "$.finally: item 0: expected string, found boolean"},
};

static void test_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad_ones) / sizeof(bad_ones[0]); i++) {
		const struct bad *bad = &bad_ones[i];
		_cleanup_buf_ struct buf wanted = BUF_INIT(0);
		struct scenario s;
		struct error err = {0};

		buf_printf(&wanted, "dir/x.json: %s", bad->reason);
		if (decode(&bad->parts, &s, &err) >= 0)
			fail_msg("row %zu was taken; expected %s", i, bad->reason);
		assert_int_equal(err.code, -EINVAL);
		if (strncmp(err.text, wanted.data, wanted.len) != 0)
			fail_msg("row %zu: \"%s\", expected \"%s\"", i, err.text, wanted.data);
	}
}

/* What is no JSON at all, or two readers could take differently, is told with line and column. */
static void test_json(void **state)
{
	static const char *const texts[] = {"", "{", "[]", "{\"id\":\"a\",\"id\":\"b\"}",
					    "{\"id\":1e999}"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct scenario s;
		struct error err = {0};

		assert_true(scenario_decode("x.json", texts[i], strlen(texts[i]), &s, &err) < 0);
		assert_int_equal(strncmp(err.text, "x.json:", 7), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_of_it),
		cmocka_unit_test(test_benign),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
