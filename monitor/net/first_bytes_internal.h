/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The inside of first_bytes.h: first_bytes.c, which of them it is; first_text.c, lines and heads;
 * first_binary.c, what is no text; first_tls.c, the ClientHellos of TLS. What takes a byte returns
 * the outcome of it.
 */

#include "common/buf.h"
#include "monitor/net/body_start.h"
#include "monitor/net/first_bytes.h"
#include "monitor/net/http_body.h"
#include "monitor/net/tls_records.h"

#define BINARY_START 6u
/* Of a record of TLS: its header, and what of its content says whether it is a ClientHello. */
#define TLS_RECORD_HEADER 5u
#define TLS_HELLO_START	  39u /* type, length, version, random, length of the session */

enum mode {
	MODE_START,
	MODE_BINARY,
	MODE_TLS,
	MODE_RECORDS,
	MODE_LINE,
	MODE_WORDS,
	MODE_HEAD,
	MODE_PREFACE,
	MODE_BODY,
	MODE_OPAQUE,
	MODE_BROKEN,
};

/* Records behind the first ClientHello. */
struct later_records {
	uint8_t start[TLS_RECORD_HEADER + TLS_HELLO_START]; /* of the one that is being read */
	unsigned start_len;
	size_t left;	     /* of one that is passed on */
	uint32_t passed;     /* bytes of their contents */
	bool changed_cipher; /* the next one may be encrypted */
};

struct first_bytes {
	enum mode mode;
	struct first_seen seen;
	struct buf text;	     /* a line, or a head */
	uint8_t start[BINARY_START]; /* of what is no text */
	unsigned start_len;
	struct tls_records records;
	struct later_records later;
	bool is_second; /* ClientHello, that `records` are of */
	struct http_body body;
	struct body_start body_start;
	unsigned line_ends; /* before the first message: CR and LF, each */
	unsigned matched;   /* of "host", in a line behind words */
	bool is_later;	    /* a request came before */
	bool upgraded;	    /* and asked for another protocol */
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
/* Is it the type of a record of TLS? */
bool first_binary_may_be_record(uint8_t c);
enum first_outcome first_binary_byte(struct first_bytes *fb, uint8_t c);

/* first_tls.c */
enum first_outcome first_tls_bytes(struct first_bytes *fb, const uint8_t *bytes, size_t len,
				   size_t *ret_taken);
enum first_outcome first_record_bytes(struct first_bytes *fb, const uint8_t *bytes, size_t len,
				      size_t *ret_taken);
/* Is some of a record held? */
bool first_record_is_half(const struct first_bytes *fb);
