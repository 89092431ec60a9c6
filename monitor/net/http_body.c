/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/net/http_body.h"

#include "common/hex.h"
#include "monitor/net/http_head.h"

#define MAX_SIZE_DIGITS 12u

void http_body_init(struct http_body *body, int64_t bytes)
{
	*body = (struct http_body){.state = BODY_DATA};
	if (bytes == HTTP_CHUNKED)
		body->state = BODY_SIZE;
	else if (bytes == 0)
		body->state = BODY_OVER;
	else
		body->left = (uint64_t)bytes;
}

static bool take_size(struct http_body *body, uint8_t c)
{
	const int digit = hex_value((char)c);

	if (digit >= 0 && body->digits < MAX_SIZE_DIGITS) {
		body->left = body->left << 4 | (unsigned)digit;
		body->digits++;
		return true;
	}
	body->state = BODY_SIZE_LF;
	return c == '\r' && body->digits;
}

/* One byte that is no content. */
static bool take_framing(struct http_body *body, uint8_t c)
{
	switch (body->state) {
	case BODY_SIZE:
		return take_size(body, c);
	case BODY_SIZE_LF:
		body->state = body->left ? BODY_CHUNK : BODY_LAST_CR;
		return c == '\n';
	case BODY_CHUNK_CR:
		body->state = BODY_CHUNK_LF;
		return c == '\r';
	case BODY_CHUNK_LF:
		body->state = BODY_SIZE;
		body->digits = 0;
		return c == '\n';
	case BODY_LAST_CR:
		body->state = BODY_LAST_LF;
		return c == '\r';
	case BODY_LAST_LF:
		body->state = BODY_OVER;
		return c == '\n';
	case BODY_DATA:
	case BODY_CHUNK:
	case BODY_OVER:
	case BODY_BAD:
		break;
	}
	return false;
}

static bool is_framing(enum body_state state)
{
	return state != BODY_DATA && state != BODY_CHUNK && state != BODY_OVER && state != BODY_BAD;
}

size_t http_body_data(const struct http_body *body, size_t len)
{
	if (body->state != BODY_DATA && body->state != BODY_CHUNK)
		return 0;
	return len < body->left ? len : (size_t)body->left;
}

enum body_outcome http_body_feed(struct http_body *body, const uint8_t *bytes, size_t len,
				 size_t *ret_taken, const char **ret_why)
{
	size_t taken = http_body_data(body, len);

	if (taken) {
		*ret_taken = taken;
		body->left -= taken;
		if (!body->left)
			body->state = body->state == BODY_DATA ? BODY_OVER : BODY_CHUNK_CR;
		return BODY_IS_DATA;
	}
	while (taken < len && is_framing(body->state)) {
		if (take_framing(body, bytes[taken]))
			taken++;
		else
			body->state = BODY_BAD;
	}
	*ret_taken = taken;
	if (taken)
		return BODY_IS_FRAMING;
	*ret_why = "a chunk of the request's body is malformed";
	return BODY_IS_BROKEN;
}
