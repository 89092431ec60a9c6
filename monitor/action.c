/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/action.h"

#include <string.h>

#define KIND(_k)  (1u << (_k))
#define ALL	  (KIND(ACTION_KINDS) - 1u)
#define NET	  (KIND(ACTION_CONNECT) | KIND(ACTION_SEND) | KIND(ACTION_BIND) | KIND(ACTION_LISTEN))
#define RELAYED	  (KIND(ACTION_REQUEST) | KIND(ACTION_CLOSE))
#define FILES	  (KIND(ACTION_FILE_OPEN) | KIND(ACTION_FILE_CHANGE))
#define TOOL	  (KIND(ACTION_TOOL_CALL) | KIND(ACTION_TOOL_RESULT))
#define TRACED	  (FILES | KIND(ACTION_FORK) | KIND(ACTION_PROC_EXIT) | KIND(ACTION_PROC_CALL))
#define FIELD(_m) offsetof(struct action, _m)

const struct action_field action_fields[] = {
	{"exe", FIELD_STRING, ALL & ~(TOOL | KIND(ACTION_DNS) | KIND(ACTION_USAGE)), FIELD(exe)},
	{"call_id", FIELD_STRING, ALL, FIELD(call_id)},
	{"call_tool", FIELD_STRING, ALL, FIELD(call_tool)},
	{"declared", FIELD_LIST, ALL, FIELD(declared)},
	{"path", FIELD_STRING, KIND(ACTION_EXEC) | FILES | NET, FIELD(path)},
	{"target", FIELD_STRING, KIND(ACTION_FILE_CHANGE) | KIND(ACTION_SIGNAL), FIELD(target)},
	{"op", FIELD_STRING, KIND(ACTION_FILE_CHANGE) | KIND(ACTION_PROC_CALL), FIELD(op)},
	{"write", FIELD_BOOL, FILES, FIELD(write)},
	{"create", FIELD_BOOL, KIND(ACTION_FILE_OPEN), FIELD(create)},
	{"created", FIELD_BOOL, KIND(ACTION_FILE_OPEN), FIELD(created)},
	{"folder", FIELD_BOOL, KIND(ACTION_FILE_OPEN), FIELD(folder)},
	{"claimed", FIELD_BOOL, FILES, FIELD(claimed)},
	{"result", FIELD_INT, TRACED | KIND(ACTION_CLOSE), FIELD(result)},
	{"arg0", FIELD_INT, KIND(ACTION_PROC_CALL), FIELD(arg0)},
	{"arg1", FIELD_INT, KIND(ACTION_PROC_CALL), FIELD(arg1)},
	{"signal", FIELD_INT, KIND(ACTION_SIGNAL), FIELD(signal)},
	{"relation", FIELD_STRING, KIND(ACTION_SIGNAL), FIELD(relation)},
	{"parent", FIELD_INT, KIND(ACTION_FORK), FIELD(parent)},
	{"name", FIELD_STRING, KIND(ACTION_EXEC), FIELD(name)},
	{"interpreter", FIELD_STRING, KIND(ACTION_EXEC), FIELD(interpreter)},
	{"provenance", FIELD_STRING, KIND(ACTION_EXEC) | FILES | NET, FIELD(provenance)},
	{"cwd", FIELD_STRING, KIND(ACTION_EXEC), FIELD(cwd)},
	{"argv", FIELD_LIST, KIND(ACTION_EXEC), FIELD(argv)},
	{"startup_env", FIELD_LIST, KIND(ACTION_EXEC), FIELD(startup_env)},
	{"stdin", FIELD_STRING, KIND(ACTION_EXEC), FIELD(input)},
	{"stdout", FIELD_STRING, KIND(ACTION_EXEC), FIELD(output)},
	{"setuid", FIELD_BOOL, KIND(ACTION_EXEC), FIELD(setuid)},
	{"family", FIELD_STRING, NET, FIELD(family)},
	{"protocol", FIELD_STRING, NET | KIND(ACTION_REQUEST), FIELD(protocol)},
	{"address", FIELD_STRING, NET | RELAYED, FIELD(address)},
	{"host", FIELD_STRING, NET | RELAYED | KIND(ACTION_DNS), FIELD(host)},
	{"port", FIELD_INT, NET | RELAYED, FIELD(port)},
	{"loopback", FIELD_BOOL, NET, FIELD(loopback)},
	{"bytes", FIELD_INT, KIND(ACTION_SEND), FIELD(bytes)},
	{"qtype", FIELD_STRING, KIND(ACTION_DNS), FIELD(qtype)},
	{"label_max", FIELD_INT, KIND(ACTION_DNS), FIELD(label_max)},
	{"entropy", FIELD_INT, KIND(ACTION_DNS), FIELD(entropy)},
	{"sni", FIELD_STRING, KIND(ACTION_REQUEST), FIELD(sni)},
	{"alpn", FIELD_LIST, KIND(ACTION_REQUEST), FIELD(alpn)},
	{"ech", FIELD_BOOL, KIND(ACTION_REQUEST), FIELD(ech)},
	{"method", FIELD_STRING, KIND(ACTION_REQUEST), FIELD(method)},
	{"url_path", FIELD_STRING, KIND(ACTION_REQUEST), FIELD(url_path)},
	{"http_host", FIELD_STRING, KIND(ACTION_REQUEST), FIELD(http_host)},
	{"body_bytes", FIELD_INT, KIND(ACTION_REQUEST), FIELD(body_bytes)},
	{"agrees", FIELD_BOOL, KIND(ACTION_REQUEST), FIELD(agrees)},
	{"canaries", FIELD_LIST, KIND(ACTION_REQUEST), FIELD(canaries)},
	{"unsearched", FIELD_STRING, KIND(ACTION_REQUEST), FIELD(unsearched)},
	{"bytes_out", FIELD_INT, KIND(ACTION_CLOSE), FIELD(bytes_out)},
	{"bytes_in", FIELD_INT, KIND(ACTION_CLOSE), FIELD(bytes_in)},
	{"duration_ms", FIELD_INT, KIND(ACTION_CLOSE), FIELD(duration_ms)},
	{"reason", FIELD_STRING, KIND(ACTION_CLOSE), FIELD(reason)},
	{"tool", FIELD_STRING, TOOL, FIELD(tool)},
	{"args", FIELD_STRING, KIND(ACTION_TOOL_CALL), FIELD(args)},
	{"command", FIELD_STRING, KIND(ACTION_TOOL_CALL), FIELD(command)},
	{"cost", FIELD_INT, KIND(ACTION_TOOL_CALL), FIELD(cost)},
	{"unit", FIELD_STRING, KIND(ACTION_TOOL_CALL), FIELD(unit)},
	{"text", FIELD_STRING, KIND(ACTION_TOOL_RESULT), FIELD(text)},
	{"is_error", FIELD_BOOL, KIND(ACTION_TOOL_RESULT), FIELD(is_error)},
	{"cpu_ms", FIELD_INT, KIND(ACTION_USAGE), FIELD(cpu_ms)},
	{"memory_bytes", FIELD_INT, KIND(ACTION_USAGE), FIELD(memory_bytes)},
	{"written_bytes", FIELD_INT, KIND(ACTION_USAGE), FIELD(written_bytes)},
};

const size_t action_field_count = sizeof(action_fields) / sizeof(action_fields[0]);

static const struct {
	const char *name;
	enum enforced enforced;
} kinds[ACTION_KINDS] = {
	[ACTION_TOOL_CALL] = {"tool.call", ENFORCED_BEFORE},
	[ACTION_EXEC] = {"exec", ENFORCED_BEFORE},
	[ACTION_CONNECT] = {"net.connect", ENFORCED_BEFORE},
	[ACTION_SEND] = {"net.send", ENFORCED_BEFORE},
	[ACTION_BIND] = {"net.bind", ENFORCED_BEFORE},
	[ACTION_LISTEN] = {"net.listen", ENFORCED_BEFORE},
	[ACTION_DNS] = {"net.dns", ENFORCED_BEFORE},
	[ACTION_REQUEST] = {"net.request", ENFORCED_BEFORE},
	[ACTION_CLOSE] = {"net.close", ENFORCED_AFTER},
	[ACTION_FILE_OPEN] = {"file.open", ENFORCED_WRITES},
	[ACTION_FILE_CHANGE] = {"file.change", ENFORCED_BEFORE},
	[ACTION_FORK] = {"proc.fork", ENFORCED_AFTER},
	[ACTION_PROC_EXIT] = {"proc.exit", ENFORCED_AFTER},
	[ACTION_PROC_CALL] = {"proc.call", ENFORCED_AFTER},
	[ACTION_SIGNAL] = {"proc.signal", ENFORCED_AFTER},
	[ACTION_TOOL_RESULT] = {"tool.result", ENFORCED_BEFORE},
	[ACTION_USAGE] = {"proc.usage", ENFORCED_AFTER},
};

struct str str_of(const char *text)
{
	return (struct str){text, text ? strlen(text) : 0};
}

bool unit_is_good(const char *unit)
{
	const size_t len = strnlen(unit, MAX_UNIT_BYTES + 1);

	return len && len <= MAX_UNIT_BYTES &&
	       strspn(unit, "abcdefghijklmnopqrstuvwxyz0123456789._-") == len;
}

/* In the order of bits; each set of them is a part of it. */
static const struct str declarations[] = {{"read-only", 9}, {"closed-world", 12}};

struct str_list declared_list(uint32_t declared)
{
	const bool is_read_only = declared & DECLARED_READ_ONLY;
	const bool is_closed = declared & DECLARED_CLOSED_WORLD;

	return (struct str_list){declarations + (is_read_only ? 0 : 1),
				 (size_t)is_read_only + is_closed};
}

uint32_t declared_by_name(const char *name)
{
	for (uint32_t i = 0; i < sizeof(declarations) / sizeof(declarations[0]); i++) {
		if (str_eq(declarations[i], str_of(name)))
			return 1u << i;
	}
	return 0;
}

const char *action_kind_name(enum action_kind kind)
{
	return kind < ACTION_KINDS ? kinds[kind].name : "unknown";
}

enum action_kind action_kind_by_name(const char *name)
{
	for (unsigned i = 0; i < ACTION_KINDS; i++) {
		if (strcmp(kinds[i].name, name) == 0)
			return (enum action_kind)i;
	}
	return ACTION_KINDS;
}

enum enforced action_enforced(enum action_kind kind)
{
	return kind < ACTION_KINDS ? kinds[kind].enforced : ENFORCED_AFTER;
}

bool action_waits(enum action_kind kind)
{
	return kind != ACTION_TOOL_RESULT && action_enforced(kind) != ENFORCED_AFTER;
}

bool action_begins(enum action_kind kind)
{
	return action_enforced(kind) == ENFORCED_BEFORE && kind != ACTION_TOOL_RESULT;
}

uint64_t action_kind_fields(enum action_kind kind)
{
	static uint64_t known[ACTION_KINDS];
	uint64_t fields = known[kind];

	for (size_t i = 0; !known[kind] && i < action_field_count; i++) {
		if (action_fields[i].kinds & KIND(kind))
			fields |= UINT64_C(1) << i;
	}
	known[kind] = fields;
	return fields;
}

static const char *field_at(const struct action *action, const struct action_field *field)
{
	return (const char *)action + field->offset;
}

struct str action_string(const struct action *action, const struct action_field *field)
{
	struct str s;

	memcpy(&s, field_at(action, field), sizeof(s));
	return s;
}

int64_t action_integer(const struct action *action, const struct action_field *field)
{
	int64_t i;

	memcpy(&i, field_at(action, field), sizeof(i));
	return i;
}

bool action_boolean(const struct action *action, const struct action_field *field)
{
	bool b;

	memcpy(&b, field_at(action, field), sizeof(b));
	return b;
}

const struct str_list *action_list(const struct action *action, const struct action_field *field)
{
	return (const struct str_list *)(const void *)field_at(action, field);
}
