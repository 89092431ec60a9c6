/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The record: JSON lines, one schema, each line with the hash of the one before it.
 *
 *	{"seq":7,"ts":<monotonic ns>,"session":"...","call":"c1","exec_id":1,"parent_exec_id":0,
 *	 "pid":1234,"kind":"net.connect","fields":{...},"verdict":"deny","rule":"...","because":"...",
 *	 "prev":"<hex of the line before>","hash":"<hex>"}
 *
 * seq counts from 0: the event of line N has seq N - 1. hash = BLAKE2b-256 over the line up to and
 * without the comma before "hash" (prev is inside; on the first line it is 64 zeros), so that any
 * b2sum can check it. The first event is "session.start" (with the UTC time as fields.utc, from
 * which readers count the others' times, policy hash, and the layers that hold). The last is
 * "session.end": its fields hold the number of events, "signer" is the public key of this host's
 * record key, and behind "hash" stands "signature", Ed25519 over RECORD_SIGNED_PREFIX and the 32
 * bytes of this hash. A record without it was cut; verify says so.
 *
 * A line is at most MAX_EVENT_LINE bytes. An event that is larger keeps all but its fields, which
 * become {"oversize":<bytes>,"head":"<their first bytes, as text>"}, and where that is not enough
 * "matched" and "would", which then become such an object, too.
 *
 * Where a redactor is set (mask.h), what is protected in the texts of an event is replaced by marks
 * before its line is hashed, and the event has "masked":<how many>. It is a member of its own since
 * a program can write what looks like a mark into its argv.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/error.h"
#include "common/json_write.h"
#include "monitor/action.h"

struct record;

#define RECORD_SIGNED_PREFIX "cordon record head 1:"

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
 * record_open - creates the file (it must not exist) with mode 0600.
 * @key_path: the host's signing key, made with mode 0600 if absent.
 * Errors: -EEXIST, -EACCES, ...; the text names the file and the way out.
 * Owns: the caller ends it with record_close() or record_abandon().
 */
int record_open(const char *path, const char *session, const char *key_path, struct record **ret,
		struct error *err);

/* When it is waited for that the disk has the record. */
enum record_sync {
	RECORD_SYNC_NEVER,
	RECORD_SYNC_END,  /* by record_settle(), whose caller calls it */
	RECORD_SYNC_WRITE /* besides: as each write returns, which so fails if the disk does */
};

/*
 * record_create - the file alone: record_open() is this, for never, and record_open_fd().
 * @ret_settle_fd: what record_settle() takes; -1 where nothing is waited for.
 * Return: its descriptor.
 */
int record_create(const char *path, enum record_sync sync, int *ret_settle_fd, struct error *err);
/* Waits until the disk has all of the record, and its name; closes. @path: as it was created. */
int record_settle(int *settle_fd, const char *path, struct error *err);

/* The same on a descriptor that takes writes; taken over, also on failure. @path: for messages. */
int record_open_fd(int output_fd, const char *path, const char *session, const char *key_path,
		   struct record **ret, struct error *err);

/*
 * record_begin/record_end - one event. Between them the caller writes the members "fields",
 * "verdict" and so on with the writer. The first event's kind is "session.start".
 *
 * Lines are gathered in memory; record_flush(), or 64 KiB of them, write them out. What is not
 * written when the supervisor is killed is lost, so the owner flushes whenever it has nothing more
 * to do. Errors are sticky: after a failed write every call returns it, and the session must end (a
 * record that cannot be written is no record).
 */
struct json_writer *record_begin(struct record *record, const struct event_head *head);
int record_end(struct record *record);
int record_flush(struct record *record);

#define RECORD_MASK_KEY_BYTES 32u

/*
 * Puts @text into @out with a mark for all that is protected, but at most what stems from its first
 * @most bytes. Return: how many marks; 0: nothing was put. @key: RECORD_MASK_KEY_BYTES that are
 * this host's, for a hash by which equal texts can be told: made of the record key, so that records
 * agree, and that nobody without it can try what the text was.
 */
typedef size_t (*record_redactor)(void *ctx, const unsigned char *key, struct str text, size_t most,
				  struct buf *out);

/* From the next event on. The observer is shown the line with its marks. */
void record_set_redactor(struct record *record, record_redactor redactor, void *ctx);
void record_set_observer(struct record *record, record_observer observer, void *ctx);
const char *record_path(const struct record *record);
/* Events so far, which is also the seq of the next. */
uint64_t record_count(const struct record *record);

/*
 * record_close - writes session.end, signs, flushes, closes and frees, also on failure.
 * @extra: members for its fields as JSON text without braces ("\"a\":1,\"b\":2"), or NULL.
 * Errors: -ESTALE if the file has no name any more or holds more or less than was written to it.
 */
int record_close(struct record *record, uint64_t time_ns, const char *extra);
/* Writes what is gathered and closes, without session.end. NULL is fine. Return: NULL. */
struct record *record_abandon(struct record *record);

enum record_state {
	RECORD_CLOSED, /* complete and signed */
	RECORD_CUT,    /* chain holds, but no session.end */
	RECORD_BROKEN, /* a line does not fit its chain, or the signature is wrong */
};

struct record_report {
	enum record_state state;
	uint64_t events;   /* lines that hold, from the start */
	uint64_t bad_line; /* 1-based, for RECORD_BROKEN; for a line cut in its middle too */
	char reason[256];  /* empty for RECORD_CLOSED */
	char session[65];
	char signer[65];     /* hex of the public key, empty if unsigned */
	bool signer_is_ours; /* equals the key at key_path */
};

/*
 * record_verify - reads the whole file. @key_path: the host's key, or NULL; a key that cannot be
 * read only means that signer_is_ours is false. Return: 0 with the report, or -errno if the record
 * is unreadable.
 */
int record_verify(const char *path, const char *key_path, struct record_report *ret,
		  struct error *err);
