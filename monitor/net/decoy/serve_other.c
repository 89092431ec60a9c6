/* SPDX-License-Identifier: Apache-2.0 */

/* What is no protocol that we know: all of it is taken, nothing is said. */

#include <string.h>

#include "common/cleanup.h"
#include "monitor/net/decoy/visit.h"

static void begin(struct visit *visit)
{
	visit->talk = xcalloc(1, sizeof(struct evidence));
	evidence_begin(visit->talk, &visit->decoy->store);
}

static void free_talk(struct visit *visit)
{
	evidence_done(visit->talk);
	free(visit->talk);
}

static size_t take(struct visit *visit, const char *bytes, size_t len)
{
	evidence_add(visit->talk, bytes, len);
	return len;
}

static void end(struct visit *visit)
{
	struct decoy_request told = {
		.service = "sink", .host = "", .method = "", .path = "", .detail = ""};

	evidence_tell(visit->talk, &told);
	visit_tell(visit, &told);
}

const struct protocol other_protocol = {.name = "other",
					.secured_name = "other",
					.begin = begin,
					.take = take,
					.end = end,
					.free = free_talk};
