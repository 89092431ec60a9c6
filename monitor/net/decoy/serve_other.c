/* SPDX-License-Identifier: Apache-2.0 */

/* What is no protocol that we know: all of it is taken, nothing is said. */

#include <string.h>

#include "common/cleanup.h"
#include "monitor/net/decoy/connection.h"

static void begin(struct connection *connection)
{
	connection->talk = xcalloc(1, sizeof(struct evidence));
	evidence_begin(connection->talk, &connection->decoy->store);
}

static void free_talk(struct connection *connection)
{
	evidence_done(connection->talk);
	free(connection->talk);
}

static size_t take(struct connection *connection, const char *bytes, size_t len)
{
	evidence_add(connection->talk, bytes, len);
	return len;
}

static void end(struct connection *connection)
{
	struct decoy_request told = {
		.service = "sink", .host = "", .method = "", .path = "", .detail = ""};

	evidence_tell(connection->talk, &told);
	connection_tell(connection, &told);
}

const struct protocol other_protocol = {"other", "other", begin, take, end, free_talk};
