/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/session/request.h"

#include <string.h>

static void put_tls(const struct tls_hello *hello, struct request_lists *lists, struct action *ret)
{
	const char *at = hello->alpn;

	for (unsigned i = 0; i < hello->alpn_count; i++) {
		lists->alpn[i] = str_of(at);
		at += lists->alpn[i].len + 1;
	}
	ret->alpn = (struct str_list){lists->alpn, hello->alpn_count};
	ret->sni = str_of(hello->sni);
	ret->ech = hello->ech;
}

static void put_http(const struct http_head *head, struct action *ret)
{
	ret->method = str_of(head->method);
	ret->url_path = str_of(head->path);
	ret->http_host = str_of(head->host);
	ret->body_bytes = head->body_bytes;
}

void request_action(const struct first_seen *seen, const struct first_target *target,
		    const char *address, struct request_lists *lists, struct action *ret)
{
	const char *why;

	ret->kind = ACTION_REQUEST;
	ret->protocol = str_of(seen->protocol);
	ret->address = str_of(address);
	ret->host = target->name ? str_of(target->name) : ret->address;
	ret->port = target->endpoint.port;
	ret->agrees = names_agree(seen, target, &why);
	if (strcmp(seen->protocol, "tls") == 0 || strcmp(seen->protocol, "quic") == 0)
		put_tls(&seen->tls, lists, ret);
	else if (strcmp(seen->protocol, "http") == 0)
		put_http(&seen->http, ret);
}

void request_searched(const struct scan_result *searched, const struct str *names,
		      struct request_lists *lists, struct action *ret)
{
	size_t count = 0;

	for (unsigned i = 0; i < SCAN_MAX_TEXTS; i++) {
		if (searched->found & UINT64_C(1) << i)
			lists->canaries[count++] = names[i];
	}
	ret->canaries = (struct str_list){lists->canaries, count};
	ret->unsearched = str_of(searched->unsearched);
}
