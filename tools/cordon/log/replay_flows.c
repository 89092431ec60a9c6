/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cordon/log/replay_flows.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* The default function's cases fall through, of which clang warns. */
#define HASH_FUNCTION HASH_FNV
#include <uthash.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "tools/cordon/log/log_show.h"

struct replay_flow {
	UT_hash_handle hh;
	char *key;
	struct json *began; /* NULL: the record does not tell */
	struct json *stopped;
	bool is_told; /* the net.close behind `stopped` has been */
};

static bool is(const char *a, const char *b)
{
	return a && strcmp(a, b) == 0;
}

/* What is too large here is uthash's macro, and in make().
 * NOLINTNEXTLINE(readability-function-size) */
static struct replay_flow *find(struct replay_flow *flows, const char *key)
{
	struct replay_flow *flow = NULL;

	HASH_FIND_STR(flows, key, flow);
	return flow;
}

/* NOLINTNEXTLINE(readability-function-size) */
static struct replay_flow *make(struct replay_flow **flows, char *key)
{
	struct replay_flow *flow = xcalloc(1, sizeof(*flow));

	flow->key = key;
	HASH_ADD_KEYPTR(hh, *flows, flow->key, strlen(flow->key), flow);
	return flow;
}

static bool was_let_through(const struct json *event)
{
	const char *verdict = json_get_string(event, "verdict");

	return (!is(verdict, "deny") && !is(verdict, "kill")) || json_get(event, "enforced");
}

void replay_flows_note(struct replay_flow **flows, const struct json *event, const char *line,
		       size_t len)
{
	const char *kind = json_get_string(event, "kind");
	const struct json *fields = json_get(event, "fields");
	const bool stops = is(kind, "net.stopped");
	_cleanup_free_ char *key = NULL;
	struct replay_flow *flow;
	struct json **kept;
	uint64_t exec_id = 0;
	int64_t port = 0;

	if (!stops && ((!is(kind, "net.connect") && !is(kind, "net.send")) ||
		       !was_let_through(event) || !json_get_string(fields, "host")))
		return;
	(void)log_raw_u64(line, len, "exec_id", &exec_id);
	(void)json_i64(json_get(fields, "port"), 0, UINT16_MAX, &port);
	key = xasprintf("%" PRIu32 " %" PRId64 " %s", (uint32_t)exec_id, port,
			json_get_string(fields, "host") ? json_get_string(fields, "host") : "");
	flow = find(*flows, key);
	if (!flow)
		flow = make(flows, take_ptr(key));
	kept = stops ? &flow->stopped : &flow->began;
	json_free(*kept);
	*kept = NULL;
	(void)json_parse("event", line, len, kept, NULL);
	flow->is_told &= !stops;
}

static struct str field_of(const struct json *event, const char *name, struct str otherwise)
{
	const char *text = json_get_string(json_get(event, "fields"), name);

	return text ? str_of(text) : otherwise;
}

bool replay_flows_close(struct replay_flow **flows, const struct action *close,
			struct action *ret_began, const struct json **ret_stopped)
{
	_cleanup_free_ char *key = xasprintf("%" PRIu32 " %" PRId64 " %.*s", close->exec_id,
					     close->port, (int)close->host.len, close->host.at);
	struct replay_flow *flow = find(*flows, key);

	*ret_stopped = NULL;
	*ret_began = *close;
	ret_began->kind = ACTION_CONNECT;
	ret_began->protocol = STR("tcp");
	if (!flow)
		return true;
	if (!flow->is_told)
		*ret_stopped = flow->stopped;
	flow->is_told = true;
	ret_began->address = field_of(flow->began, "address", close->address);
	ret_began->family = field_of(flow->began, "family", close->family);
	ret_began->protocol = field_of(flow->began, "protocol", ret_began->protocol);
	return !is(json_get_string(flow->began, "answered_by"), "decoy");
}

struct replay_flow *replay_flows_free(struct replay_flow *flows)
{
	struct replay_flow *flow = flows;
	struct replay_flow *next;

	HASH_CLEAR(hh, flows); /* of the table; its entries know their next */
	for (; flow; flow = next) {
		next = flow->hh.next;
		json_free(flow->began);
		json_free(flow->stopped);
		free(flow->key);
		free(flow);
	}
	return NULL;
}
