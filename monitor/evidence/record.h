/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The record: JSON lines, one schema, each line with the hash of the one before it.
 *
 *	{"seq":7,"ts":<monotonic ns>,"session":"...","call":"c1","exec_id":1,"parent_exec_id":0,
 *	 "pid":1234,"kind":"net.connect","fields":{...},"verdict":"deny","rule":"...","because":"...",
 *	 "prev":"<hex of the line before>","hash":"<hex>"}
 *
 * hash = BLAKE2b-256 over the line up to and without the member "hash" (prev is inside). The first
 * event is "session.start" (with the UTC time, policy hash, and the layers that hold); the last is
 * "session.end" with the number of events and an Ed25519 signature over the last hash, made with
 * this host's record key. A record without it was cut; verify says so.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/error.h"
#include "common/json_write.h"

struct record;

struct event_head {
	uint64_t time_ns;	 /* CLOCK_MONOTONIC */
	const char *call;	 /* NULL: none */
	uint32_t exec_id;	 /* 0: none */
	uint32_t parent_exec_id; /* 0: none */
	uint32_t pid;		 /* on the host; 0: none */
	const char *kind;
};

/* Called for each finished line (no newline), for faces that show events live. */
typedef void (*record_observer)(void *ctx, const char *line, size_t len);

/*
 * record_open - creates the file (it must not exist) with mode 0600. @key_path: the host's signing
 * key, made with mode 0600 if absent.
 */
int record_open(const char *path, const char *session, const char *key_path, struct record **ret,
		struct error *err);

/*
 * record_begin/record_end - one event. Between them the caller writes the members "fields",
 * "verdict" and so on with the writer. Lines are gathered in memory; record_flush() or 64 KiB of
 * them write them out. Errors are sticky: after a failed write every call returns it, and the
 * session must end (a record that cannot be written is no record).
 */
struct json_writer *record_begin(struct record *record, const struct event_head *head);
int record_end(struct record *record);
int record_flush(struct record *record);
int record_error(const struct record *record);

void record_set_observer(struct record *record, record_observer observer, void *ctx);
const char *record_path(const struct record *record);
uint64_t record_count(const struct record *record);

/* Writes session.end (the caller may add members to its fields by @extra, one JSON object's
 * members, or NULL), signs, flushes, closes. */
int record_close(struct record *record, uint64_t time_ns, const char *extra);
/* Closes without session.end. */
struct record *record_abandon(struct record *record);

enum record_state {
	RECORD_CLOSED,	/* complete and signed */
	RECORD_CUT,	/* chain holds, but no session.end */
	RECORD_BROKEN,	/* a line does not fit its chain, or the signature is wrong */
};

struct record_report {
	enum record_state state;
	uint64_t events;
	uint64_t bad_line;     /* 1-based, for RECORD_BROKEN */
	char reason[256];
	char signer[65];       /* hex of the public key, empty if unsigned */
	bool signer_is_ours;   /* equals the key at key_path */
};

/* record_verify - reads the whole file. Return: 0 with the report, or -errno if unreadable. */
int record_verify(const char *path, const char *key_path, struct record_report *ret,
		  struct error *err);
