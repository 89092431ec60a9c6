/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cordon/mcp/mcp_message.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "monitor/action.h"

void mcp_id_done(struct mcp_id *id)
{
	free(id->raw);
	free(id->key);
	*id = (struct mcp_id){0};
}

void mcp_message_done(struct mcp_message *message)
{
	mcp_id_done(&message->id);
	json_free(message->doc);
	*message = (struct mcp_message){.kind = MCP_INVALID};
}

static bool is_integer(const char *raw, size_t len)
{
	size_t at = raw[0] == '-';

	if (at == len)
		return false;
	for (; at < len; at++) {
		if (raw[at] < '0' || raw[at] > '9')
			return false;
	}
	return true;
}

/* Reads the member `key` of checked text as an id. Return: 0, -ENOENT, -EINVAL. */
static int take_id(const char *text, size_t len, const char *key, struct mcp_id *ret)
{
	_cleanup_buf_ struct buf name = BUF_INIT(0);
	const char *raw = NULL;
	size_t raw_len = 0;
	int r;

	r = json_member_raw(text, len, key, &raw, &raw_len);
	if (r < 0)
		return r;
	if (!raw_len || raw_len > MCP_MAX_ID_BYTES)
		return -EINVAL;
	if (raw[0] == '"') {
		buf_putc(&name, '"');
		json_unescape(raw + 1, raw_len - 2, &name);
	} else if (is_integer(raw, raw_len)) {
		buf_put(&name, raw, raw_len);
	} else {
		return -EINVAL;
	}
	ret->raw = xstrndup(raw, raw_len);
	ret->key = take_ptr(name.data);
	return 0;
}

static void refuse(struct mcp_message *m, enum mcp_code code, const char *reason)
{
	m->kind = MCP_INVALID;
	m->code = code;
	(void)error_set(&m->reason, EINVAL, "%s", reason);
}

static void check_members(struct mcp_message *m, int id_result)
{
	const char *version = json_get_string(m->doc, "jsonrpc");
	const struct json *method = json_get(m->doc, "method");

	if (id_result == -EINVAL) {
		refuse(m, MCP_INVALID_REQUEST, "id: must be a string or an integer, and short");
	} else if (!version || strcmp(version, "2.0") != 0) {
		refuse(m, MCP_INVALID_REQUEST, "jsonrpc: must be \"2.0\"");
	} else if (!method && m->id.raw &&
		   (json_get(m->doc, "result") || json_get(m->doc, "error"))) {
		m->kind = MCP_RESPONSE;
	} else if (!json_string(method)) {
		refuse(m, MCP_INVALID_REQUEST, "method: must be a string");
	} else if (m->id.raw && m->params && json_type(m->params) != JSON_OBJECT) {
		refuse(m, MCP_INVALID_PARAMS, "params: must be an object");
	} else {
		m->kind = m->id.raw ? MCP_REQUEST : MCP_NOTIFICATION;
		m->method = json_string(method);
	}
}

void mcp_message_parse(const char *line, size_t len, struct mcp_message *ret)
{
	struct error why;
	int r;

	*ret = (struct mcp_message){.kind = MCP_INVALID};
	if (json_parse("message", line, len, &ret->doc, &why) < 0) {
		refuse(ret, MCP_PARSE_ERROR, why.text);
		return;
	}
	if (json_type(ret->doc) == JSON_ARRAY) {
		refuse(ret, MCP_INVALID_REQUEST, "batches are no part of this protocol revision");
		return;
	}
	if (json_type(ret->doc) != JSON_OBJECT) {
		refuse(ret, MCP_INVALID_REQUEST, "a message must be an object");
		return;
	}
	r = take_id(line, len, "id", &ret->id);
	ret->params = json_get(ret->doc, "params");
	check_members(ret, r);
}

int mcp_cancelled_id(const char *line, size_t len, struct mcp_id *ret)
{
	const char *params = NULL;
	size_t params_len = 0;

	if (json_member_raw(line, len, "params", &params, &params_len) < 0 || params_len < 2)
		return -EINVAL;
	return take_id(params, params_len, "requestId", ret) < 0 ? -EINVAL : 0;
}

const char *mcp_call_cost(const struct json *params, struct mcp_cost *ret)
{
	const struct json *cost = json_get(json_get(params, "_meta"), "cordon/cost");
	const char *unit = json_get_string(cost, "unit");

	*ret = (struct mcp_cost){0};
	if (!cost)
		return NULL;
	if (json_length(cost) != 2 || !json_get(cost, "amount") ||
	    json_i64(json_get(cost, "amount"), 0, INT64_MAX, &ret->amount) < 0)
		return "params._meta.cordon/cost: has \"amount\", a whole number of 0 or more, and "
		       "\"unit\"";
	if (!unit || !unit_is_good(unit))
		return "params._meta.cordon/cost.unit: up to 31 of a-z, 0-9, '.', '_', '-'";
	ret->unit = unit;
	return NULL;
}
