/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/ask/approval.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>

#include <sodium.h>

#include "common/cleanup.h"
#include "monitor/policy/match.h"

/* ---- an answer ---- */

const char *approval_scope_name(enum approval_scope scope)
{
	static const char *const names[] = {"once", "session", "pattern"};

	return names[scope];
}

static bool is(const struct json *node, const char *text)
{
	return node && json_string(node) && strcmp(json_string(node), text) == 0;
}

static int read_scope(const struct json *scope, struct approval *approval, struct error *err)
{
	if (!scope)
		return 0;
	for (unsigned s = SCOPE_ONCE; s <= SCOPE_PATTERN; s++) {
		approval->scope = (enum approval_scope)s;
		if (is(scope, approval_scope_name(approval->scope)))
			return 0;
	}
	return error_set(err, EINVAL, "\"scope\" is once, session or pattern");
}

int approval_read(const char *text, struct approval *ret, struct error *err)
{
	struct {
		const struct json *id, *verdict, *scope, *pattern;
	} row = {0};
	static const struct json_field fields[] = {
		{"id", JSON_NUMBER, false, 0 * sizeof(void *)},
		{"verdict", JSON_STRING, true, 1 * sizeof(void *)},
		{"scope", JSON_STRING, false, 2 * sizeof(void *)},
		{"pattern", JSON_OBJECT, false, 3 * sizeof(void *)},
	};
	struct approval approval = {.scope = SCOPE_ONCE};
	int r = json_parse("answer", text, strlen(text), &approval.doc, err);

	if (r == 0)
		r = json_decode(approval.doc, "$", fields, sizeof(fields) / sizeof(fields[0]), &row,
				err);
	if (r == 0)
		r = read_scope(row.scope, &approval, err);
	if (r == 0 && (approval.scope == SCOPE_PATTERN) != (row.pattern != NULL))
		r = error_set(err, EINVAL, "\"pattern\" goes with the scope pattern, and only so");
	if (r == 0 && !is(row.verdict, "allow") && !is(row.verdict, "deny"))
		r = error_set(err, EINVAL, "\"verdict\" is allow or deny");
	if (r < 0) {
		approval_done(&approval);
		return r;
	}
	approval.allow = is(row.verdict, "allow");
	approval.pattern = row.pattern;
	*ret = approval;
	return 0;
}

void approval_done(struct approval *approval)
{
	json_free(approval->doc);
	*approval = (struct approval){0};
}

/* ---- patterns ---- */

static bool is_net(enum action_kind kind)
{
	return kind == ACTION_CONNECT || kind == ACTION_SEND || kind == ACTION_BIND ||
	       kind == ACTION_LISTEN || kind == ACTION_REQUEST;
}

static bool argv_begins(const struct json *prefix, const struct action *action)
{
	size_t n = 0;

	if (!prefix || json_type(prefix) != JSON_ARRAY || json_length(prefix) == 0 ||
	    json_length(prefix) > action->argv.count)
		return false;
	for (const struct json *word = json_first(prefix); word; word = json_next(word), n++) {
		if (!json_string(word) || !str_eq(str_of(json_string(word)), action->argv.items[n]))
			return false;
	}
	return true;
}

static bool path_fits(const struct json *pattern, const struct action *action)
{
	const char *glob = json_string(pattern);

	/* An abstract socket's name is no path: it is taken as it is. */
	if (glob && action->path.len && action->path.at[0] != '/')
		return str_eq(str_of(glob), action->path);
	return glob && !glob_check(str_of(glob), true) && action->path.len &&
	       glob_match(str_of(glob), action->path, false) &&
	       (!action->target.len || glob_match(str_of(glob), action->target, false));
}

static bool host_fits(const struct json *pattern, const struct json *port,
		      const struct action *action)
{
	const char *host = json_string(pattern);
	int64_t number = 0;

	if (port && (json_i64(port, 0, 65535, &number) < 0 || number != action->port))
		return false;
	return host && !host_check(str_of(host)) && action->host.len &&
	       host_match(str_of(host), action->host);
}

bool approval_covers(const struct json *pattern, const struct action *action)
{
	const size_t members = json_length(pattern);
	const struct json *port = json_get(pattern, "port");
	const struct json *path = json_get(pattern, "path");

	if (action->kind == ACTION_EXEC)
		return members == 1 && argv_begins(json_get(pattern, "argv"), action);
	if (action->kind == ACTION_TOOL_CALL)
		return members == 1 && json_get(pattern, "tool") &&
		       str_eq(str_of(json_get_string(pattern, "tool")), action->tool);
	if (path)
		return members == 1 && path_fits(path, action);
	return is_net(action->kind) && members == (port ? 2u : 1u) &&
	       host_fits(json_get(pattern, "host"), port, action);
}

static void suggest_argv(const struct action *action, struct json_writer *w)
{
	/* "git push", "npm install"; no options, which are often the arguments' own. */
	const size_t words = action->argv.count > 2 && action->argv.items[1].len &&
					     action->argv.items[1].at[0] != '-'
				     ? 2
				     : action->argv.count;

	json_begin_array(w, "argv");
	for (size_t i = 0; i < words; i++)
		json_put_bytes(w, NULL, action->argv.items[i].at, action->argv.items[i].len);
	json_end_array(w);
}

/* The file's folder, with what stands for something in a glob taken as it is. */
static void suggest_path(const struct action *action, struct json_writer *w)
{
	_cleanup_buf_ struct buf glob = BUF_INIT(0);
	size_t len = action->path.len;

	if (action->path.at[0] != '/') {
		json_put_bytes(w, "path", action->path.at, len);
		return;
	}
	while (len && action->path.at[len - 1] != '/')
		len--;
	for (size_t i = 0; i < len; i++) {
		if (strchr("*?\\[]{}", action->path.at[i]) && action->path.at[i])
			buf_putc(&glob, '\\');
		buf_putc(&glob, action->path.at[i]);
	}
	buf_puts(&glob, "*");
	json_put_bytes(w, "path", glob.data, glob.len);
}

void approval_suggest(const struct action *action, struct json_writer *w)
{
	json_begin_object(w, "pattern");
	if (action->kind == ACTION_EXEC) {
		suggest_argv(action, w);
	} else if (action->kind == ACTION_TOOL_CALL) {
		json_put_bytes(w, "tool", action->tool.at, action->tool.len);
	} else if (action->path.len) {
		suggest_path(action, w);
	} else {
		json_put_bytes(w, "host", action->host.len ? action->host.at : "",
			       action->host.len);
		json_put_i64(w, "port", action->port);
	}
	json_end_object(w);
}

/* ---- digests ---- */

struct hash {
	crypto_generichash_state state;
};

static void hash_bytes(struct hash *hash, const void *at, size_t len)
{
	const uint64_t size = len;

	(void)crypto_generichash_update(&hash->state, (const unsigned char *)&size, sizeof(size));
	if (len)
		(void)crypto_generichash_update(&hash->state, at, len);
}

static void hash_number(struct hash *hash, uint64_t value)
{
	(void)crypto_generichash_update(&hash->state, (const unsigned char *)&value, sizeof(value));
}

static void hash_list(struct hash *hash, const struct str_list *list)
{
	hash_number(hash, list->count);
	for (size_t i = 0; i < list->count; i++)
		hash_bytes(hash, list->items[i].at, list->items[i].len);
}

static void hash_begin(struct hash *hash)
{
	(void)crypto_generichash_init(&hash->state, NULL, 0, sizeof(struct action_digest));
}

static void hash_end(struct hash *hash, struct action_digest *ret)
{
	(void)crypto_generichash_final(&hash->state, ret->bytes, sizeof(ret->bytes));
}

/* Which call and which of many processes it was, and when, is no part of what was done. */
static bool is_of_occurrence(const struct action_field *field)
{
	return action_field_is_lineage(field) || strcmp(field->name, "call_id") == 0 ||
	       strcmp(field->name, "call_tool") == 0;
}

static void hash_fields(struct hash *hash, const struct action *action)
{
	hash_number(hash, action->kind);
	for (size_t i = 0; i < action_field_count; i++) {
		const struct action_field *field = &action_fields[i];
		struct str text;

		if (!(field->kinds & (1u << action->kind)) || is_of_occurrence(field))
			continue;
		switch (field->type) {
		case FIELD_STRING:
			text = action_string(action, field);
			hash_bytes(hash, text.at, text.len);
			break;
		case FIELD_INT:
			hash_number(hash, (uint64_t)action_integer(action, field));
			break;
		case FIELD_BOOL:
			hash_number(hash, action_boolean(action, field));
			break;
		case FIELD_LIST:
			hash_list(hash, action_list(action, field));
			break;
		}
	}
}

void action_digest_fields(const struct action *action, struct action_digest *ret)
{
	struct hash hash;

	hash_begin(&hash);
	hash_fields(&hash, action);
	hash_end(&hash, ret);
}

void action_digest_pinned(const struct action *action, struct action_digest *ret)
{
	struct hash hash;

	hash_begin(&hash);
	hash_number(&hash, action->kind);
	hash_bytes(&hash, action->op.at, action->op.len);
	hash_bytes(&hash, action->family.at, action->family.len);
	hash_bytes(&hash, action->protocol.at, action->protocol.len);
	hash_bytes(&hash, action->provenance.at, action->provenance.len);
	hash_bytes(&hash, action->interpreter.at, action->interpreter.len);
	hash_list(&hash, &action->startup_env);
	hash_list(&hash, &action->file_labels);
	hash_bytes(&hash, action->method.at, action->method.len);
	hash_list(&hash, &action->canaries);
	if (action->kind == ACTION_EXEC)
		hash_bytes(&hash, action->path.at, action->path.len);
	hash_end(&hash, ret);
}

static void hash_file(struct hash *hash, int file_fd, bool with_content)
{
	struct stat st = {0};

	hash_number(hash, file_fd >= 0 && fstat(file_fd, &st) == 0);
	hash_number(hash, st.st_dev);
	hash_number(hash, st.st_ino);
	if (!with_content)
		return;
	hash_number(hash, (uint64_t)st.st_size);
	hash_number(hash, (uint64_t)st.st_ctim.tv_sec);
	hash_number(hash, (uint64_t)st.st_ctim.tv_nsec);
}

void action_digest_exact(const struct action_evidence *evidence, struct action_digest *ret)
{
	const struct exec_image *image = evidence->image;
	struct hash hash;

	hash_begin(&hash);
	hash_fields(&hash, evidence->action);
	for (unsigned i = 0; i < evidence->held; i++)
		hash_file(&hash, evidence->held_fds[i], image != NULL);
	if (image) {
		hash_number(&hash, image->argv_bytes);
		hash_number(&hash, image->env_bytes);
		hash_bytes(&hash, image->block,
			   (size_t)image->argv_bytes + image->env_bytes + image->name_bytes);
	}
	hash_end(&hash, ret);
}

void action_digest_program(const struct action_evidence *evidence, struct action_digest *ret)
{
	struct hash hash;

	hash_begin(&hash);
	for (unsigned i = 0; evidence->image && i < evidence->held; i++)
		hash_file(&hash, evidence->held_fds[i], true);
	hash_end(&hash, ret);
}

bool action_digest_equal(const struct action_digest *a, const struct action_digest *b)
{
	return sodium_memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}
