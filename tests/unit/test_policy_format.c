/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/test.h"

#include <string.h>

#include "common/cleanup.h"
#include "monitor/policy/format.h"

/* The form of policy files, and that what is brought into it stays what it was. */

static char *format(const char *text, struct error *err)
{
	_cleanup_(sources_done) struct sources sources = {0};
	struct buf out = BUF_INIT(0);

	if (sources_add_text(&sources, "f", text, strlen(text), err) < 0 ||
	    policy_format(&sources.items[0], &out, err) < 0)
		return NULL;
	return out.data;
}

static void expect(const char *text, const char *expected)
{
	struct error err = {0};
	_cleanup_free_ char *once = format(text, &err);
	_cleanup_free_ char *twice = once ? format(once, &err) : NULL;

	if (!twice)
		fail_msg("%s: %s", text, err.text);
	assert_string_equal(once, expected);
	assert_string_equal(twice, expected);
}

static void test_members_have_an_order(void **state)
{
	(void)state;
	expect("{\"rules\":[{\"not_match\":[],\"match\":[{\"labels\":[\"l\"],\"action\":{\"port\":1,"
	       "\"kind\":\"net.bind\"}}],\"when\":\"true\",\"declassify\":[],\"budget\":{},"
	       "\"label\":[\"x\"],\"count\":{\"distinct\":"
	       "\"a\",\"at_least\":2,\"window\":\"1s\"},\"id\":\"r\"}],\"version\":1,\"labels\":[{"
	       "\"except\":[],\"paths\":[\"/a\"],\"label\":\"l\"}],\"policy\":\"p\"}",
	       "{\n"
	       "\t\"policy\": \"p\",\n"
	       "\t\"version\": 1,\n"
	       "\t\"labels\": [\n"
	       "\t\t{\n"
	       "\t\t\t\"label\": \"l\",\n"
	       "\t\t\t\"paths\": [\"/a\"],\n"
	       "\t\t\t\"except\": []\n"
	       "\t\t}\n"
	       "\t],\n"
	       "\t\"rules\": [\n"
	       "\t\t{\n"
	       "\t\t\t\"id\": \"r\",\n"
	       "\t\t\t\"when\": \"true\",\n"
	       "\t\t\t\"count\": {\"window\": \"1s\", \"at_least\": 2, \"distinct\": \"a\"},\n"
	       "\t\t\t\"budget\": {},\n"
	       "\t\t\t\"label\": [\"x\"],\n"
	       "\t\t\t\"declassify\": [],\n"
	       "\t\t\t\"match\": [{\"action\": {\"kind\": \"net.bind\", \"port\": 1}, \"labels\": "
	       "[\"l\"]}],\n"
	       "\t\t\t\"not_match\": []\n"
	       "\t\t}\n"
	       "\t]\n"
	       "}\n");
}

/* Behind those that are known, as they came; also where a name of elsewhere is used. */
static void test_unknown_members_stay(void **state)
{
	(void)state;
	expect("{\"z\":{\"id\":{},\"category\":[ ]},\"id\":1,\"a\":{\"b\":2},\"cases\":[],\"version\":1}",
	       "{\n"
	       "\t\"version\": 1,\n"
	       "\t\"cases\": [],\n"
	       "\t\"z\": {\n"
	       "\t\t\"id\": {},\n"
	       "\t\t\"category\": []\n"
	       "\t},\n"
	       "\t\"id\": 1,\n"
	       "\t\"a\": {\n"
	       "\t\t\"b\": 2\n"
	       "\t}\n"
	       "}\n");
}

static void test_values_stay_the_bytes_they_were(void **state)
{
	(void)state;
	expect("{\"policy\" : \"\\u0041\\/\\\"]},: ä\\\\\",\"version\":1.0E+0,\"lists\":\r\n"
	       "{\"l\":[\t-0 , 1e2,true,null, \"\\\\\" ],\"p\\u006f\":[]}}",
	       "{\n"
	       "\t\"policy\": \"\\u0041\\/\\\"]},: ä\\\\\",\n"
	       "\t\"version\": 1.0E+0,\n"
	       "\t\"lists\": {\n"
	       "\t\t\"l\": [-0, 1e2, true, null, \"\\\\\"],\n"
	       "\t\t\"p\\u006f\": []\n"
	       "\t}\n"
	       "}\n");
}

/* A list of one text with so many characters, on one line or on several. */
static void expect_width(size_t characters, bool one_line)
{
	struct buf text = BUF_INIT(0);
	struct buf expected = BUF_INIT(0);
	struct buf word = BUF_INIT(0);

	for (size_t i = 0; i < characters; i++)
		buf_puts(&word, i ? "a" : "ä");
	buf_printf(&text, "{\"policy\":\"p\",\"lists\":{\"l\":[\"%s\"]}}", word.data);
	buf_printf(
		&expected,
		one_line ? "{\n\t\"policy\": \"p\",\n\t\"lists\": {\n\t\t\"l\": [\"%s\"]\n\t}\n}\n"
			 : "{\n\t\"policy\": \"p\",\n\t\"lists\": {\n\t\t\"l\": [\n\t\t\t\"%s\"\n"
			   "\t\t]\n\t}\n}\n",
		word.data);
	expect(text.data, expected.data);
	buf_done(&text);
	buf_done(&expected);
	buf_done(&word);
}

static void test_what_fits_is_on_one_line(void **state)
{
	(void)state;
	/* 140 less two tabs of 4, the key, the brackets and quotes, and a comma */
	expect_width(140 - 8 - 5 - 4 - 1, true);
	expect_width(140 - 8 - 5 - 4, false);
}

static void test_what_is_refused(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{"{\"rules\":[]}", "f: neither a policy (\"policy\") nor cases (\"cases\")"},
		{"[]", "f: neither"},
		{"{\"policy\":\"p\",}", "f:1:15: "},
		{"{\"policy\":\"p\"} // no", "f:1:16: "},
		{"{\"policy\":\"p\",\"policy\":\"p\"}", "f:1:15: "},
		{"", "f:1:1: "},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct error err = {0};

		assert_null(format(rows[i].text, &err));
		if (strncmp(err.text, rows[i].why, strlen(rows[i].why)) != 0)
			fail_msg("%s: %s", rows[i].text, err.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_members_have_an_order),
		cmocka_unit_test(test_unknown_members_stay),
		cmocka_unit_test(test_values_stay_the_bytes_they_were),
		cmocka_unit_test(test_what_fits_is_on_one_line),
		cmocka_unit_test(test_what_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
