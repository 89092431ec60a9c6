/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Theory of operation: a line ends in a tail of fixed shape,
 *
 *	...,"prev":"<64>","hash":"<64>"}                        any event
 *	...,"prev":"<64>","hash":"<64>","signature":"<128>"}    session.end
 *
 * so that the bytes which the hash covers are found from the end, without an interpretation of the
 * line that another reader may not share. Only then the members are looked at. The order of the
 * checks is that of the most telling reason: a line that is whole in itself but does not follow was
 * moved, removed or put in; one that does not fit its own hash was changed.
 */

#include "monitor/evidence/chain.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "common/hex.h"
#include "common/json.h"

#define PREV	  ",\"prev\":\""
#define HASH	  "\",\"hash\":\""
#define SIGNATURE "\",\"signature\":\""
#define END	  "\"}"
#define LEN(_s)	  (sizeof(_s) - 1)

#define PREV_BYTES  (LEN(PREV) + CHAIN_HEX)
#define TAIL_BYTES  (PREV_BYTES + LEN(HASH) + CHAIN_HEX + LEN(END))
#define FINAL_BYTES (TAIL_BYTES + LEN(SIGNATURE) + SIGN_HEX)

static const char no_hash[CHAIN_HEX + 1] =
	"0000000000000000000000000000000000000000000000000000000000000000";

struct chain_line {
	size_t hashed; /* bytes that the hash covers */
	const char *prev;
	const char *hash;
	const char *signature; /* NULL: none */
	uint64_t seq;
	const char *session; /* with its quotes */
	size_t session_len;
	bool is_start;
	bool is_end;
};

void chain_hash(const char *line, size_t len, char ret_hex[CHAIN_HEX + 1])
{
	unsigned char hash[crypto_generichash_BYTES];

	(void)crypto_generichash(hash, sizeof(hash), (const unsigned char *)line, len, NULL, 0);
	hex_put(hash, sizeof(hash), ret_hex);
}

#define SIGNED_BYTES (LEN(RECORD_SIGNED_PREFIX) + CHAIN_HEX / 2)

static bool signed_text(const char *head, unsigned char ret[SIGNED_BYTES])
{
	(void)memcpy(ret, RECORD_SIGNED_PREFIX, LEN(RECORD_SIGNED_PREFIX));
	return hex_get(head, CHAIN_HEX / 2, ret + LEN(RECORD_SIGNED_PREFIX));
}

void chain_sign(const char head[CHAIN_HEX + 1], const unsigned char *secret,
		char ret_hex[SIGN_HEX + 1])
{
	unsigned char text[SIGNED_BYTES];
	unsigned char signature[crypto_sign_BYTES];

	(void)signed_text(head, text);
	(void)crypto_sign_detached(signature, NULL, text, sizeof(text), secret);
	hex_put(signature, sizeof(signature), ret_hex);
}

static bool signature_holds(const char *head, const char *signature_hex, const char *signer_hex)
{
	unsigned char text[SIGNED_BYTES];
	unsigned char signature[crypto_sign_BYTES];
	unsigned char signer[crypto_sign_PUBLICKEYBYTES];

	return signed_text(head, text) && hex_get(signature_hex, sizeof(signature), signature) &&
	       hex_get(signer_hex, sizeof(signer), signer) &&
	       crypto_sign_verify_detached(signature, text, sizeof(text), signer) == 0;
}

/* A member that must be a string of hex digits; NULL if it is not. */
static const char *hex_member(const char *line, size_t len, const char *name, size_t digits)
{
	const char *at;
	size_t n;

	if (json_member_raw(line, len, name, &at, &n) < 0 || n != digits + 2 || *at != '"')
		return NULL;
	return at + 1;
}

static bool find_tail(const char *line, size_t len, struct chain_line *l)
{
	const char *end = line + len;
	size_t tail = TAIL_BYTES;

	if (len >= FINAL_BYTES &&
	    memcmp(end - LEN(END) - SIGN_HEX - LEN(SIGNATURE), SIGNATURE, LEN(SIGNATURE)) == 0)
		tail = FINAL_BYTES;
	if (len < tail || memcmp(end - tail, PREV, LEN(PREV)) != 0 ||
	    memcmp(end - tail + PREV_BYTES, HASH, LEN(HASH)) != 0 ||
	    memcmp(end - LEN(END), END, LEN(END)) != 0)
		return false;
	l->hashed = len - tail + PREV_BYTES + 1; /* with prev's closing quote */
	l->prev = end - tail + LEN(PREV);
	l->hash = end - tail + PREV_BYTES + LEN(HASH);
	l->signature = tail == FINAL_BYTES ? end - LEN(END) - SIGN_HEX : NULL;
	return true;
}

static bool raw_is(const char *at, size_t len, const char *text)
{
	return len == strlen(text) && memcmp(at, text, len) == 0;
}

static bool find_members(const char *line, size_t len, struct chain_line *l)
{
	const char *at;
	size_t n;
	char *end;

	if (json_member_raw(line, len, "seq", &at, &n) < 0 || n == 0 || n > 19 || *at < '0' ||
	    *at > '9')
		return false;
	l->seq = strtoull(at, &end, 10);
	if (end != at + n)
		return false;
	if (json_member_raw(line, len, "session", &l->session, &l->session_len) < 0 ||
	    *l->session != '"' || l->session_len < 3 ||
	    l->session_len - 2 >= sizeof(((struct chain_check *)0)->session))
		return false;
	if (json_member_raw(line, len, "kind", &at, &n) < 0 || *at != '"')
		return false;
	l->is_start = raw_is(at, n, "\"session.start\"");
	l->is_end = raw_is(at, n, "\"session.end\"");
	return true;
}

/* What is wrong with a whole line's place in the chain; NULL if nothing is. */
static const char *wrong_place(const struct chain_check *check, const struct chain_line *l)
{
	const bool first = check->lines == 0;

	if (check->closed)
		return "something follows the end of the session";
	if (!first && (l->session_len - 2 != strlen(check->session) ||
		       memcmp(l->session + 1, check->session, l->session_len - 2) != 0))
		return "the line belongs to another session";
	if (l->seq > check->lines)
		return "lines before this one were removed";
	if (l->seq < check->lines)
		return "the line was repeated or moved here";
	if (first != l->is_start)
		return first ? "the record does not begin with session.start"
			     : "a second session.start";
	if (memcmp(l->prev, first ? no_hash : check->head, CHAIN_HEX) != 0)
		return "the line does not follow the one before it";
	if (l->is_end != (l->signature != NULL))
		return l->is_end ? "session.end without a signature"
				 : "a signature on an event that is not session.end";
	return NULL;
}

static int refuse(char *ret_reason, size_t size, const char *reason)
{
	(void)snprintf(ret_reason, size, "%s", reason);
	return -EBADMSG;
}

int chain_check_line(struct chain_check *check, const char *line, size_t len, char *ret_reason,
		     size_t reason_size)
{
	struct chain_line l = {0};
	struct error err = {0};
	char hash[CHAIN_HEX + 1];
	const char *signer = NULL;
	const char *wrong;

	if (json_check(line, len, &err) < 0) {
		(void)snprintf(ret_reason, reason_size, "the line is not JSON: %s", err.text);
		return -EBADMSG;
	}
	if (!find_tail(line, len, &l))
		return refuse(ret_reason, reason_size, "the line does not end in its hash");
	chain_hash(line, l.hashed, hash);
	if (memcmp(hash, l.hash, CHAIN_HEX) != 0)
		return refuse(ret_reason, reason_size,
			      "the line was changed: it does not fit its hash");
	if (!find_members(line, len, &l))
		return refuse(ret_reason, reason_size, "seq, session or kind is missing");
	wrong = wrong_place(check, &l);
	if (wrong)
		return refuse(ret_reason, reason_size, wrong);
	if (l.is_end) {
		signer = hex_member(line, len, "signer", CHAIN_HEX);
		if (!signer || !signature_holds(hash, l.signature, signer))
			return refuse(ret_reason, reason_size,
				      "the signature is not the signer's over this record");
		(void)memcpy(check->signer, signer, CHAIN_HEX);
		check->closed = true;
	}
	(void)memcpy(check->head, hash, sizeof(hash));
	if (!check->lines)
		(void)memcpy(check->session, l.session + 1, l.session_len - 2);
	check->lines++;
	return 0;
}
