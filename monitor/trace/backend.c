/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "monitor/trace/trace.h"

int trace_wanted_backend(enum trace_backend *ret, struct error *err)
{
	static const char *const names[] = {"auto", "lsm", "tracepoint"};
	const char *given = getenv("CORDON_TRACE_BACKEND"); /* NOLINT(concurrency-mt-unsafe) */

	*ret = TRACE_BACKEND_AUTO;
	for (int i = 0; given && i < 3; i++) {
		if (strcmp(given, names[i]) == 0) {
			*ret = (enum trace_backend)i;
			return 0;
		}
	}
	return given && given[0] ? error_set(err, EINVAL,
					     "CORDON_TRACE_BACKEND=%s: must be auto, lsm or "
					     "tracepoint",
					     given)
				 : 0;
}
