/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/net/body_start.h"

#include "monitor/net/first_line.h"
#include "monitor/net/http_head.h"

static void begin(struct body_start *start, unsigned state)
{
	start->state = state;
	start->has_space = true;
	start->matched = 0;
}

/* Counts as long as all bytes were those of @word; one more than it has if some was not. */
static void match(struct body_start *start, const char *word, unsigned len, uint8_t c)
{
	if (start->matched < len && c == (uint8_t)word[start->matched])
		start->matched++;
	else
		start->matched = len + 1;
}

static void method_byte(struct body_start *start, uint8_t c)
{
	if (first_line_is_space(c)) {
		start->is_get = start->matched == 3;
		begin(start, BODY_START_TARGET);
	} else if (http_is_token(c)) {
		match(start, "GET", 3, c);
	} else {
		start->state = BODY_START_ELSE;
	}
}

static bool version_byte(struct body_start *start, uint8_t c)
{
	if (start->has_space && first_line_is_space(c))
		return false;
	if (start->has_space && c == '\n') {
		start->state = BODY_START_ELSE;
		return start->is_get;
	}
	start->has_space = false;
	match(start, "HTTP/", 5, c >= 'a' && c <= 'z' ? (uint8_t)(c - 'a' + 'A') : c);
	if (start->matched > 5)
		start->state = BODY_START_ELSE;
	return start->matched == 5;
}

static bool target_byte(struct body_start *start, uint8_t c)
{
	if (c == '\n' && start->has_space)
		start->state = BODY_START_ELSE;
	else if (!first_line_is_space(c) && c != '\n')
		start->has_space = false;
	else if (!start->has_space)
		begin(start, BODY_START_VERSION);
	return start->state == BODY_START_VERSION && c == '\n' && version_byte(start, c);
}

static bool is_request(struct body_start *start, uint8_t c)
{
	switch (start->state) {
	case BODY_START_BLANK:
		if (c == '\n' || first_line_is_space(c))
			return false;
		begin(start, BODY_START_METHOD);
		method_byte(start, c);
		return false;
	case BODY_START_METHOD:
		method_byte(start, c);
		return false;
	case BODY_START_TARGET:
		return target_byte(start, c);
	case BODY_START_VERSION:
		return version_byte(start, c);
	case BODY_START_REQUEST:
		return true;
	case BODY_START_ELSE:
		break;
	}
	return false;
}

size_t body_start_feed(struct body_start *start, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len && start->state != BODY_START_ELSE; i++) {
		if (is_request(start, bytes[i])) {
			start->state = BODY_START_REQUEST;
			return i;
		}
	}
	return len;
}

bool body_start_end(const struct body_start *start)
{
	return start->is_get && ((start->state == BODY_START_TARGET && !start->has_space) ||
				 (start->state == BODY_START_VERSION && start->has_space));
}
