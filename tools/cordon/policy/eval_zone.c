/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tools/cordon/policy/eval_zone.h"

#define ZONES "/usr/share/zoneinfo/"

static bool is_zone_name(struct str name)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789_+-/";

	if (!name.len || name.len > 64 || *name.at == '/')
		return false;
	for (size_t i = 0; i < name.len; i++) {
		if (!name.at[i] || !strchr(allowed, name.at[i]))
			return false;
	}
	return true;
}

int eval_zone_offset(struct str name, int64_t seconds, int32_t *ret_offset)
{
	const time_t when = (time_t)seconds;
	char path[sizeof(ZONES) + 65];
	struct tm local;

	if (!is_zone_name(name))
		return -ENOENT;
	(void)snprintf(path, sizeof(path), ZONES "%.*s", (int)name.len, name.at);
	/* The libc takes a zone that is not there for UTC. */
	if (access(path, R_OK) < 0 || setenv("TZ", path, 1) < 0)
		return -ENOENT;
	tzset();
	if (!localtime_r(&when, &local))
		return -ENOENT;
	*ret_offset = (int32_t)local.tm_gmtoff;
	return 0;
}
