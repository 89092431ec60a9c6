/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/action.h"

#include <string.h>

#include "common/buf.h"

#define KIND(_k) (1u << (_k))
#define ALL	 (KIND(ACTION_KINDS) - 1u)
#define NET	 (KIND(ACTION_CONNECT) | KIND(ACTION_SEND) | KIND(ACTION_BIND) | KIND(ACTION_LISTEN))
#define RELAYED	 (KIND(ACTION_REQUEST) | KIND(ACTION_CLOSE))
#define FILES	 (KIND(ACTION_FILE_OPEN) | KIND(ACTION_FILE_CHANGE))
#define TOOL	 (KIND(ACTION_TOOL_CALL) | KIND(ACTION_TOOL_RESULT))
#define TRACED                                                                         \
	(FILES | KIND(ACTION_FORK) | KIND(ACTION_PROC_EXIT) | KIND(ACTION_PROC_CALL) | \
	 KIND(ACTION_MEM_EXEC))
#define OF_PROCESS (KIND(ACTION_EXEC) | NET | TRACED | KIND(ACTION_SIGNAL))
#define FIELD(_m)  offsetof(struct action, _m)

static const struct field_domain sizes = {.high = INT64_MAX};
static const struct field_domain body_sizes = {.low = -1, .high = INT64_MAX};
static const struct field_domain ports = {.high = UINT16_MAX};
static const struct field_domain signals = {.high = 64};
static const struct field_domain paths = {.form = TEXT_PATH};
static const struct field_domain program_names = {.form = TEXT_NAME};
static const struct field_domain hosts = {.form = TEXT_HOST};

#define WORDS(...)                             \
	{                                      \
		.words = (const char *const[]) \
		{                              \
			__VA_ARGS__, NULL      \
		}                              \
	}

static const struct field_domain families = WORDS("inet", "inet6", "unix", "netlink", "other");
/* Of net.request the last six. */
static const struct field_domain protocols =
	WORDS("tcp", "udp", "other", "tls", "http", "http2", "ssh", "quic");
static const struct field_domain provenances =
	WORDS("", "image", "workspace", "session", "memfd", "host-bound", "anonymous");
static const struct field_domain streams =
	WORDS("", "file", "pipe", "terminal", "device", "tcp", "udp", "unix", "other");
static const struct field_domain limits =
	WORDS("memory", "processes", "disk", "file size", "descriptors", "watches");
static const struct field_domain detachments = WORDS("", "own session", "orphan");
static const struct field_domain relations = WORDS("descendant", "sibling", "ancestor", "other");

const struct action_field action_fields[] = {
	{"exe", FIELD_STRING, ALL & ~(TOOL | KIND(ACTION_DNS) | KIND(ACTION_USAGE)), FIELD(exe),
	 NULL},
	{"call_id", FIELD_STRING, ALL, FIELD(call_id), NULL},
	{"call_tool", FIELD_STRING, ALL, FIELD(call_tool), NULL},
	{"declared", FIELD_LIST, ALL, FIELD(declared), NULL},
	{"path", FIELD_STRING, KIND(ACTION_EXEC) | FILES | NET | KIND(ACTION_MEM_EXEC), FIELD(path),
	 &paths},
	{"target", FIELD_STRING, KIND(ACTION_FILE_CHANGE) | KIND(ACTION_SIGNAL), FIELD(target),
	 NULL},
	{"op", FIELD_STRING,
	 KIND(ACTION_FILE_CHANGE) | KIND(ACTION_PROC_CALL) | KIND(ACTION_MEM_EXEC) |
		 KIND(ACTION_LIMIT),
	 FIELD(op), NULL},
	{"write", FIELD_BOOL, FILES | KIND(ACTION_MEM_EXEC), FIELD(write), NULL},
	{"create", FIELD_BOOL, KIND(ACTION_FILE_OPEN), FIELD(create), NULL},
	{"created", FIELD_BOOL, KIND(ACTION_FILE_OPEN), FIELD(created), NULL},
	{"cut", FIELD_BOOL, KIND(ACTION_FILE_OPEN), FIELD(cut), NULL},
	{"folder", FIELD_BOOL, KIND(ACTION_FILE_OPEN), FIELD(folder), NULL},
	{"claimed", FIELD_BOOL, FILES, FIELD(claimed), NULL},
	{"before_session", FIELD_BOOL, FILES, FIELD(before_session), NULL},
	{"target_before_session", FIELD_BOOL, KIND(ACTION_FILE_CHANGE),
	 FIELD(target_before_session), NULL},
	{"result", FIELD_INT, TRACED | KIND(ACTION_CLOSE), FIELD(result), NULL},
	{"arg0", FIELD_INT, KIND(ACTION_PROC_CALL), FIELD(arg0), NULL},
	{"arg1", FIELD_INT, KIND(ACTION_PROC_CALL), FIELD(arg1), NULL},
	{"signal", FIELD_INT, KIND(ACTION_SIGNAL), FIELD(signal), &signals},
	{"relation", FIELD_STRING, KIND(ACTION_SIGNAL), FIELD(relation), &relations},
	{"receiver", FIELD_INT, KIND(ACTION_SIGNAL), FIELD(receiver), &sizes},
	{"parent", FIELD_INT, KIND(ACTION_FORK), FIELD(parent), &sizes},
	{"name", FIELD_STRING, KIND(ACTION_EXEC), FIELD(name), &program_names},
	{"interpreter", FIELD_STRING, KIND(ACTION_EXEC), FIELD(interpreter), NULL},
	{"provenance", FIELD_STRING,
	 KIND(ACTION_EXEC) | FILES | NET | KIND(ACTION_MEM_EXEC) | KIND(ACTION_OUTLIVE),
	 FIELD(provenance), &provenances},
	{"cwd", FIELD_STRING, KIND(ACTION_EXEC), FIELD(cwd), &paths},
	{"argv", FIELD_LIST, KIND(ACTION_EXEC), FIELD(argv), NULL},
	{"startup_env", FIELD_LIST, KIND(ACTION_EXEC), FIELD(startup_env), NULL},
	{"stdin", FIELD_STRING, KIND(ACTION_EXEC), FIELD(input), &streams},
	{"stdout", FIELD_STRING, KIND(ACTION_EXEC), FIELD(output), &streams},
	{"setuid", FIELD_BOOL, KIND(ACTION_EXEC), FIELD(setuid), NULL},
	{"file_labels", FIELD_LIST, KIND(ACTION_EXEC) | KIND(ACTION_MEM_EXEC), FIELD(file_labels),
	 NULL},
	{"family", FIELD_STRING, NET, FIELD(family), &families},
	{"protocol", FIELD_STRING, NET | KIND(ACTION_REQUEST), FIELD(protocol), &protocols},
	{"address", FIELD_STRING, NET | RELAYED, FIELD(address), NULL},
	{"host", FIELD_STRING, NET | RELAYED | KIND(ACTION_DNS), FIELD(host), &hosts},
	{"port", FIELD_INT, NET | RELAYED, FIELD(port), &ports},
	{"loopback", FIELD_BOOL, NET, FIELD(loopback), NULL},
	{"bytes", FIELD_INT, KIND(ACTION_SEND), FIELD(bytes), &sizes},
	{"qtype", FIELD_STRING, KIND(ACTION_DNS), FIELD(qtype), NULL},
	{"label_max", FIELD_INT, KIND(ACTION_DNS), FIELD(label_max), &sizes},
	{"entropy", FIELD_INT, KIND(ACTION_DNS), FIELD(entropy), &sizes},
	{"sni", FIELD_STRING, KIND(ACTION_REQUEST), FIELD(sni), NULL},
	{"alpn", FIELD_LIST, KIND(ACTION_REQUEST), FIELD(alpn), NULL},
	{"ech", FIELD_BOOL, KIND(ACTION_REQUEST), FIELD(ech), NULL},
	{"method", FIELD_STRING, KIND(ACTION_REQUEST), FIELD(method), NULL},
	{"url_path", FIELD_STRING, KIND(ACTION_REQUEST), FIELD(url_path), NULL},
	{"http_host", FIELD_STRING, KIND(ACTION_REQUEST), FIELD(http_host), NULL},
	{"body_bytes", FIELD_INT, KIND(ACTION_REQUEST), FIELD(body_bytes), &body_sizes},
	{"agrees", FIELD_BOOL, KIND(ACTION_REQUEST), FIELD(agrees), NULL},
	{"canaries", FIELD_LIST, KIND(ACTION_REQUEST), FIELD(canaries), NULL},
	{"unsearched", FIELD_STRING, KIND(ACTION_REQUEST), FIELD(unsearched), NULL},
	{"bytes_out", FIELD_INT, KIND(ACTION_CLOSE), FIELD(bytes_out), &sizes},
	{"bytes_in", FIELD_INT, KIND(ACTION_CLOSE), FIELD(bytes_in), &sizes},
	{"duration_ms", FIELD_INT, KIND(ACTION_CLOSE), FIELD(duration_ms), &sizes},
	{"reason", FIELD_STRING, KIND(ACTION_CLOSE), FIELD(reason), NULL},
	{"tool", FIELD_STRING, TOOL, FIELD(tool), NULL},
	{"args", FIELD_STRING, KIND(ACTION_TOOL_CALL), FIELD(args), NULL},
	{"command", FIELD_STRING, KIND(ACTION_TOOL_CALL), FIELD(command), NULL},
	{"cost", FIELD_INT, KIND(ACTION_TOOL_CALL), FIELD(cost), &sizes},
	{"unit", FIELD_STRING, KIND(ACTION_TOOL_CALL), FIELD(unit), NULL},
	{"text", FIELD_STRING, KIND(ACTION_TOOL_RESULT), FIELD(text), NULL},
	{"is_error", FIELD_BOOL, KIND(ACTION_TOOL_RESULT), FIELD(is_error), NULL},
	{"cpu_ms", FIELD_INT, KIND(ACTION_USAGE), FIELD(cpu_ms), &sizes},
	{"memory_bytes", FIELD_INT, KIND(ACTION_USAGE), FIELD(memory_bytes), &sizes},
	{"written_bytes", FIELD_INT, KIND(ACTION_USAGE), FIELD(written_bytes), &sizes},
	{"limit", FIELD_STRING, KIND(ACTION_LIMIT), FIELD(limit), &limits},
	{"hits", FIELD_INT, KIND(ACTION_LIMIT), FIELD(hits), &sizes},
	{"detached", FIELD_STRING, KIND(ACTION_OUTLIVE), FIELD(detached), &detachments},
	{"lineage", FIELD_STRING, OF_PROCESS, FIELD(lineage), NULL},
	{"depth", FIELD_INT, OF_PROCESS, FIELD(depth), &sizes},
	{"since_exec_ms", FIELD_INT, OF_PROCESS, FIELD(since_exec_ms), &sizes},
	{"ancestors", FIELD_LIST, OF_PROCESS, FIELD(ancestors), NULL},
	{"forebears", FIELD_LIST, KIND(ACTION_SIGNAL), FIELD(forebears), NULL},
	{"branch", FIELD_LIST, KIND(ACTION_SIGNAL), FIELD(branch), NULL},
};

const size_t action_field_count = sizeof(action_fields) / sizeof(action_fields[0]);
_Static_assert(sizeof(action_fields) / sizeof(action_fields[0]) <= (size_t)64 * FIELD_SET_WORDS,
	       "a bit for each");

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
	[ACTION_MEM_EXEC] = {"mem.exec", ENFORCED_AFTER},
	[ACTION_LIMIT] = {"limit.hit", ENFORCED_AFTER},
	[ACTION_OUTLIVE] = {"proc.outlive", ENFORCED_AFTER},
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

char *action_kinds_known(void)
{
	struct buf b = BUF_INIT(0);

	for (unsigned i = 0; i < ACTION_KINDS; i++)
		buf_printf(&b, "%s%s", i ? ", " : "", kinds[i].name);
	return b.data;
}

enum enforced action_enforced(enum action_kind kind)
{
	return kind < ACTION_KINDS ? kinds[kind].enforced : ENFORCED_AFTER;
}

bool action_waits(enum action_kind kind)
{
	return kind != ACTION_TOOL_RESULT && action_enforced(kind) != ENFORCED_AFTER;
}

bool action_has_lineage(enum action_kind kind)
{
	return kind < ACTION_KINDS && (OF_PROCESS & KIND(kind));
}

bool action_begins(enum action_kind kind)
{
	return action_enforced(kind) == ENFORCED_BEFORE && kind != ACTION_TOOL_RESULT;
}

struct field_set action_kind_fields(enum action_kind kind)
{
	static struct field_set known[ACTION_KINDS];
	struct field_set fields = known[kind];

	if (fields.words[0]) /* each has some of these */
		return fields;
	for (size_t i = 0; i < action_field_count; i++) {
		if (action_fields[i].kinds & KIND(kind))
			field_set_add(&fields, i);
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
