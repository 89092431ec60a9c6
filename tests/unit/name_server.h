/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A name server on loopback, on the loop of who asks it. What it answers depends on the name: two
 * addresses of version 4, and as name_server.c says for those of *.test.
 */

#include <stddef.h>
#include <stdint.h>

#include <uv.h>

struct name_server {
	uv_loop_t *loop; /* borrowed */
	int udp_fd;
	char address[32];
	uv_poll_t poll;
	uv_tcp_t listener, client;
	uint8_t in[600], out[600];
	size_t in_len;
	unsigned questions; /* that it was asked */
	unsigned by_tcp;
};

/* Whoever ends the loop closes its handles and udp_fd. */
void name_server_start(struct name_server *server, uv_loop_t *loop);
