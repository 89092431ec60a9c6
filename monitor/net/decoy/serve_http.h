/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What both versions of HTTP do with a request (serve_http.c). */

#include "monitor/net/decoy/http.h"
#include "monitor/net/decoy/visit.h"

struct http_talk {
	struct http_reader reader;
	struct evidence evidence;
};

#define NO_HTTP_TALK ((struct http_talk){.evidence = {.file_fd = -1}})

void http_talk_done(struct http_talk *talk);
/* Of the request that talk->reader has; @answer: what is said to it. */
void http_talk_tell(struct visit *visit, const struct http_talk *talk, const struct answer *answer,
		    bool is_cut);
/* It stopped in the middle of its body, which is evidence as well. */
void http_talk_tell_cut(struct visit *visit, const struct http_talk *talk);
/* It is over: *ret is what its service says, for answer_done(). It is told of. */
void http_talk_answer(struct visit *visit, const struct http_talk *talk, struct answer *ret);
/* The header field Date. */
void http_put_date(struct buf *out);
