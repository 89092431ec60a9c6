/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * An action: one thing an agent's process is about to do, or did. The one typed event model that
 * gate, trace, policy and record share.
 *
 * An action is plain data that borrows every string; it lives for the length of one decision.
 * Each kind has a name ("net.connect"), a point at which a verdict takes hold (enum enforced), and
 * the fields that rules may read (action_fields, one table in action.c): adding a field is one row
 * there plus the code that fills it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum action_kind {
	ACTION_TOOL_CALL,   /* "tool.call": before any process starts */
	ACTION_EXEC,	    /* "exec" */
	ACTION_CONNECT,	    /* "net.connect" */
	ACTION_SEND,	    /* "net.send": sendto, sendmsg, sendmmsg with an address */
	ACTION_BIND,	    /* "net.bind" */
	ACTION_LISTEN,	    /* "net.listen" */
	ACTION_DNS,	    /* "net.dns": asked of the session's own name server */
	ACTION_REQUEST,	    /* "net.request": what a relayed connection says first */
	ACTION_CLOSE,	    /* "net.close": a relayed connection is over */
	ACTION_FILE_OPEN,   /* "file.open": traced; gated for writing where a rule needs it */
	ACTION_FILE_CHANGE, /* "file.change": unlink, rename, link, chmod, ...; the same */
	ACTION_FORK,	    /* "proc.fork": traced */
	ACTION_PROC_EXIT,   /* "proc.exit": traced */
	ACTION_PROC_CALL,   /* "proc.call": traced; a call that reaches beyond the program */
	ACTION_SIGNAL,	    /* "proc.signal": traced; sent to another process */
	ACTION_TOOL_RESULT, /* "tool.result": before the agent gets what a call returned */
	ACTION_USAGE,	    /* "proc.usage": what an execution has used so far; sampled */
	ACTION_MEM_EXEC,    /* "mem.exec": traced, where a rule asks; memory that can be run */
	ACTION_LIMIT,	    /* "limit.hit": the session ran into one; by cgroups, or traced */
	ACTION_OUTLIVE,	    /* "proc.outlive": was running when its call's program had ended */
	ACTION_KINDS
};

/* When a verdict on the kind can take hold. */
enum enforced {
	ENFORCED_BEFORE, /* the action has had no effect yet */
	ENFORCED_WRITES, /* the same for opens that write; others have happened */
	ENFORCED_AFTER,	 /* it has happened; log, label and kill are possible, deny is not */
};

/* A string that is not NUL-terminated for sure. Bytes, not characters. */
struct str {
	const char *at;
	size_t len;
};

#define STR(_literal) ((struct str){(_literal), sizeof(_literal) - 1})
struct str str_of(const char *text); /* NULL: empty */

/* Most texts differ in their length or first byte: no call for those. */
static inline bool str_eq(struct str a, struct str b)
{
	return a.len == b.len && (!a.len || (a.at[0] == b.at[0] && memcmp(a.at, b.at, a.len) == 0));
}

struct str_list {
	const struct str *items;
	size_t count;
};

struct action {
	enum action_kind kind;
	uint64_t time_ns; /* CLOCK_MONOTONIC */

	/* who: all kinds */
	uint32_t exec_id;	  /* 0: none (tool.call) */
	uint32_t pid;		  /* on the host; 0: none */
	struct str exe;		  /* of the acting process, path inside */
	struct str call_id;	  /* tool call that this belongs to */
	struct str call_tool;	  /* its tool name */
	uint64_t labels;	  /* of the acting process: bits of the policy; see struct
				     policy_state */
	struct str_list declared; /* what it says that it will not do; see declared_list() */

	/* exec, file.*, and a UNIX socket's path in net.* */
	struct str path; /* resolved, canonical, inside */
	/* exec, file.*, and a UNIX socket's file in net.connect and net.send: whose it is */
	struct str provenance; /* "image" (read-only view), "workspace", "session", "memfd";
				  file.* before it happens: "host-bound", a folder of the host
				  that is bound writable; after it: empty; mem.exec: also
				  "anonymous", no file */
	struct str target;     /* file.change: second path (rename, link); proc.signal: name of
				  who gets it */
	struct str op;	       /* file.change: "unlink", "rename", "link", "symlink", "mkdir",
				  "rmdir", "chmod", "chown", "truncate", "mknod", "setxattr",
				  "utime"; proc.call, mem.exec: name of the system call */
	bool write;	       /* file.open: writes, creates or cuts; file.change: always;
				  mem.exec: the memory can be written to as well */
	bool create;	       /* file.open: O_CREAT */
	bool created;	       /* file.open: there was no such file before */
	bool cut;	       /* file.open: O_TRUNC */
	bool folder;	       /* file.open: O_DIRECTORY, to be listed */
	bool claimed;	       /* file.*: the paths are the caller's word, not the kernel's */
	bool before_session;   /* file.change, and file.open that writes: what is at the path was
				  there before the session */
	bool target_before_session; /* rename, link: so was what had that name, if anything had */
	bool past_unknown;	    /* nobody can tell either */
	int64_t result;		    /* traced kinds: return value, -errno on failure */
	int64_t arg0, arg1;	    /* proc.call: its first two arguments */
	int64_t signal;		    /* proc.signal */
	struct str relation; /* proc.signal: who gets it is a "descendant", "sibling", "ancestor" or
				"other" */
	int64_t receiver;    /* proc.signal: who gets it, as pid; 0: none of this execution */
	int64_t parent;	     /* proc.fork: process that made this one, as pid */

	/* exec */
	struct str name;	/* last component of path */
	struct str interpreter; /* path of the program a script names, empty for a binary */
	struct str cwd;
	struct str_list argv;
	struct str_list startup_env; /* "NAME=VALUE" of what changes a program's start (LD_*, ...)
					and nothing else of the environment */
	struct str input, output;    /* what stdin and stdout are: see stream_kind() */
	bool setuid;		     /* the file has the set-user-ID bit */
	/* exec, of program and script, and mem.exec: names of what those had who could write it */
	struct str_list file_labels;

	/* net.* */
	struct str family;   /* "inet", "inet6", "unix", "netlink", "other" */
	struct str protocol; /* "tcp", "udp", "other" */
	struct str address;  /* numeric, canonical: v4-mapped v6 is written as v4 */
	struct str host;     /* name asked for, where known; else the address */
	int64_t port;
	bool loopback;
	int64_t bytes; /* net.send: as sendto(2) has it; 0 of sendmsg(2) */

	/* net.dns, whose host is the name asked for */
	struct str qtype;  /* "A", "AAAA", "TXT", "TYPE1234" */
	int64_t label_max; /* longest label, bytes */
	int64_t entropy;   /* of that label, thousandths of a bit per byte */

	/* net.request, whose protocol is "tls", "http", "http2", "ssh", "quic" or "other" */
	struct str sni;		  /* tls: the server name, as said; empty: none */
	struct str_list alpn;	  /* tls */
	bool ech;		  /* tls: encrypted_client_hello is there */
	struct str method;	  /* http */
	struct str url_path;	  /* http: with the query; of CONNECT empty */
	struct str http_host;	  /* http: without the port */
	int64_t body_bytes;	  /* http; -1: not said beforehand */
	bool agrees;		  /* what it says names no other host than the one connected to */
	struct str_list canaries; /* names of those found in what it sends */
	struct str unsearched;	  /* why not all of it was searched for them; empty: it was */

	/* net.close */
	int64_t bytes_out, bytes_in;
	int64_t duration_ms; /* since it was asked for */
	struct str reason;   /* "closed", "reset", "not connected", ... */

	/* tool.call, tool.result */
	struct str tool;    /* tool name */
	struct str args;    /* its arguments, as JSON text */
	struct str command; /* shell or code text, for tools that have one; else empty */
	int64_t cost;	    /* tool.call: what it says that it costs, in units; 0: nothing */
	struct str unit;    /* of the cost, as "cents"; empty if it says nothing */
	struct str text;    /* tool.result: what the agent would get; not in the record */
	bool is_error;

	/* proc.usage: of all processes of the execution since it began */
	int64_t cpu_ms;	       /* user and system time */
	int64_t memory_bytes;  /* resident now, but for what is a file's */
	int64_t written_bytes; /* given to write(2) and its like, whatever was written to */

	/* limit.hit, whose op is the system call that failed, empty where a cgroup counted */
	struct str limit; /* "memory", "processes", "disk", "file size", ... */
	int64_t hits;	  /* how often; 1 of a call */
	/* proc.outlive, whose exe is its program's path */
	struct str detached; /* "", "own session", "orphan": of which terminal session it is */

	/* where its process comes from; last, see action_is_unknown() */
	struct str lineage;	   /* "3/1/2": the second child of the first of execution 3's */
	int64_t depth;		   /* processes above it, up to the execution's first */
	int64_t since_exec_ms;	   /* since its process, or one above, became its program */
	struct str_list ancestors; /* programs before that, the last one first */
	/* proc.signal: what began above the last process that sender and receiver both come from,
	   and what the sender has been from that one on; see list_kin() */
	struct str_list forebears, branch;
	uint8_t lineage_unknown; /* enum lineage_unknown */
	bool lineage_told;	 /* the record is to have these, whatever kind it is */
};

enum lineage_unknown {
	LINEAGE_KNOWN,
	ANCESTORS_UNKNOWN, /* there were more than are kept */
	LINEAGE_UNKNOWN	   /* not all was seen that made it */
};

enum field_type {
	FIELD_STRING,
	FIELD_INT,
	FIELD_BOOL,
	FIELD_LIST
};

enum text_form {
	TEXT_ANY,
	TEXT_PATH, /* begins with a slash, or with @ (a UNIX socket's abstract name), or is empty */
	TEXT_NAME, /* has no slash */
	TEXT_HOST  /* has no capital letters */
};

/* What a field can hold, of what its type can. */
struct field_domain {
	int64_t low, high; /* of a number, both included */
	enum text_form form;
	const char *const *words; /* of a text: one of these, up to NULL; NULL: no such list */
};

struct action_field {
	const char *name; /* as rules write it after "action." */
	enum field_type type;
	uint32_t kinds;			   /* bit per enum action_kind that has it */
	size_t offset;			   /* in struct action */
	const struct field_domain *domain; /* NULL: anything */
};

extern const struct action_field action_fields[];
extern const size_t action_field_count;

/* Rows of action_fields. */
#define FIELD_SET_WORDS 2u

struct field_set {
	uint64_t words[FIELD_SET_WORDS];
};

static inline void field_set_add(struct field_set *set, size_t row)
{
	set->words[row / 64] |= UINT64_C(1) << (row % 64);
}

/* Takes the first one out; NULL: there is none left. */
static inline const struct action_field *field_set_take(struct field_set *set)
{
	for (size_t w = 0; w < FIELD_SET_WORDS; w++) {
		const uint64_t left = set->words[w];

		if (!left)
			continue;
		set->words[w] = left & (left - 1);
		return &action_fields[w * 64 + (size_t)__builtin_ctzll(left)];
	}
	return NULL;
}

/* Which fields a kind has. Not for several threads. */
struct field_set action_kind_fields(enum action_kind kind);

#define MAX_UNIT_BYTES 31u /* of what a call costs */
/* What the unit of a cost, or of a budget, is made of. */
bool unit_is_good(const char *unit);

/* What a call says that it costs. Plain data. */
struct call_cost {
	int64_t amount;		       /* 0 or more */
	char unit[MAX_UNIT_BYTES + 1]; /* empty: nothing was said */
};

/* What a call may declare: bits. Nobody holds it to that but rules that ask. */
enum declared {
	DECLARED_READ_ONLY = 1,	   /* "read-only": changes no file */
	DECLARED_CLOSED_WORLD = 2, /* "closed-world": needs nothing outside of the session */
	DECLARED_ALL = 3
};

/* The words for the bits; static. */
struct str_list declared_list(uint32_t declared);
/* Return: the bit, or 0 if no declaration has the name. */
uint32_t declared_by_name(const char *name);

const char *action_kind_name(enum action_kind kind);
/* Return: the kind, or ACTION_KINDS if no kind has the name. */
enum action_kind action_kind_by_name(const char *name);

/* All of them, for who named one that is none; the caller frees it. */
char *action_kinds_known(void);
enum enforced action_enforced(enum action_kind kind);
/* It can be held until somebody has been asked, or its turn comes. */
bool action_waits(enum action_kind kind);
/* Its process, and where that comes from, can be asked for. */
bool action_has_lineage(enum action_kind kind);
/* Something new would begin: what a loss can still keep from being. */
bool action_begins(enum action_kind kind);

static inline bool action_field_is_file_labels(const struct action_field *field)
{
	return field->offset == offsetof(struct action, file_labels);
}

static inline bool action_field_is_past(const struct action_field *field)
{
	return field->offset == offsetof(struct action, before_session) ||
	       field->offset == offsetof(struct action, target_before_session);
}

/* One of lineage, depth, since_exec_ms, ancestors, forebears and branch. */
static inline bool action_field_is_lineage(const struct action_field *field)
{
	return field->offset >= offsetof(struct action, lineage);
}

/* Of some actions nobody can tell what the field holds. */
static inline bool action_field_may_be_unknown(const struct action_field *field)
{
	return action_field_is_lineage(field) || action_field_is_past(field);
}

/* Nobody can tell what the field holds: an expression that reads it ends in an error. */
static inline bool action_is_unknown(const struct action *action, const struct action_field *field)
{
	if (action->past_unknown && action_field_is_past(field))
		return true;
	return action->lineage_unknown && action_field_is_lineage(field) &&
	       (action->lineage_unknown == LINEAGE_UNKNOWN ||
		field->offset >= offsetof(struct action, ancestors));
}

/* The value of a field; the row must be of that type, the strings are borrowed. */
struct str action_string(const struct action *action, const struct action_field *field);
int64_t action_integer(const struct action *action, const struct action_field *field);
bool action_boolean(const struct action *action, const struct action_field *field);
const struct str_list *action_list(const struct action *action, const struct action_field *field);
