/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/json_oracle.h"

#include <jansson.h>

bool json_oracle_accepts(const char *text, size_t len)
{
	/* Integers as doubles, as ours: else it refuses those over 64 bits. */
	const size_t flags = JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL;
	json_error_t error;
	json_t *doc = json_loadb(text, len, flags, &error);
	const bool accepted = doc != NULL;

	json_decref(doc);
	return accepted;
}
