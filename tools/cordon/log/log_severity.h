/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * How severe an event is: as severe as the worst of the rules that matched, whichever of them
 * decided. A record of before rules beside that one were told has that one's severity.
 */

#include <stdbool.h>

#include "common/json.h"

/* 1 to 4, low to critical; 0: no such severity. @name may be NULL. */
unsigned log_severity_by_name(const char *name);

/* 0: no rule spoke. What is only observed counts for nothing. */
unsigned log_severity_of(const struct json *event);
/* Its name, or NULL. */
const char *log_severity_name_of(const struct json *event);

/* Of an entry of "also": its rule is only observed. */
bool log_is_observed(const struct json *also);
