/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * DNS messages: one query as bytes -> what it asks; what is answered -> bytes. Pure.
 *
 * The question is echoed byte for byte, since resolvers check the case they chose (0x20). What a
 * resolver never sends is refused rather than guessed at: more than one question, names with
 * compression, records where none belong, bytes behind the end.
 *
 * Sources: RFC 1035, 4343 (\DDD), 6891 (EDNS), 8914 (extended errors), 9619 (one question),
 * 9460 (SVCB, HTTPS).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "monitor/net/names.h"

#define DNS_HEADER_BYTES   12u
#define DNS_MAX_NAME_BYTES 255u /* as a message has it */
#define DNS_MAX_TEXT_BYTES (4u * DNS_MAX_NAME_BYTES)
#define DNS_REPLY_BYTES	   512u /* every reply of ours fits, so none is cut */

enum dns_rcode {
	DNS_NOERROR = 0,
	DNS_FORMERR = 1,
	DNS_SERVFAIL = 2,
	DNS_NXDOMAIN = 3,
	DNS_NOTIMP = 4,
	DNS_REFUSED = 5,
	DNS_BADVERS = 16,
};

enum dns_type {
	DNS_TYPE_A = 1,
	DNS_TYPE_PTR = 12,
	DNS_TYPE_AAAA = 28,
	DNS_TYPE_OPT = 41,
};

#define DNS_CLASS_IN 1u

/* RFC 8914 */
#define DNS_EDE_NONE	 0xffffu
#define DNS_EDE_FILTERED 17u

struct dns_query {
	uint16_t id;
	uint16_t flags; /* as they came */
	uint16_t type, class;
	const uint8_t *question;	   /* borrowed of the message: name, type, class */
	size_t question_bytes;		   /* 0: there is none to echo */
	bool is_host;			   /* the name is one that a host may have */
	char name[DNS_MAX_TEXT_BYTES + 1]; /* canonical if is_host; else lower case, what is
					      odd as \DDD, and "." for the root */
	unsigned label_max;		   /* longest label, bytes */
	unsigned entropy; /* of that label, thousandths of a bit per byte, case folded */
	bool has_edns;
	uint16_t edns_flags;
};

#define DNS_DROP (-1) /* nothing to answer: no header, or itself an answer */

/*
 * dns_query_parse - reads one message.
 * Return: DNS_NOERROR; DNS_DROP; or the enum dns_rcode to answer with: then what of @ret an answer
 *	needs is set.
 */
int dns_query_parse(const uint8_t *bytes, size_t len, struct dns_query *ret);

/* "AAAA", or "TYPE1234" into @room for what has no name here. */
const char *dns_type_name(uint16_t type, char room[10]);

struct dns_reply {
	unsigned rcode;
	uint8_t address[16]; /* for A (v4-mapped) and AAAA, if has_address */
	bool has_address;
	const char *ptr_name; /* canonical; for PTR; NULL: none */
	unsigned ede;	      /* DNS_EDE_NONE, or told with the text to who speaks EDNS */
	const char *ede_text; /* may be NULL; cut to what fits */
};

/* Return: bytes written. */
size_t dns_reply_write(const struct dns_query *query, const struct dns_reply *reply,
		       uint8_t ret[DNS_REPLY_BYTES]);

/*
 * dns_answer - what a well-formed query is answered with: the name's minted address, made now if
 * need be; the name of a minted address; or that there is nothing.
 * Return: 0, or -ENOSPC, the table of names is full, with an answer that says so.
 */
int dns_answer(struct names *names, const struct dns_query *query, struct dns_reply *ret);
