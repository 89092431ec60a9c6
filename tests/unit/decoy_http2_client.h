/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A program that speaks HTTP/2 with the decoy in plain: nghttp2's client. */

#include "tests/unit/decoy_fixture.h"

#include <nghttp2/nghttp2.h>

#define USUAL_STREAMS 100u /* what clients expect before they are told */

struct client {
	struct world *w;
	int fd;
	nghttp2_session *session;
	const char *upload; /* what a request's body is; NULL: none */
	bool upload_stops;  /* ... and never ends */
	struct buf heard;   /* fields and bodies as they come, "<end>" behind each */
	unsigned closed, refused;
	unsigned windows; /* updates of them */
};

/* @streams: how many it thinks it may open until it is told. */
void client_open_for(struct client *c, struct world *w, const char *host, unsigned streams);
void client_open(struct client *c, struct world *w, const char *host);
void client_close(struct client *c);
nghttp2_nv client_field(const char *name, const char *value);
/* @name: a header field besides; NULL: none. */
int32_t client_ask(struct client *c, const char *method, const char *path, const char *name,
		   const char *value);
/* Until so many requests are over. Return: false if the connection ended before. */
bool client_hear(struct client *c, unsigned closed);
