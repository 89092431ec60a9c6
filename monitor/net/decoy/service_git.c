/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A git host that takes what is pushed: every repository exists, is empty, and is the caller's.
 * git's smart HTTP protocol, of which receive-pack is what matters here; the pack is evidence as
 * any body is, and not looked into beyond the number of its objects.
 *
 * Sources: gitprotocol-http(5), gitprotocol-pack(5), gitprotocol-common(5).
 */

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/json_write.h"
#include "monitor/net/decoy/git_push.h"
#include "monitor/net/decoy/service.h"

/* Not "side-band-64k": the report is then plain. */
#define CAPABILITIES "report-status delete-refs ofs-delta agent=git/2.39.5"

static const char zero_oid[] = "0000000000000000000000000000000000000000";

static bool is_api(const struct exchange *x)
{
	return exchange_is(x, "POST") &&
	       (exchange_path_is(x, "/user/repos") || exchange_path_is(x, "/gists") ||
		exchange_path_is(x, "/api/v4/projects"));
}

static bool wants(const struct exchange *x)
{
	return (exchange_path_ends(x, "/info/refs") && http_parameter(x->request, "service").at) ||
	       exchange_path_ends(x, "/git-receive-pack") ||
	       exchange_path_ends(x, "/git-upload-pack") || is_api(x);
}

static void put_line(struct buf *out, const char *text, size_t len)
{
	buf_printf(out, "%04zx", len + 4);
	buf_put(out, text, len);
}

/* host/path without what the protocol put behind it. */
static char *repository_of(const struct exchange *x, const char *end)
{
	char *key = exchange_key(x);

	key[strlen(key) - strlen(end)] = '\0';
	return key;
}

static void advertise_pushes(const struct exchange *x, struct answer *ret)
{
	_cleanup_free_ char *repository = repository_of(x, "/info/refs");
	_cleanup_buf_ struct buf line = BUF_INIT(0);
	bool is_first = true;

	for (size_t i = 0; i < x->state->ref_count; i++) {
		const struct git_ref *ref = &x->state->refs[i];

		if (strcmp(ref->repository, repository) != 0)
			continue;
		buf_clear(&line);
		buf_printf(&line, "%s %s", ref->oid, ref->name);
		if (is_first)
			buf_put(&line, "\0" CAPABILITIES, sizeof(CAPABILITIES));
		buf_putc(&line, '\n');
		put_line(&ret->body, line.data, line.len);
		is_first = false;
	}
	if (is_first) {
		buf_printf(&line, "%s capabilities^{}", zero_oid);
		buf_put(&line, "\0" CAPABILITIES "\n", sizeof(CAPABILITIES) + 1);
		put_line(&ret->body, line.data, line.len);
	}
	buf_puts(&ret->body, "0000");
}

/* As of what nobody has pushed to: a clone warns that it is empty, and succeeds. */
static void advertise(const struct exchange *x, struct answer *ret)
{
	const bool pushes = str_eq(http_parameter(x->request, "service"), STR("git-receive-pack"));
	_cleanup_free_ char *service =
		xasprintf("# service=%s\n", pushes ? "git-receive-pack" : "git-upload-pack");

	answer_field(ret, "Content-Type",
		     pushes ? "application/x-git-receive-pack-advertisement"
			    : "application/x-git-upload-pack-advertisement");
	put_line(&ret->body, service, strlen(service));
	buf_puts(&ret->body, "0000");
	if (pushes)
		advertise_pushes(x, ret);
	else
		buf_puts(&ret->body, "0000");
}

static void note_ref(const struct exchange *x, const char *repository,
		     const struct git_update *update)
{
	struct service_state *state = x->state;
	struct git_ref *ref = NULL;

	for (size_t i = 0; i < state->ref_count && !ref; i++) {
		if (strcmp(state->refs[i].repository, repository) == 0 &&
		    strcmp(state->refs[i].name, update->ref) == 0)
			ref = &state->refs[i];
	}
	if (!ref && state->ref_count < MAX_GIT_REFS && !update->deletes) {
		ref = &state->refs[state->ref_count++];
		*ref = (struct git_ref){xstrdup(repository), xstrdup(update->ref), ""};
	}
	if (!ref)
		return;
	(void)snprintf(ref->oid, sizeof(ref->oid), "%s", update->new_oid);
	if (!update->deletes)
		return;
	free(ref->repository);
	free(ref->name);
	*ref = state->refs[--state->ref_count];
}

static void receive(const struct exchange *x, struct answer *ret)
{
	_cleanup_free_ char *repository = repository_of(x, "/git-receive-pack");
	_cleanup_free_ struct git_push *push = xcalloc(1, sizeof(*push));
	const struct str body = exchange_body(x);
	const char *wrong = git_push_parse(body.at, body.len, push);

	answer_field(ret, "Content-Type", "application/x-git-receive-pack-result");
	if (wrong) {
		ret->status = 400;
		(void)snprintf(ret->detail, sizeof(ret->detail), "%s", wrong);
		return;
	}
	/* "0000" alone asks whether a long push would be let in. */
	if (!push->count)
		return;
	put_line(&ret->body, "unpack ok\n", 10);
	for (size_t i = 0; i < push->count; i++) {
		_cleanup_free_ char *line = xasprintf("ok %s\n", push->updates[i].ref);

		put_line(&ret->body, line, strlen(line));
		note_ref(x, repository, &push->updates[i]);
	}
	buf_puts(&ret->body, "0000");
	(void)snprintf(ret->detail, sizeof(ret->detail), "%zu ref%s (%.128s), pack of %u objects",
		       push->count, push->count == 1 ? "" : "s", push->updates[0].ref,
		       push->objects);
}

static void answer_api(const struct exchange *x, struct answer *ret)
{
	_cleanup_free_ char *origin = exchange_origin(x);
	_cleanup_free_ char *url = xasprintf("%s/decoy/r%lu.git", origin, ++x->state->last_id);
	struct buf text = BUF_INIT(0);
	struct json_writer w = {.out = &text};

	json_begin_object(&w, NULL);
	json_put_u64(&w, "id", x->state->last_id);
	json_put_string(&w, "html_url", url);
	json_put_string(&w, "clone_url", url);
	json_put_string(&w, "http_url_to_repo", url);
	json_put_bool(&w, "private", false);
	json_end_object(&w);
	answer_text(ret, 201, "application/json", text.data);
	buf_done(&text);
}

static void answer(const struct exchange *x, struct answer *ret)
{
	answer_field(ret, "Cache-Control", "no-cache");
	if (exchange_path_ends(x, "/info/refs"))
		advertise(x, ret);
	else if (exchange_path_ends(x, "/git-receive-pack"))
		receive(x, ret);
	else if (is_api(x))
		answer_api(x, ret);
	else
		answer_text(ret, 404, "text/plain", "nothing to fetch\n");
}

const struct service git_service = {"git", wants, answer};
