/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What another reader (llhttp) makes of a request's head. Texts are terminated, cut at their end.
 */
struct http_oracle {
	bool accepted;
	bool knows_method; /* it knows no others than those of a list */
	char method[64];
	char target[4096];
	char host[512];
	unsigned hosts; /* how many fields of that name */
	bool chunked;
	uint64_t length;
};

/* @bytes: up to and with the empty line. In a file of its own: the library is one of sources. */
void http_oracle_read(const char *bytes, size_t len, struct http_oracle *ret);
