/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/net/decoy/service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/cleanup.h"

/* The first that wants a request answers it; the last wants all. */
static const struct service *const services[] = {
	&metadata_service, &git_service,   &model_service,
	&cloud_service,	   &store_service, &web_service,
};

/* ---- what is made up ---- */

static int make_up(char *text, size_t size, const char *start, const char *letters)
{
	unsigned char noise[256];
	const size_t count = strlen(letters);
	size_t len = strlen(start);

	if (getrandom(noise, sizeof(noise), 0) != (ssize_t)sizeof(noise))
		return -errno;
	memcpy(text, start, len);
	for (size_t i = 0; len + 1 < size; i++)
		text[len++] = letters[noise[i] % count];
	text[len] = '\0';
	return 0;
}

int service_state_init(struct service_state *state, struct error *err)
{
	static const char upper[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
	static const char all[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	struct made_up *m = &state->made_up;

	const struct {
		char *text;
		size_t size;
		const char *start;
		const char *letters;
	} texts[] = {
		{m->aws_key_id, sizeof(m->aws_key_id), "ASIA", upper},
		{m->aws_secret, sizeof(m->aws_secret), "", all},
		{m->aws_token, sizeof(m->aws_token), "IQoJb3JpZ2luX2Vj", all},
		{m->google_token, sizeof(m->google_token), "ya29.c.b0", all},
		{m->azure_token, sizeof(m->azure_token), "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.",
		 all},
		{m->aws_metadata_token, sizeof(m->aws_metadata_token), "AQAEA", all},
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		const int r =
			make_up(texts[i].text, texts[i].size, texts[i].start, texts[i].letters);

		if (r < 0)
			return error_errno(err, r, "make up credentials for the decoy");
	}
	return 0;
}

void service_state_done(struct service_state *state)
{
	for (size_t i = 0; i < state->ref_count; i++) {
		free(state->refs[i].repository);
		free(state->refs[i].name);
	}
	for (size_t i = 0; i < state->stored_count; i++)
		free(state->stored[i].key);
	state->ref_count = state->stored_count = 0;
}

/* ---- answers ---- */

void answer_init(struct answer *answer)
{
	*answer = (struct answer){.service = "", .status = 200};
}

void answer_done(struct answer *answer)
{
	buf_done(&answer->fields);
	buf_done(&answer->body);
}

void answer_field(struct answer *answer, const char *name, const char *value)
{
	buf_printf(&answer->fields, "%s: %s\r\n", name, value);
}

void answer_text(struct answer *answer, int status, const char *type, const char *text)
{
	answer->status = status;
	answer_field(answer, "Content-Type", type);
	buf_puts(&answer->body, text);
}

static void answer_by_script(const struct script_entry *entry, struct answer *ret)
{
	ret->service = "script";
	ret->status = entry->status;
	for (size_t i = 0; i < entry->field_count; i++)
		answer_field(ret, entry->fields[i].name, entry->fields[i].value);
	buf_puts(&ret->body, entry->body);
}

void service_answer(const struct exchange *exchange, struct answer *ret)
{
	const struct script_entry *entry =
		script_find(exchange->state->script, exchange->host, exchange->port,
			    exchange->request->method, http_path(exchange->request));

	if (entry) {
		answer_by_script(entry, ret);
		return;
	}
	for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++) {
		if (!services[i]->wants(exchange))
			continue;
		ret->service = services[i]->name;
		services[i]->answer(exchange, ret);
		return;
	}
}

/* ---- for services ---- */

bool exchange_is(const struct exchange *exchange, const char *method)
{
	return strcmp(exchange->request->method, method) == 0;
}

bool exchange_path_is(const struct exchange *exchange, const char *path)
{
	return str_eq(http_path(exchange->request), str_of(path));
}

bool exchange_path_begins(const struct exchange *exchange, const char *start)
{
	const struct str path = http_path(exchange->request);
	const size_t len = strlen(start);

	return path.len >= len && memcmp(path.at, start, len) == 0;
}

bool exchange_path_ends(const struct exchange *exchange, const char *end)
{
	const struct str path = http_path(exchange->request);
	const size_t len = strlen(end);

	return path.len >= len && memcmp(path.at + path.len - len, end, len) == 0;
}

bool exchange_host_below(const struct exchange *exchange, const char *domain)
{
	const size_t len = strlen(exchange->host);
	const size_t tail = strlen(domain);

	return len >= tail && strcmp(exchange->host + len - tail, domain) == 0 &&
	       (len == tail || exchange->host[len - tail - 1] == '.');
}

struct str exchange_body(const struct exchange *exchange)
{
	return (struct str){exchange->body->seen.data, exchange->body->seen.len};
}

char *exchange_origin(const struct exchange *exchange)
{
	const bool is_usual = exchange->port == (exchange->is_tls ? 443 : 80);
	const char *scheme = exchange->is_tls ? "https" : "http";

	return is_usual ? xasprintf("%s://%s", scheme, exchange->host)
			: xasprintf("%s://%s:%u", scheme, exchange->host, exchange->port);
}

char *exchange_key(const struct exchange *exchange)
{
	const struct str path = http_path(exchange->request);

	return xasprintf("%s%.*s", exchange->host, (int)path.len, path.at);
}

bool str_contains(struct str text, const char *word)
{
	return text.len && memmem(text.at, text.len, word, strlen(word));
}
