/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/net/tls_hello.h"

#include <string.h>

#include "monitor/net/reader.h"

/* RFC 8446 4.2, and the registry of TLS ExtensionType values. */
enum extension {
	EXTENSION_SERVER_NAME = 0,
	EXTENSION_ALPN = 16,
	EXTENSION_EARLY_DATA = 42,
	EXTENSION_ENCRYPTED_CLIENT_HELLO = 0xfe0d,
	/* Of the drafts before it: encrypted_server_name, and ECH by its old numbers. */
	EXTENSION_ENCRYPTED_SERVER_NAME = 0xffce,
	EXTENSION_ECH_DRAFT_FIRST = 0xfe08,
};

enum {
	NAME_TYPE_HOST = 0
};

static const char malformed[] = "the ClientHello is malformed";

/* One name, of the only type there is. Others could be read by a server that knows them. */
static const char *parse_server_name(struct reader body, struct tls_hello *ret)
{
	struct reader list = reader_vector(&body, 2);
	const uint32_t type = reader_number(&list, 1);
	struct reader name = reader_vector(&list, 2);

	if (body.ended || body.left || list.ended || name.ended)
		return "the server name of the ClientHello is malformed";
	if (type != NAME_TYPE_HOST)
		return "the server name of the ClientHello is of a type that is not known";
	if (list.left)
		return "the ClientHello names several servers";
	if (!name.left || name.left > MAX_HOST_BYTES || memchr(name.at, 0, name.left))
		return "the server name of the ClientHello is no host name";
	memcpy(ret->sni, name.at, name.left);
	ret->sni[name.left] = '\0';
	return NULL;
}

/* RFC 8701: values that mean nothing and keep servers from being picky. */
static bool is_grease(const struct reader *protocol)
{
	return protocol->left == 2 && protocol->at[0] == protocol->at[1] &&
	       (protocol->at[0] & 0x0f) == 0x0a;
}

/* Rules compare texts: what is none is shown as such. What they could not see is refused. */
static const char *add_protocol(struct tls_hello *ret, const struct reader *protocol)
{
	char *to = ret->alpn + ret->alpn_bytes;

	if (is_grease(protocol))
		return NULL;
	if (ret->alpn_count == MAX_ALPN || protocol->left >= MAX_ALPN_BYTES - ret->alpn_bytes)
		return "the ClientHello offers more protocols than rules are shown";
	for (size_t i = 0; i < protocol->left; i++) {
		const uint8_t c = protocol->at[i];

		to[i] = c > 0x20 && c < 0x7f ? (char)c : '?';
	}
	to[protocol->left] = '\0';
	ret->alpn_bytes += (unsigned)protocol->left + 1;
	ret->alpn_count++;
	return NULL;
}

static const char *parse_alpn(struct reader body, struct tls_hello *ret)
{
	struct reader list = reader_vector(&body, 2);
	const char *why = NULL;

	if (body.ended || body.left || !list.left)
		return malformed;
	while (list.left && !why) {
		const struct reader protocol = reader_vector(&list, 1);

		if (list.ended || !protocol.left)
			return malformed;
		why = add_protocol(ret, &protocol);
	}
	return why;
}

struct seen_extensions {
	bool server_name;
	bool alpn;
};

static const char *parse_extension(uint32_t type, struct reader body, struct seen_extensions *seen,
				   struct tls_hello *ret)
{
	switch (type) {
	case EXTENSION_SERVER_NAME:
		if (seen->server_name)
			return "the ClientHello has two server names";
		seen->server_name = true;
		return parse_server_name(body, ret);
	case EXTENSION_ALPN:
		if (seen->alpn)
			return "the ClientHello has two lists of protocols";
		seen->alpn = true;
		return parse_alpn(body, ret);
	case EXTENSION_EARLY_DATA:
		ret->early_data = true;
		return NULL;
	case EXTENSION_ENCRYPTED_CLIENT_HELLO:
	case EXTENSION_ENCRYPTED_SERVER_NAME:
		ret->ech = true;
		return NULL;
	default:
		if (type >= EXTENSION_ECH_DRAFT_FIRST && type < EXTENSION_ENCRYPTED_CLIENT_HELLO)
			ret->ech = true;
		return NULL;
	}
}

const char *tls_hello_parse(const uint8_t *bytes, size_t len, struct tls_hello *ret)
{
	struct reader hello = {bytes, len, false};
	struct seen_extensions seen = {0};

	memset(ret, 0, sizeof(*ret));
	const uint32_t version = reader_number(&hello, 2);

	(void)reader_take(&hello, 32); /* random */
	const struct reader session_id = reader_vector(&hello, 1);
	const struct reader suites = reader_vector(&hello, 2);
	const struct reader compressions = reader_vector(&hello, 1);

	if (hello.ended || version >> 8 != 3 || session_id.left > 32 || !suites.left ||
	    suites.left % 2 || !compressions.left)
		return malformed;
	if (!hello.left) /* before TLS 1.2 there may be no extensions at all */
		return NULL;
	struct reader extensions = reader_vector(&hello, 2);

	if (hello.ended || hello.left)
		return malformed;
	while (extensions.left) {
		const uint32_t type = reader_number(&extensions, 2);
		const struct reader body = reader_vector(&extensions, 2);

		if (extensions.ended)
			return malformed;
		const char *why = parse_extension(type, body, &seen, ret);

		if (why)
			return why;
	}
	return NULL;
}
