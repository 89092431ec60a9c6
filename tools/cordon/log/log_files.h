/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The events of records to stdout, checked on the way.
 */

#include <stddef.h>

#include "tools/cordon/log/log_export.h"
#include "tools/cordon/log/log_show.h"

/* Return: exit status; LOG_STATUS_BROKEN (log_verify.h) if a line does not fit or cannot be read.
 */
int log_files(char *const *files, size_t count, const struct log_filter *filter,
	      enum log_format format);
