/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cordon/log/log_severity.h"

#include <string.h>

static const char *const names[] = {NULL, "low", "medium", "high", "critical"};

unsigned log_severity_by_name(const char *name)
{
	for (unsigned i = 1; name && i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(name, names[i]) == 0)
			return i;
	return 0;
}

bool log_is_observed(const struct json *also)
{
	const char *mode = json_get_string(also, "mode");

	return mode && strcmp(mode, "observe") == 0;
}

static unsigned severity_in(const struct json *object)
{
	return log_severity_by_name(json_get_string(object, "severity"));
}

unsigned log_severity_of(const struct json *event)
{
	unsigned worst = severity_in(event);

	for (const struct json *a = json_first(json_get(event, "also")); a; a = json_next(a))
		if (!log_is_observed(a) && severity_in(a) > worst)
			worst = severity_in(a);
	return worst;
}

const char *log_severity_name_of(const struct json *event)
{
	return names[log_severity_of(event)];
}
