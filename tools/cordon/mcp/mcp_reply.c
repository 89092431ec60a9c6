/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cordon/mcp/mcp_reply.h"

#include <string.h>

#include "common/json_write.h"
#include "tools/cordon/version.h"

static const char *const revisions[] = {"2025-11-25", "2025-06-18"};

const char *mcp_revision(const char *wanted)
{
	for (size_t i = 0; i < sizeof(revisions) / sizeof(revisions[0]); i++) {
		if (strcmp(wanted, revisions[i]) == 0)
			return revisions[i];
	}
	return revisions[0];
}

static void begin(struct json_writer *w, const char *id)
{
	json_begin_object(w, NULL);
	json_put_string(w, "jsonrpc", "2.0");
	if (id)
		json_put_raw(w, "id", id, strlen(id));
	else
		json_put_null(w, "id");
}

static void end(struct json_writer *w)
{
	json_end_object(w);
	buf_putc(w->out, '\n');
}

void mcp_put_error(struct buf *out, const char *id, enum mcp_code code, const char *text)
{
	struct json_writer w = {.out = out};

	begin(&w, id);
	json_begin_object(&w, "error");
	json_put_i64(&w, "code", code);
	json_put_string(&w, "message", text);
	json_end_object(&w);
	end(&w);
}

void mcp_put_empty(struct buf *out, const char *id)
{
	struct json_writer w = {.out = out};

	begin(&w, id);
	json_begin_object(&w, "result");
	json_end_object(&w);
	end(&w);
}

void mcp_put_initialize(struct buf *out, const char *id, const char *revision,
			const char *workspace)
{
	struct json_writer w = {.out = out};
	_cleanup_buf_ struct buf text = BUF_INIT(0);

	buf_printf(&text,
		   "These tools work inside one sandboxed session. Relative paths start at the "
		   "workspace %s. Files stay from call to call, processes do not. Every action is "
		   "recorded and checked against a policy; a result that begins with \"Denied by\" "
		   "names the rule, what was refused and why: take another way, asking for the "
		   "same again gives the same answer.",
		   workspace);
	begin(&w, id);
	json_begin_object(&w, "result");
	json_put_string(&w, "protocolVersion", revision);
	json_begin_object(&w, "capabilities");
	json_begin_object(&w, "tools");
	json_end_object(&w);
	json_end_object(&w);
	json_begin_object(&w, "serverInfo");
	json_put_string(&w, "name", "cordon");
	json_put_string(&w, "title", "cordon: sandboxed tools");
	json_put_string(&w, "version", CORDON_VERSION);
	json_end_object(&w);
	json_put_string(&w, "instructions", text.data);
	json_end_object(&w);
	end(&w);
}

/*
 * The same for every tool. `output` repeats the text: several clients hand the model the structured
 * content in place of the text when both are there.
 */
static const char output_schema[] =
	"{\"type\":\"object\",\"properties\":{"
	"\"output\":{\"type\":\"string\"},"
	"\"exit_code\":{\"type\":[\"integer\",\"null\"],"
	"\"description\":\"null if nothing ran or it was ended by a signal\"},"
	"\"timed_out\":{\"type\":\"boolean\"},"
	"\"denied_count\":{\"type\":\"integer\"},"
	"\"denied\":{\"type\":\"array\",\"description\":\"the last refusal of the call\","
	"\"items\":{\"type\":\"object\",\"properties\":{"
	"\"rule\":{\"type\":\"string\"},\"verdict\":{\"type\":\"string\"},"
	"\"kind\":{\"type\":\"string\"},"
	"\"subject\":{\"type\":\"string\"},\"because\":{\"type\":\"string\"},"
	"\"event\":{\"type\":\"integer\",\"description\":\"seq in the record\"}},"
	"\"required\":[\"rule\",\"verdict\",\"kind\",\"subject\",\"because\",\"event\"]}}},"
	"\"required\":[\"output\",\"exit_code\",\"timed_out\",\"denied_count\",\"denied\"]}";

static void put_tool(struct json_writer *w, const struct tool *tool)
{
	json_begin_object(w, NULL);
	json_put_string(w, "name", tool->name);
	json_put_string(w, "title", tool->title);
	json_put_string(w, "description", tool->description);
	json_put_raw(w, "inputSchema", tool->input_schema, strlen(tool->input_schema));
	json_put_raw(w, "outputSchema", output_schema, sizeof(output_schema) - 1);
	json_begin_object(w, "annotations");
	json_put_string(w, "title", tool->title);
	json_put_bool(w, "readOnlyHint", tool->read_only);
	json_put_bool(w, "destructiveHint", !tool->read_only);
	json_put_bool(w, "openWorldHint", false);
	json_end_object(w);
	json_end_object(w);
}

void mcp_put_tools(struct buf *out, const char *id)
{
	struct json_writer w = {.out = out};

	begin(&w, id);
	json_begin_object(&w, "result");
	json_begin_array(&w, "tools");
	for (size_t i = 0; i < catalogue_count; i++)
		put_tool(&w, &catalogue[i]);
	json_end_array(&w);
	json_end_object(&w);
	end(&w);
}

static void put_content(struct json_writer *w, const char *text, size_t len)
{
	json_begin_array(w, "content");
	json_begin_object(w, NULL);
	json_put_string(w, "type", "text");
	json_put_bytes(w, "text", text, len);
	json_end_object(w);
	json_end_array(w);
}

static void put_denial(struct json_writer *w, const struct denial *denial)
{
	json_begin_object(w, NULL);
	json_put_string(w, "rule", denial->rule);
	json_put_string(w, "verdict", verdict_name(denial->verdict));
	json_put_string(w, "kind", denial->kind);
	json_put_string(w, "subject", denial->subject);
	json_put_string(w, "because", denial->because);
	json_put_u64(w, "event", denial->seq);
	json_end_object(w);
}

static void put_structured(struct json_writer *w, const struct tool_result *result)
{
	const struct exec_result *exec = result->exec;

	json_begin_object(w, "structuredContent");
	json_put_bytes(w, "output", result->text, result->text_len);
	if (exec && exec->outcome == EXEC_EXITED && !exec->timed_out)
		json_put_i64(w, "exit_code", exec->status);
	else
		json_put_null(w, "exit_code");
	json_put_bool(w, "timed_out", exec && exec->timed_out);
	json_put_u64(w, "denied_count", exec && exec->denied ? exec->denied : result->denied);
	json_begin_array(w, "denied");
	if (result->denial)
		put_denial(w, result->denial);
	json_end_array(w);
	json_end_object(w);
}

void mcp_put_result(struct buf *out, const char *id, const struct tool_result *result)
{
	struct json_writer w = {.out = out};

	begin(&w, id);
	json_begin_object(&w, "result");
	put_content(&w, result->text, result->text_len);
	put_structured(&w, result);
	json_put_bool(&w, "isError", result->is_error);
	json_end_object(&w);
	end(&w);
}

void mcp_put_bad_call(struct buf *out, const char *id, const char *text)
{
	const struct tool_result result = {
		.is_error = true, .text = text, .text_len = strlen(text)};

	mcp_put_result(out, id, &result);
}
