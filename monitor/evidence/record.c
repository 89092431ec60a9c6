/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/evidence/record.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "common/cleanup.h"
#include "common/hex.h"
#include "common/json.h"
#include "common/limits.h"
#include "monitor/evidence/chain.h"
#include "monitor/evidence/key.h"
#include "monitor/evidence/mask.h"

#define FLUSH_BYTES   (64u << 10)
#define KEPT_BYTES    (1u << 20) /* of memory, after an event that took more */
#define OVERSIZE_HEAD (8u << 10) /* bytes kept of fields that are too large */
/* Of one event before it is shortened: a call's arguments, escaped once more, and its command. */
#define MAX_DRAFT_BYTES (5u * MAX_JSON_BYTES)

struct record {
	int output_fd;
	char *path;	  /* owned */
	char *session;	  /* owned; as JSON, with quotes */
	struct buf lines; /* not yet written; the last may be unfinished, from `line` on */
	size_t line;
	struct json_writer writer;
	struct record_key key;
	char head[CHAIN_HEX + 1]; /* hash of the last line */
	uint64_t count;
	uint64_t written; /* bytes of output_fd that are ours */
	int error;	  /* sticky */
	bool in_event;
	struct masker masker; /* of no redactor: none is set */
	unsigned char mask_key[RECORD_MASK_KEY_BYTES];
	record_observer observer; /* may be NULL */
	void *observer_ctx;	  /* borrowed: outlives us, by record_set_observer()'s caller */
};

static struct record *record_free(struct record *record)
{
	if (!record)
		return NULL;
	close_fd(&record->output_fd);
	key_done(&record->key);
	sodium_memzero(record->mask_key, sizeof(record->mask_key));
	buf_done(&record->lines);
	free(record->session);
	free(record->path);
	free(record);
	return NULL;
}

DEFINE_CLEANUP(struct record *, record_free)

int record_open_fd(int output_fd, const char *path, const char *session, const char *key_path,
		   struct record **ret, struct error *err)
{
	_cleanup_(record_freep) struct record *record = xcalloc(1, sizeof(*record));
	_cleanup_buf_ struct buf quoted = BUF_INIT(0);
	struct json_writer w = {.out = &quoted};
	int r;

	record->output_fd = output_fd;
	record->lines.max = FLUSH_BYTES + MAX_DRAFT_BYTES + CHAIN_TAIL_BYTES;
	record->writer.out = &record->lines;
	record->writer.exact = true;
	record->path = xstrdup(path);
	json_put_string(&w, NULL, session);
	record->session = take_ptr(quoted.data);
	(void)memset(record->head, '0', CHAIN_HEX);
	if (sodium_init() < 0)
		return error_set(err, EIO, "libsodium finds no source of randomness");
	r = key_load(key_path, true, &record->key, err);
	if (r < 0)
		return r;
	*ret = take_ptr(record);
	return 0;
}

int record_open(const char *path, const char *session, const char *key_path, struct record **ret,
		struct error *err)
{
	int settle_fd; /* none */
	const int output_fd = record_create(path, RECORD_SYNC_NEVER, &settle_fd, err);
	int r;

	if (output_fd < 0)
		return output_fd;
	r = record_open_fd(output_fd, path, session, key_path, ret, err);
	if (r < 0)
		(void)unlink(path); /* ours, and empty */
	return r;
}

struct json_writer *record_begin(struct record *record, const struct event_head *head)
{
	struct json_writer *w = &record->writer;

	assert(!record->in_event);
	assert(record->count || strcmp(head->kind, "session.start") == 0);
	record->in_event = true;
	record->line = record->lines.len;
	w->depth = 0;
	w->comma = false;
	json_begin_object(w, NULL);
	json_put_u64(w, "seq", record->count);
	json_put_u64(w, "ts", head->time_ns);
	json_put_raw(w, "session", record->session, strlen(record->session));
	if (head->call)
		json_put_string(w, "call", head->call);
	if (head->exec_id)
		json_put_u64(w, "exec_id", head->exec_id);
	if (head->parent_exec_id)
		json_put_u64(w, "parent_exec_id", head->parent_exec_id);
	if (head->pid)
		json_put_u64(w, "pid", head->pid);
	json_put_string(w, "kind", head->kind);
	return w;
}

/* The unfinished line with marks for what is protected, in its place. */
static void mask(struct record *record)
{
	_cleanup_buf_ struct buf masked = BUF_INIT(0);
	struct json_writer w = {.out = &record->lines, .depth = 1, .comma = true};
	const size_t marks = mask_line(&record->masker, record->lines.data + record->line,
				       record->lines.len - record->line, &masked);

	if (!marks)
		return;
	record->lines.len = record->line;
	buf_put(&record->lines, masked.data, masked.len);
	json_put_u64(&w, "masked", marks);
}

/* What may be as large as a call's arguments; the first gives way first. */
static const char *const large_members[] = {"fields", "matched", "would"};

#define LARGE_MEMBERS (sizeof(large_members) / sizeof(large_members[0]))

/* Of a member of the unfinished line, in bytes; 0: it has none. */
static size_t size_of(struct record *record, const char *name)
{
	struct buf *lines = &record->lines;
	const char *member;
	size_t size;

	buf_putc(lines, '}'); /* as a whole object, for the search */
	if (json_member_raw(lines->data + record->line, lines->len - record->line, name, &member,
			    &size) < 0)
		size = 0;
	lines->len--;
	return size;
}

/* The unfinished line with a member, once of @size, cut down to its first bytes, in its place. */
static void shorten(struct record *record, const char *name, size_t size)
{
	_cleanup_buf_ struct buf copy = BUF_INIT(0);
	struct json_writer w = {.out = &record->lines, .depth = 1, .comma = true};
	const char *member;
	size_t member_len;
	size_t kept;

	buf_put(&copy, record->lines.data + record->line, record->lines.len - record->line);
	buf_putc(&copy, '}'); /* as a whole object, for the search */
	if (json_member_raw(copy.data, copy.len, name, &member, &member_len) < 0)
		return;
	kept = (size_t)(member - copy.data);
	record->lines.len = record->line;
	buf_put(&record->lines, copy.data, kept); /* up to and with the colon */
	w.comma = false;
	json_begin_object(&w, NULL);
	json_put_u64(&w, "oversize", size);
	json_put_bytes(&w, "head", member, member_len < OVERSIZE_HEAD ? member_len : OVERSIZE_HEAD);
	json_end_object(&w);
	buf_put(&record->lines, member + member_len, copy.len - 1 - kept - member_len);
}

/* Redacts the unfinished line, and makes it fit. */
static void trim(struct record *record, size_t room)
{
	const bool is_large = record->lines.len - record->line > room;
	size_t sizes[LARGE_MEMBERS] = {0};

	for (size_t i = 0; i < LARGE_MEMBERS && is_large; i++)
		sizes[i] = size_of(record, large_members[i]);
	if (record->masker.redact)
		mask(record);
	for (size_t i = 0; i < LARGE_MEMBERS; i++) {
		/* Of what was too large but for what is redacted not all was looked at. */
		if (record->lines.len - record->line <= room && (i || !is_large))
			return;
		if (!sizes[i]) /* there is none, or the marks are longer than what they hide */
			sizes[i] = size_of(record, large_members[i]);
		if (sizes[i])
			shorten(record, large_members[i], sizes[i]);
	}
}

/* The tail: prev, hash and, for session.end, the signature. */
static void seal(struct record *record, bool sign)
{
	struct buf *out = &record->lines;
	char signature[SIGN_HEX + 1];

	buf_puts(out, ",\"prev\":\"");
	buf_put(out, record->head, CHAIN_HEX);
	buf_puts(out, "\"");
	chain_hash(out->data + record->line, out->len - record->line, record->head);
	buf_puts(out, ",\"hash\":\"");
	buf_put(out, record->head, CHAIN_HEX);
	if (sign) {
		chain_sign(record->head, record->key.secret, signature);
		buf_puts(out, "\",\"signature\":\"");
		buf_put(out, signature, SIGN_HEX);
	}
	buf_puts(out, "\"}\n");
}

static int fail(struct record *record, int reason)
{
	if (!record->error)
		record->error = reason;
	buf_clear(&record->lines);
	return record->error;
}

static int finish_event(struct record *record, bool sign)
{
	const size_t room = MAX_EVENT_LINE - CHAIN_TAIL_BYTES;

	assert(record->in_event && record->writer.depth == 1);
	record->in_event = false;
	if (record->error)
		return fail(record, record->error);
	if (record->lines.overflow)
		return fail(record, -E2BIG);
	trim(record, room);
	if (record->lines.len - record->line > room)
		return fail(record, -E2BIG);
	seal(record, sign);
	assert(json_check(record->lines.data + record->line, record->lines.len - record->line - 1,
			  NULL) == 0);
	record->count++;
	if (record->observer)
		record->observer(record->observer_ctx, record->lines.data + record->line,
				 record->lines.len - record->line - 1);
	if (record->lines.len >= FLUSH_BYTES || record->lines.cap > KEPT_BYTES)
		return record_flush(record);
	return 0;
}

int record_end(struct record *record)
{
	return finish_event(record, false);
}

int record_flush(struct record *record)
{
	size_t done = 0;

	assert(!record->in_event);
	if (record->error)
		return record->error;
	while (done < record->lines.len) {
		const ssize_t n = write(record->output_fd, record->lines.data + done,
					record->lines.len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return fail(record, n < 0 ? -errno : -EIO);
		done += (size_t)n;
		record->written += (size_t)n;
	}
	buf_clear(&record->lines);
	if (record->lines.cap > KEPT_BYTES)
		buf_done(&record->lines);
	return 0;
}

void record_set_redactor(struct record *record, record_redactor redactor, void *ctx)
{
	static const char purpose[] = "cordon record mask 1:";

	/* The seed is the first half of the secret key. */
	(void)crypto_generichash(record->mask_key, sizeof(record->mask_key),
				 (const unsigned char *)purpose, sizeof(purpose) - 1,
				 record->key.secret, 32);
	record->masker = (struct masker){redactor, ctx, record->mask_key};
}

void record_set_observer(struct record *record, record_observer observer, void *ctx)
{
	record->observer = observer;
	record->observer_ctx = ctx;
}

const char *record_path(const struct record *record)
{
	return record->path;
}

uint64_t record_count(const struct record *record)
{
	return record->count;
}

/* Whoever else may write there can have removed the file, cut it, or put something in between. */
static int look_at_file(const struct record *record)
{
	struct stat st;

	if (fstat(record->output_fd, &st) < 0)
		return -errno;
	return S_ISREG(st.st_mode) && (!st.st_nlink || (uint64_t)st.st_size != record->written)
		       ? -ESTALE
		       : 0;
}

int record_close(struct record *record, uint64_t time_ns, const char *extra)
{
	const struct event_head head = {.time_ns = time_ns, .kind = "session.end"};
	char signer[CHAIN_HEX + 1];
	struct json_writer *w;
	int r;

	hex_put(record->key.public, sizeof(record->key.public), signer);
	w = record_begin(record, &head);
	json_begin_object(w, "fields");
	json_put_u64(w, "events", record->count + 1);
	if (extra && *extra) {
		buf_putc(w->out, ',');
		buf_puts(w->out, extra);
	}
	json_end_object(w);
	json_put_string(w, "signer", signer);
	r = finish_event(record, true);
	if (r == 0)
		r = record_flush(record);
	if (r == 0)
		r = look_at_file(record);
	/* Some file systems tell of a full disk only here. */
	if (close(take_fd(&record->output_fd)) < 0 && r == 0)
		r = -errno;
	(void)record_free(record);
	return r;
}

struct record *record_abandon(struct record *record)
{
	if (record && !record->in_event)
		(void)record_flush(record);
	return record_free(record);
}
