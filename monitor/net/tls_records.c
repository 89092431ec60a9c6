/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/net/tls_records.h"

#include <string.h>

#include "monitor/net/tls_hello.h"

enum {
	RECORD_HANDSHAKE = 22,
	HANDSHAKE_CLIENT_HELLO = 1
};

#define MAX_RECORD	 (16u << 10) /* of a record that is not encrypted */
#define HANDSHAKE_HEADER 4u

void tls_records_init(struct tls_records *records)
{
	*records = (struct tls_records){.message = BUF_INIT(MAX_TLS_HELLO + HANDSHAKE_HEADER + 1)};
}

void tls_records_done(struct tls_records *records)
{
	buf_done(&records->message);
}

static const char *check_record(const uint8_t header[5], size_t *ret_len)
{
	const size_t len = (size_t)header[3] << 8 | header[4];

	if (header[0] != RECORD_HANDSHAKE)
		return "the ClientHello is interrupted by another TLS record";
	if (header[1] != 3 || header[2] > 4)
		return "the TLS record has a version that does not exist";
	if (!len || len > MAX_RECORD)
		return "the TLS record has a length that is not allowed";
	*ret_len = len;
	return NULL;
}

/* Bytes of the message without its header; only once the header is whole. */
static size_t body_len(const struct tls_records *records)
{
	const uint8_t *at = (const uint8_t *)records->message.data;

	return (size_t)at[1] << 16 | (size_t)at[2] << 8 | at[3];
}

static const char *check_message(const struct tls_records *records)
{
	if (records->message.len && records->message.data[0] != HANDSHAKE_CLIENT_HELLO)
		return "the first TLS message is no ClientHello";
	if (records->message.len < HANDSHAKE_HEADER)
		return NULL;
	if (body_len(records) > MAX_TLS_HELLO)
		return "the ClientHello is too long";
	if (records->message.len - HANDSHAKE_HEADER > body_len(records))
		return "there is another TLS message behind the ClientHello";
	return NULL;
}

static size_t less(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* One step: bytes of a record's header, or of its content up to where the message can be judged. */
static size_t take(struct tls_records *records, const uint8_t *bytes, size_t len,
		   const char **ret_why)
{
	size_t taken;

	if (!records->record_left) {
		records->header[records->header_len++] = bytes[0];
		if (records->header_len == sizeof(records->header)) {
			*ret_why = check_record(records->header, &records->record_left);
			records->header_len = 0;
		}
		return 1;
	}
	taken = less(len, records->record_left);
	if (records->message.len < HANDSHAKE_HEADER)
		taken = less(taken, HANDSHAKE_HEADER - records->message.len);
	else /* one byte more than there is to be: then it is too much */
		taken = less(taken,
			     HANDSHAKE_HEADER + body_len(records) - records->message.len + 1);
	buf_put(&records->message, bytes, taken);
	records->record_left -= taken;
	*ret_why = check_message(records);
	return taken;
}

enum tls_outcome tls_records_feed(struct tls_records *records, const uint8_t *bytes, size_t len,
				  size_t *ret_taken, const char **ret_why)
{
	*ret_why = NULL;
	*ret_taken = 0;
	while (*ret_taken < len) {
		*ret_taken += take(records, bytes + *ret_taken, len - *ret_taken, ret_why);
		if (*ret_why)
			return TLS_BROKEN;
		if (!records->record_left && !records->header_len &&
		    records->message.len >= HANDSHAKE_HEADER &&
		    records->message.len == HANDSHAKE_HEADER + body_len(records))
			return TLS_HELLO;
	}
	return TLS_MORE;
}

const uint8_t *tls_records_hello(const struct tls_records *records, size_t *ret_len)
{
	*ret_len = body_len(records);
	return (const uint8_t *)records->message.data + HANDSHAKE_HEADER;
}
