/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/test.h"

#include <string.h>

#include <sodium.h>

#include "monitor/trace/internal.h"

/* libsodium's short hash is SipHash-2-4, too. It takes the padding and the length as bytes. */
static void test_is_siphash(void **state)
{
	unsigned char bytes[300], filled[512], key[crypto_shorthash_KEYBYTES] = {0};
	uint64_t words[2];

	(void)state;
	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)(i * 7 + 1);
	for (unsigned i = 0; i < sizeof(key); i++)
		key[i] = (unsigned char)(255 - i);
	memcpy(words, key, sizeof(words));
	for (size_t len = 0; len <= sizeof(bytes); len += TRACE_CHUNK_BYTES) {
		uint64_t expected, hash = approval_hash(words, bytes, len);

		(void)crypto_shorthash((unsigned char *)&expected, bytes, len, key);
		assert_int_equal(hash, expected);
	}
	/* Between whole chunks: zeros follow, and only the length tells from zeros that are meant.
	 */
	memset(filled, 0, sizeof(filled));
	memcpy(filled, bytes, 130);
	assert_int_equal(approval_hash(words, filled, 130), approval_hash(words, bytes, 130));
	assert_int_not_equal(approval_hash(words, filled, 131), approval_hash(words, bytes, 130));
	assert_int_not_equal(
		approval_hash(words, filled, (130 / TRACE_CHUNK_BYTES + 1) * TRACE_CHUNK_BYTES),
		approval_hash(words, bytes, 130));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_is_siphash)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
