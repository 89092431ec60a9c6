/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The decoy on one end of socket pairs; programs are played on the other. */

#include "tests/support/test.h"

#include <string.h>
#include <sys/socket.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "monitor/net/decoy/decoy.h"
#include "monitor/net/decoy/script.h"
#include "monitor/net/decoy/tls.h"

#define WORLD_FIELDS 40u /* that the script of said.example answers with, beside X-A */

struct world {
	uv_loop_t loop;
	struct authority *authority;
	struct decoy_script script;
	struct decoy *decoy;
	char folder[64];
	int folder_fd;
	struct buf told; /* one line a request */
	unsigned ended, stopped;
	char reason[32];
	struct decoy_totals totals;
};

/* What tells a world: a line a request, in its `told`. */
extern const struct decoy_ops world_ops;

int world_set_up(void **state);
void world_on_stopped(void *ctx);
/* Of a world that has none. */
void world_open_decoy(struct world *w, const struct decoy_ops *ops);
/* Its decoy stops, and another begins that tells of what comes by @ops. */
void world_renew(struct world *w, const struct decoy_ops *ops);
int world_tear_down(void **state);
int world_connect(struct world *w, const char *host, uint16_t port);
void world_turn(struct world *w);
/* Seconds of a clock that nobody sets. */
time_t world_now(void);
bool world_is_late(time_t since);
void world_send(struct world *w, int fd, const char *bytes, size_t len);
void world_say(struct world *w, int fd, const char *text);
void world_hear(struct world *w, int fd, const char *end, struct buf *ret);
void world_wait_for_end(struct world *w, unsigned ended);
void world_ask(struct world *w, const char *host, uint16_t port, const char *request,
	       struct buf *answer);

void expect_in_at(const char *file, int line, const char *text, const char *part);
#define expect_in(_text, _part) expect_in_at(__FILE__, __LINE__, (_text), (_part))
