/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/net/dns_message.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "monitor/net/reader.h"

#define FLAG_QR	    0x8000u
#define FLAG_OPCODE 0x7800u
#define FLAG_RD	    0x0100u
#define FLAG_RA	    0x0080u
#define FLAG_CD	    0x0010u
#define EDNS_DO	    0x8000u

#define POINTER_BITS	 0xc0u
#define RECORD_BYTES	 10u /* type, class, time to live, length */
#define MAX_ADDITIONAL	 4u  /* OPT, and a signature nobody checks */
#define OUR_UDP_BYTES	 1232u
#define TTL_SECONDS	 300u /* an address never means another name; a verdict may change */
#define EDE_OPTION	 15u
#define OPT_BYTES	 (1u + RECORD_BYTES)
#define EDE_HEAD_BYTES	 6u
#define QUESTION_POINTER (POINTER_BITS << 8 | DNS_HEADER_BYTES)

_Static_assert(DNS_HEADER_BYTES + DNS_MAX_NAME_BYTES + 4 + 2 + RECORD_BYTES + 16 + OPT_BYTES <=
		       DNS_REPLY_BYTES,
	       "an address fits behind every question");

static uint16_t take_u16(struct reader *r)
{
	return (uint16_t)reader_number(r, 2);
}

static char lower(uint8_t c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

/* Shannon's, of the bytes' frequencies. */
static unsigned entropy_of(const uint8_t *label, unsigned len)
{
	unsigned counts[256] = {0};
	double bits = 0;

	for (unsigned i = 0; i < len; i++)
		counts[(uint8_t)lower(label[i])]++;
	for (unsigned i = 0; i < 256; i++) {
		if (counts[i])
			bits += counts[i] * log2((double)len / counts[i]);
	}
	return len ? (unsigned)lround(1000 * bits / len) : 0;
}

static void measure_label(struct dns_query *query, const uint8_t *label, unsigned len)
{
	const unsigned entropy = len < query->label_max ? 0 : entropy_of(label, len);

	if (len > query->label_max || (len == query->label_max && entropy > query->entropy)) {
		query->label_max = len;
		query->entropy = entropy;
	}
}

static char *put_label(char *to, const uint8_t *label, unsigned len)
{
	for (unsigned i = 0; i < len; i++) {
		const char c = lower(label[i]);

		if (c > ' ' && c < 0x7f && c != '.' && c != '\\')
			*to++ = c;
		else
			to += sprintf(to, "\\%03u", (unsigned)label[i]);
	}
	*to++ = '.';
	return to;
}

/* Reads a name without compression. Return: false if it is none. */
static bool take_name(struct reader *r, struct dns_query *query)
{
	const size_t before = r->left;
	char *to = query->name;

	for (;;) {
		const struct reader label = reader_vector(r, 1);
		const unsigned len = (unsigned)label.left;

		if (r->ended || len > MAX_LABEL_BYTES || before - r->left > DNS_MAX_NAME_BYTES)
			return false;
		if (len == 0)
			break;
		measure_label(query, label.at, len);
		to = put_label(to, label.at, len);
	}
	if (to > query->name + 1)
		to--; /* the final dot */
	else
		*to++ = '.';
	*to = '\0';
	query->is_host = names_canonical(query->name, (size_t)(to - query->name), query->name);
	return true;
}

static bool take_question(struct reader *r, struct dns_query *query)
{
	const uint8_t *const start = r->at;

	if (!take_name(r, query))
		return false;
	query->type = take_u16(r);
	query->class = take_u16(r);
	if (r->ended)
		return false;
	query->question = start;
	query->question_bytes = (size_t)(r->at - start);
	return true;
}

/* Steps over a name; a pointer ends it and is not followed. */
static bool skip_name(struct reader *r)
{
	for (;;) {
		const unsigned len = reader_number(r, 1);
		const bool is_pointer = (len & POINTER_BITS) == POINTER_BITS;

		if (!is_pointer && len > MAX_LABEL_BYTES)
			return false;
		(void)reader_take(r, is_pointer ? 1 : len);
		if (r->ended || is_pointer || len == 0)
			return !r->ended;
	}
}

/* Return: DNS_NOERROR, or the code to answer with. */
static int take_additional(struct reader *r, struct dns_query *query)
{
	const bool is_root = r->left > 0 && *r->at == 0;

	if (!skip_name(r))
		return DNS_FORMERR;
	const uint16_t type = take_u16(r);

	(void)reader_take(r, 3); /* class, of OPT how much the other side takes; code's high bits */
	const unsigned version = reader_number(r, 1);
	const uint16_t flags = take_u16(r);

	(void)reader_vector(r, 2);
	if (r->ended)
		return DNS_FORMERR;
	if (type != DNS_TYPE_OPT)
		return DNS_NOERROR;
	if (!is_root || query->has_edns)
		return DNS_FORMERR;
	query->has_edns = true;
	query->edns_flags = flags;
	return version == 0 ? DNS_NOERROR : DNS_BADVERS;
}

int dns_query_parse(const uint8_t *bytes, size_t len, struct dns_query *ret)
{
	struct reader r = {bytes, len, false};
	int rcode = DNS_NOERROR;

	*ret = (struct dns_query){0};
	if (len < DNS_HEADER_BYTES)
		return DNS_DROP;
	ret->id = take_u16(&r);
	ret->flags = take_u16(&r);
	const unsigned questions = take_u16(&r);
	const unsigned answers = take_u16(&r);
	const unsigned authority = take_u16(&r);
	const unsigned additional = take_u16(&r);

	if (ret->flags & FLAG_QR)
		return DNS_DROP;
	if (ret->flags & FLAG_OPCODE)
		return DNS_NOTIMP;
	if (questions != 1 || answers || authority || additional > MAX_ADDITIONAL)
		return DNS_FORMERR;
	if (!take_question(&r, ret))
		return DNS_FORMERR;
	for (unsigned i = 0; i < additional && rcode == DNS_NOERROR; i++)
		rcode = take_additional(&r, ret);
	if (rcode == DNS_NOERROR && r.left > 0)
		rcode = DNS_FORMERR;
	return rcode;
}

const char *dns_type_name(uint16_t type, char room[10])
{
	static const struct {
		uint16_t type;
		const char *name;
	} types[] = {
		{DNS_TYPE_A, "A"}, {DNS_TYPE_AAAA, "AAAA"},
		{65, "HTTPS"},	   {DNS_TYPE_PTR, "PTR"},
		{2, "NS"},	   {5, "CNAME"},
		{6, "SOA"},	   {10, "NULL"},
		{13, "HINFO"},	   {15, "MX"},
		{16, "TXT"},	   {33, "SRV"},
		{35, "NAPTR"},	   {43, "DS"},
		{46, "RRSIG"},	   {48, "DNSKEY"},
		{52, "TLSA"},	   {64, "SVCB"},
		{251, "IXFR"},	   {252, "AXFR"},
		{255, "ANY"},	   {256, "URI"},
		{257, "CAA"},
	};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (types[i].type == type)
			return types[i].name;
	}
	(void)snprintf(room, 10, "TYPE%u", type);
	return room;
}

static uint8_t *put_u16(uint8_t *to, unsigned value)
{
	to[0] = (uint8_t)(value >> 8);
	to[1] = (uint8_t)value;
	return to + 2;
}

/* The record's head up to its length; its owner is the name asked for. */
static uint8_t *put_record(uint8_t *to, unsigned type)
{
	to = put_u16(to, QUESTION_POINTER);
	to = put_u16(to, type);
	to = put_u16(to, DNS_CLASS_IN);
	to = put_u16(to, 0);
	return put_u16(to, TTL_SECONDS);
}

static uint8_t *put_address(uint8_t *to, const struct dns_query *query,
			    const struct dns_reply *reply)
{
	const unsigned bytes = query->type == DNS_TYPE_A ? 4 : 16;

	to = put_record(to, query->type);
	to = put_u16(to, bytes);
	memcpy(to, reply->address + 16 - bytes, bytes);
	return to + bytes;
}

static uint8_t *put_ptr(uint8_t *to, const char *name)
{
	to = put_record(to, DNS_TYPE_PTR);
	to = put_u16(to, (unsigned)strlen(name) + 2);
	for (;;) {
		const size_t len = strcspn(name, ".");

		*to++ = (uint8_t)len;
		memcpy(to, name, len);
		to += len;
		if (!name[len])
			break;
		name += len + 1;
	}
	*to++ = 0;
	return to;
}

static uint8_t *put_opt(uint8_t *to, const uint8_t *end, const struct dns_query *query,
			const struct dns_reply *reply)
{
	const size_t room = (size_t)(end - to) - OPT_BYTES;
	const size_t wanted = reply->ede_text ? strlen(reply->ede_text) : 0;
	size_t text = 0, option = 0;

	if (reply->ede != DNS_EDE_NONE && room >= EDE_HEAD_BYTES) {
		text = wanted < room - EDE_HEAD_BYTES ? wanted : room - EDE_HEAD_BYTES;
		/* No half of a character at its end. */
		while (text < wanted && text > 0 && (reply->ede_text[text] & 0xc0) == 0x80)
			text--;
		option = EDE_HEAD_BYTES + text;
	}
	*to++ = 0;
	to = put_u16(to, DNS_TYPE_OPT);
	to = put_u16(to, OUR_UDP_BYTES);
	to = put_u16(to, (reply->rcode >> 4) << 8);
	to = put_u16(to, query->edns_flags & EDNS_DO);
	to = put_u16(to, (unsigned)option);
	if (option == 0)
		return to;
	to = put_u16(to, EDE_OPTION);
	to = put_u16(to, (unsigned)text + 2);
	to = put_u16(to, reply->ede);
	if (text > 0)
		memcpy(to, reply->ede_text, text);
	return to + text;
}

size_t dns_reply_write(const struct dns_query *query, const struct dns_reply *reply,
		       uint8_t ret[DNS_REPLY_BYTES])
{
	const unsigned kept = query->flags & (FLAG_OPCODE | FLAG_RD | FLAG_CD);
	const bool has_ptr = reply->ptr_name != NULL;
	uint8_t *to = ret;

	to = put_u16(to, query->id);
	to = put_u16(to, FLAG_QR | FLAG_RA | kept | (reply->rcode & 0xf));
	to = put_u16(to, query->question_bytes ? 1 : 0);
	to = put_u16(to, reply->has_address || has_ptr);
	to = put_u16(to, 0);
	to = put_u16(to, query->has_edns);
	if (query->question_bytes)
		memcpy(to, query->question, query->question_bytes);
	to += query->question_bytes;
	if (reply->has_address)
		to = put_address(to, query, reply);
	else if (has_ptr)
		to = put_ptr(to, reply->ptr_name);
	if (query->has_edns)
		to = put_opt(to, ret + DNS_REPLY_BYTES, query, reply);
	return (size_t)(to - ret);
}
