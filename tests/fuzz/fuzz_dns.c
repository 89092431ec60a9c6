/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A DNS message from inside: whatever it is, what is answered is one whole message that echoes the
 * question, says only what was asked, and names no address but a minted one or loopback.
 */

#include "tests/support/fuzz.h"

#include <string.h>

#include "monitor/net/dns_message.h"

#define QR	    0x80
#define POINTER	    "\xc0\x0c"
#define RECORD_HEAD 12u /* pointer, type, class, time to live, length */

static struct names *names;

static unsigned u16(const uint8_t *at)
{
	return (unsigned)at[0] << 8 | at[1];
}

static void check_name(const struct dns_query *query)
{
	char again[MAX_NAME_BYTES + 1];
	const size_t len = strlen(query->name);

	fuzz_expect(len > 0 && len < sizeof(query->name));
	for (size_t i = 0; i < len; i++)
		fuzz_expect(query->name[i] > ' ' && query->name[i] < 0x7f);
	fuzz_expect(query->label_max <= MAX_LABEL_BYTES && query->entropy <= 6000);
	fuzz_expect(query->is_host == names_canonical(query->name, len, again));
	fuzz_expect(!query->is_host || strcmp(query->name, again) == 0);
}

static void check_address(const struct dns_query *query, const struct dns_reply *reply)
{
	static const uint8_t v4[16] = {[10] = 0xff, 0xff, 127, 0, 0, 1};
	static const uint8_t v6[16] = {[15] = 1};
	const char *name = names_find(names, reply->address);

	fuzz_expect(query->type == DNS_TYPE_A || query->type == DNS_TYPE_AAAA);
	if (name)
		fuzz_expect(strcmp(name, query->name) == 0);
	else
		fuzz_expect(memcmp(reply->address, query->type == DNS_TYPE_A ? v4 : v6, 16) == 0);
}

/* Return: what is behind the records. */
static const uint8_t *check_records(const uint8_t *at, const uint8_t *end, unsigned count,
				    unsigned type)
{
	for (unsigned i = 0; i < count; i++) {
		fuzz_expect((size_t)(end - at) >= RECORD_HEAD);
		fuzz_expect(memcmp(at, POINTER, 2) == 0 && u16(at + 2) == type);
		fuzz_expect((size_t)(end - at) >= RECORD_HEAD + u16(at + 10));
		at += RECORD_HEAD + u16(at + 10);
	}
	return at;
}

static void check_head(const uint8_t *bytes, const struct dns_query *query,
		       const struct dns_reply *reply)
{
	fuzz_expect(u16(bytes) == query->id && (bytes[2] & QR));
	fuzz_expect((bytes[3] & 0xf) == (reply->rcode & 0xf));
	fuzz_expect(u16(bytes + 4) == (query->question_bytes > 0));
	fuzz_expect(u16(bytes + 8) == 0 && u16(bytes + 10) == query->has_edns);
}

/* Reads what was written as a resolver would. */
static void check_reply(const uint8_t *bytes, size_t len, const struct dns_query *query,
			const struct dns_reply *reply)
{
	const uint8_t *at = bytes + DNS_HEADER_BYTES + query->question_bytes;
	const uint8_t *const end = bytes + len;

	fuzz_expect(len >= DNS_HEADER_BYTES && len <= DNS_REPLY_BYTES);
	check_head(bytes, query, reply);
	if (query->question_bytes)
		fuzz_expect(memcmp(bytes + DNS_HEADER_BYTES, query->question,
				   query->question_bytes) == 0);
	at = check_records(at, end, u16(bytes + 6), query->type);
	if (query->has_edns) {
		fuzz_expect((size_t)(end - at) >= 11 && u16(at) == 0 && at[2] == DNS_TYPE_OPT);
		at += 11 + u16(at + 9);
	}
	fuzz_expect(at == end);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dns_reply reply = {.ede = DNS_EDE_NONE};
	uint8_t bytes[DNS_REPLY_BYTES];
	struct dns_query query;
	const int code = dns_query_parse(data, size, &query);

	if (code == DNS_DROP)
		return 0;
	if (!names || names_count(names) > 1000) {
		names_free(names);
		names = names_new();
	}
	if (code != DNS_NOERROR) {
		reply.rcode = (unsigned)code;
	} else {
		check_name(&query);
		fuzz_expect(dns_answer(names, &query, &reply) == 0);
	}
	if (reply.has_address)
		check_address(&query, &reply);
	check_reply(bytes, dns_reply_write(&query, &reply, bytes), &query, &reply);
	/* And what a rule's refusal adds. */
	reply = (struct dns_reply){
		.rcode = DNS_NXDOMAIN, .ede = DNS_EDE_FILTERED, .ede_text = query.name};
	check_reply(bytes, dns_reply_write(&query, &reply, bytes), &query, &reply);
	return 0;
}
