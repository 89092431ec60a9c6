/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* `cordon log verify`. */

#include <stdbool.h>
#include <stddef.h>

/* Exit statuses of `cordon log`. */
enum log_status {
	LOG_STATUS_CLOSED = 0,
	LOG_STATUS_BROKEN = 1,
	LOG_STATUS_USAGE = 2,
	LOG_STATUS_CUT = 3,
};

/*
 * Says of each file whether it is a whole record. @signer: who must have signed, "any", or NULL for
 * this host's record key. @json: one document of all files. Return: enum log_status, the worst of
 * them.
 */
int log_verify(char *const *files, size_t count, const char *signer, bool json);
