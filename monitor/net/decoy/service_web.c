/* SPDX-License-Identifier: Apache-2.0 */

/* Everything else: a plain page, and an answer in JSON to who speaks JSON. */

#include <string.h>

#include "monitor/net/decoy/service.h"

static const char page[] = "<!DOCTYPE html>\n<html><head><title>It works</title></head>\n"
			   "<body><h1>It works</h1><p>This page is under construction.</p></body>"
			   "</html>\n";

/* Indices of packages have nothing: an installer says so and goes on. */
static bool is_package_index(const struct exchange *x)
{
	static const char *const ends[] = {".whl",	".tgz",	  ".deb",	".rpm",
					   ".crate",	".gem",	  "/InRelease", "/Release",
					   "/Packages", ".tar.gz"};

	if (exchange_path_begins(x, "/simple/") || exchange_path_begins(x, "/api/v1/crates/"))
		return true;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		if (exchange_path_ends(x, ends[i]))
			return true;
	}
	return false;
}

static bool speaks_json(const struct exchange *x)
{
	const char *type = http_field(x->request, "Content-Type");
	const char *accept = http_field(x->request, "Accept");

	return (type && strstr(type, "json")) ||
	       (accept && strncmp(accept, "application/json", 16) == 0);
}

static bool speaks_grpc(const struct exchange *x)
{
	const char *type = http_field(x->request, "Content-Type");

	return type && strncmp(type, "application/grpc", 16) == 0;
}

/* As a server says that has no such method, in the fields alone: the client reads no body then. */
static void answer_grpc(struct answer *ret)
{
	answer_field(ret, "Content-Type", "application/grpc");
	answer_field(ret, "Grpc-Status", "12");
	answer_field(ret, "Grpc-Message", "unknown service");
}

static bool wants(const struct exchange *x)
{
	(void)x;
	return true;
}

static void answer(const struct exchange *x, struct answer *ret)
{
	const bool reads = exchange_is(x, "GET") || exchange_is(x, "HEAD");

	if (reads && is_package_index(x)) {
		answer_text(ret, 404, "text/plain", "Not Found\n");
	} else if (speaks_grpc(x)) {
		answer_grpc(ret);
	} else if (speaks_json(x)) {
		answer_text(ret, 200, "application/json", "");
		if (reads)
			buf_puts(&ret->body, "{\"status\":\"ok\"}");
		else
			buf_printf(&ret->body, "{\"id\":\"d%lu\",\"status\":\"ok\"}",
				   ++x->state->last_id);
	} else if (exchange_is(x, "OPTIONS")) {
		answer_field(ret, "Allow", "GET, HEAD, POST, PUT, DELETE, OPTIONS");
	} else {
		answer_text(ret, 200, "text/html; charset=utf-8", reads ? page : "ok\n");
	}
}

const struct service web_service = {"web", wants, answer};
