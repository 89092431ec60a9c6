/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/test.h"

#include <string.h>

#include "common/buf.h"
#include "tools/cordon/mcp/mcp_message.h"

static const struct message_case {
	const char *line;
	enum mcp_kind kind;
	int code;	  /* MCP_INVALID */
	const char *id;	  /* as it must go back; NULL: none */
	const char *text; /* method, or a part of the reason */
} cases[] = {
	{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}", MCP_REQUEST, 0, "1", "ping"},
	{"{\"jsonrpc\":\"2.0\",\"id\":9223372036854775807,\"method\":\"ping\"}", MCP_REQUEST, 0,
	 "9223372036854775807", "ping"},
	{"{\"jsonrpc\":\"2.0\",\"id\":-9007199254740993,\"method\":\"ping\"}", MCP_REQUEST, 0,
	 "-9007199254740993", "ping"},
	{"{\"jsonrpc\":\"2.0\",\"id\":\"a\\u0062\\n\",\"method\":\"x\",\"params\":{}}", MCP_REQUEST,
	 0, "\"a\\u0062\\n\"", "x"},
	{"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}", MCP_NOTIFICATION, 0,
	 NULL, "notifications/initialized"},
	{"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}", MCP_RESPONSE, 0, "1", NULL},
	{"{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{}}", MCP_RESPONSE, 0, "1", NULL},
	/* ids */
	{"{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"x\"}", MCP_INVALID, -32600, NULL, "id"},
	{"{\"jsonrpc\":\"2.0\",\"id\":1.0,\"method\":\"x\"}", MCP_INVALID, -32600, NULL, "id"},
	{"{\"jsonrpc\":\"2.0\",\"id\":1e3,\"method\":\"x\"}", MCP_INVALID, -32600, NULL, "id"},
	{"{\"jsonrpc\":\"2.0\",\"id\":true,\"method\":\"x\"}", MCP_INVALID, -32600, NULL, "id"},
	{"{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"x\"}", MCP_INVALID, -32600, NULL, "id"},
	/* shape */
	{"[]", MCP_INVALID, -32600, NULL, "batches"},
	{"[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}]", MCP_INVALID, -32600, NULL,
	 "batches"},
	{"7", MCP_INVALID, -32600, NULL, "object"},
	{"{}", MCP_INVALID, -32600, NULL, "jsonrpc"},
	{"{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"x\"}", MCP_INVALID, -32600, "1", "jsonrpc"},
	{"{\"jsonrpc\":\"2.0\",\"id\":1}", MCP_INVALID, -32600, "1", "method"},
	{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":7}", MCP_INVALID, -32600, "1", "method"},
	{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"x\",\"params\":[]}", MCP_INVALID, -32602, "1",
	 "params"},
	/* no JSON, or two readings of it */
	{"hello", MCP_INVALID, -32700, NULL, "message:1:1"},
	{"{\"jsonrpc\":\"2.0\",\"id\":1,\"id\":2,\"method\":\"x\"}", MCP_INVALID, -32700, NULL,
	 "twice"},
	{"{\"jsonrpc\":\"2.0\",\"id\":1e999,\"method\":\"x\"}", MCP_INVALID, -32700, NULL,
	 "message:1:"},
	{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xff\"}", MCP_INVALID, -32700, NULL, "UTF-8"},
	{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"a\\u0000b\"}", MCP_INVALID, -32700, NULL,
	 "message:1:"},
	{"{\"a\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[0]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}",
	 MCP_INVALID, -32700, NULL, "nested"},
};

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct message_case *c = &cases[i];
		struct mcp_message m;

		mcp_message_parse(c->line, strlen(c->line), &m);
		if (m.kind != c->kind)
			fail_msg("%s: kind %d, expected %d (%s)", c->line, (int)m.kind,
				 (int)c->kind, m.reason.text);
		if (c->id)
			assert_string_equal(m.id.raw, c->id);
		else
			assert_null(m.id.raw);
		if (c->kind == MCP_INVALID) {
			assert_int_equal(m.code, c->code);
			if (!strstr(m.reason.text, c->text))
				fail_msg("%s: \"%s\" does not tell of \"%s\"", c->line,
					 m.reason.text, c->text);
		} else if (c->text) {
			assert_string_equal(m.method, c->text);
		}
		mcp_message_done(&m);
	}
}

static void test_an_id_has_one_key(void **state)
{
	static const char plain[] = "{\"jsonrpc\":\"2.0\",\"id\":\"ab\",\"method\":\"x\"}";
	static const char cancel[] =
		"{\"jsonrpc\":\"2.0\",\"method\":\"c\",\"params\":{\"requestId\":\"a\\u0062\"}}";
	static const char number[] =
		"{\"jsonrpc\":\"2.0\",\"method\":\"c\",\"params\":{\"requestId\":12}}";
	static const char none[] = "{\"jsonrpc\":\"2.0\",\"method\":\"c\",\"params\":{}}";
	struct mcp_message m;
	struct mcp_id id = {0};

	(void)state;
	mcp_message_parse(plain, sizeof(plain) - 1, &m);
	assert_int_equal(mcp_cancelled_id(cancel, sizeof(cancel) - 1, &id), 0);
	assert_string_equal(id.key, m.id.key);
	mcp_id_done(&id);
	/* The number 12 and the string "12" are two ids. */
	assert_int_equal(mcp_cancelled_id(number, sizeof(number) - 1, &id), 0);
	assert_string_equal(id.key, "12");
	assert_true(m.id.key[0] == '"');
	mcp_id_done(&id);
	assert_int_equal(mcp_cancelled_id(none, sizeof(none) - 1, &id), -EINVAL);
	mcp_message_done(&m);
}

static void test_a_long_id_is_refused(void **state)
{
	_cleanup_buf_ struct buf line = BUF_INIT(0);
	struct mcp_message m;

	(void)state;
	buf_puts(&line, "{\"jsonrpc\":\"2.0\",\"method\":\"x\",\"id\":\"");
	for (unsigned i = 0; i < MCP_MAX_ID_BYTES; i++)
		buf_putc(&line, 'i');
	buf_puts(&line, "\"}");
	mcp_message_parse(line.data, line.len, &m);
	assert_int_equal(m.kind, MCP_INVALID);
	assert_int_equal(m.code, MCP_INVALID_REQUEST);
	mcp_message_done(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_an_id_has_one_key),
		cmocka_unit_test(test_a_long_id_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
