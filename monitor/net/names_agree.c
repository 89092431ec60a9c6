/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "monitor/net/first_bytes.h"
#include "monitor/net/names.h"

static bool is_target(const char *said, const struct first_target *target)
{
	char canonical[MAX_NAME_BYTES + 1];
	struct endpoint address = {.port = target->endpoint.port};

	if (target->name)
		return names_canonical(said, strlen(said), canonical) &&
		       strcmp(canonical, target->name) == 0;
	return endpoint_parse(said, &address) && endpoint_equal(&address, &target->endpoint);
}

static bool says_hello(const struct first_seen *seen)
{
	return strcmp(seen->protocol, "tls") == 0 || strcmp(seen->protocol, "quic") == 0;
}

static const char *disagreement(const struct first_seen *seen, const struct first_target *target)
{
	if (says_hello(seen) && seen->tls.sni[0] && !is_target(seen->tls.sni, target))
		return "the TLS server name is not the host that was connected to";
	if (strcmp(seen->protocol, "http") != 0)
		return NULL;
	if (seen->http.host[0] && !is_target(seen->http.host, target))
		return seen->http.is_connect
			       ? "CONNECT asks for another host than the one connected to"
			       : "the request's Host is not the host that was connected to";
	if (seen->http.port >= 0 && seen->http.port != target->endpoint.port)
		return "the request names another port than the one connected to";
	return NULL;
}

bool names_agree(const struct first_seen *seen, const struct first_target *target,
		 const char **ret_why)
{
	*ret_why = seen->broken ? seen->broken : disagreement(seen, target);
	return !*ret_why;
}
