/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The inside of first_bytes.h: first_bytes.c, which of them it is; first_text.c, lines and heads;
 * first_binary.c, TLS. What takes a byte returns the outcome of it.
 */

#include "common/buf.h"
#include "monitor/net/first_bytes.h"
#include "monitor/net/http_body.h"
#include "monitor/net/tls_records.h"

#define BINARY_START 5u

enum mode {
	MODE_START,
	MODE_BINARY,
	MODE_TLS,
	MODE_LINE,
	MODE_WORDS,
	MODE_HEAD,
	MODE_PREFACE,
	MODE_BODY,
	MODE_OPAQUE,
	MODE_BROKEN,
};

struct first_bytes {
	enum mode mode;
	struct first_seen seen;
	struct buf text;	     /* a line, or a head */
	uint8_t start[BINARY_START]; /* of what is no text */
	unsigned start_len;
	struct tls_records records;
	struct http_body body;
	unsigned matched; /* of "host", in a line behind words */
	bool is_later;	  /* a request came before */
	bool upgraded;	  /* and asked for another protocol */
};

/* first_bytes.c: how a message ends. */
enum first_outcome first_broken(struct first_bytes *fb, const char *why);
enum first_outcome first_opaque(struct first_bytes *fb, const char *protocol);
enum first_outcome first_other(struct first_bytes *fb);

/* first_text.c */
bool first_begins(const struct buf *text, const char *with);
/* A line that is no request, or as much of one as came. */
enum first_outcome first_not_text(struct first_bytes *fb);
enum first_outcome first_line_byte(struct first_bytes *fb, uint8_t c);
enum first_outcome first_head_byte(struct first_bytes *fb, uint8_t c);
enum first_outcome first_preface_byte(struct first_bytes *fb, uint8_t c);
enum first_outcome first_word_bytes(struct first_bytes *fb, const uint8_t *bytes, size_t len,
				    size_t *ret_taken);

/* first_binary.c */
enum first_outcome first_binary_byte(struct first_bytes *fb, uint8_t c);
enum first_outcome first_tls_bytes(struct first_bytes *fb, const uint8_t *bytes, size_t len,
				   size_t *ret_taken);
